import type { Rule } from '../../artifacts/rule.ts';
import type { Segment } from '../../knowledge/store.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import { canonical, isSame, listed, ruleLines } from './words.ts';

/** Segments that came, went, or say something else. */
export function segmentChanges(compared: Compared): readonly ImpactChange[] {
  const { base, branch } = compared;
  const added = [...branch.store.segments.values()]
    .filter(({ name }) => !base.store.segments.has(name))
    .map((segment) => addedSegment(segment, compared));
  const rest = [...base.store.segments.values()].flatMap((before) => {
    const after = branch.store.segments.get(before.name);
    return after === undefined ? [removedSegment(before, compared)] : changed(before, after, compared);
  });
  return [...added, ...rest];
}

export function addedSegment(segment: Segment, { reach }: Pick<Compared, 'reach'>): ImpactChange {
  const { activations } = reach.ofSegment(segment.name);
  return {
    ...plain(segment, reach.ofSegment(segment.name)),
    code: 'segment-added',
    severity: 'note',
    message: `The segment ${segment.name} of ${segment.entity} is new.`,
    effect: activations.length === 0 ? 'Nothing is sent of it yet.' : `Its members go to ${listed(activations)}.`,
    after: definitionLines(segment),
  };
}

function removedSegment(segment: Segment, { base, branch }: Compared): ImpactChange {
  const activations = [...base.store.activations.values()].filter(
    ({ parent }) => parent.kind === 'segment' && parent.name === segment.name,
  );
  const left = activations.filter(({ id }) => ![...branch.store.activations.values()].some(({ was }) => was === id));
  return {
    ...plain(segment, { segments: [segment.name], activations: activations.map(({ id }) => id).sort() }),
    code: 'segment-removed',
    severity: left.length > 0 ? 'attention' : 'note',
    message: `The segment ${segment.name} of ${segment.entity} is gone.`,
    effect:
      left.length === 0
        ? 'Nothing was sent of it under its own name.'
        : `Nothing is sent any more, and nobody is removed: what ${listed(left.map(({ id }) => id))} sent stays at the destination.`,
    before: definitionLines(segment),
    location: null,
  };
}

function changed(before: Segment, after: Segment, { reach }: Compared): readonly ImpactChange[] {
  const told = plain(after, reach.ofSegment(after.name));
  const limited = after.limit !== null || before.limit !== null;
  return [
    ...(before.entity === after.entity
      ? []
      : [
          {
            ...told,
            code: 'segment-entity-changed',
            severity: 'breaks' as const,
            message: `The segment ${after.name} is of ${after.entity}, before of ${before.entity}.`,
            effect:
              'Its keys are other ones: everything is sent anew and everybody who was sent leaves, unless the guard on key churn stops it.',
          },
        ]),
    ...(isSame(definitionOf(before), definitionOf(after))
      ? []
      : [
          {
            ...told,
            code: 'filter-changed',
            severity: 'attention' as const,
            message: `The rule of ${after.name} changed.`,
            effect: limited
              ? `${directionOf(before, after)} The limit then picks among those.`
              : directionOf(before, after),
            before: definitionLines(before),
            after: definitionLines(after),
          },
        ]),
    ...limitChange(before, after, told),
    ...holdoutChange(before, after, told),
    ...(before.materialized === after.materialized
      ? []
      : [
          {
            ...told,
            code: 'materialization-changed',
            severity: 'note' as const,
            message: `${after.name} is a ${after.materialized}, before a ${before.materialized}.`,
            effect:
              after.materialized === 'table'
                ? 'Its members are those of the last dbt build, no longer of the moment of the sync.'
                : 'Its members are those of the moment of the sync, no longer of the last dbt build.',
          },
        ]),
  ];
}

function limitChange(before: Segment, after: Segment, told: ImpactChange): readonly ImpactChange[] {
  if (isSame(before.limit, after.limit)) return [];
  const size = (limit: Segment['limit']): number =>
    limit === null ? Number.POSITIVE_INFINITY : (limit.rows ?? limit.percent ?? 0);
  const sameOrder =
    before.limit !== null &&
    after.limit !== null &&
    canonical([before.limit.by, before.limit.order, before.limit.rows === null]) ===
      canonical([after.limit.by, after.limit.order, after.limit.rows === null]);
  const isKind = sameOrder || before.limit === null || after.limit === null;
  const effect = !isKind
    ? 'The limit picks others: members enter and leave.'
    : size(after.limit) < size(before.limit)
      ? 'Those who no longer fit in leave; nobody enters for it.'
      : 'There is room for more: members enter, and nobody leaves for it.';
  const text = (limit: Segment['limit']): readonly string[] => [
    limit === null
      ? 'no limit'
      : `${limit.rows === null ? `${limit.percent} percent` : `${limit.rows} rows`} by ${limit.by.join('.')} ${limit.order}`,
  ];
  return [
    {
      ...told,
      code: 'limit-changed',
      severity: 'attention',
      message: `The limit of ${after.name} changed.`,
      effect,
      before: text(before.limit),
      after: text(after.limit),
    },
  ];
}

function holdoutChange(before: Segment, after: Segment, told: ImpactChange): readonly ImpactChange[] {
  if (isSame(before.holdout, after.holdout)) return [];
  const [was, is] = [before.holdout, after.holdout];
  const sameSalt = was === null || is === null || was.salt === is.salt;
  const effect = !sameSalt
    ? 'The control group is drawn anew: held-out members are sent, and others are removed from the destinations.'
    : (is?.percent ?? 0) > (was?.percent ?? 0)
      ? 'More members are held out: those are removed from the destinations.'
      : 'Fewer members are held out: the others are sent.';
  const text = (holdout: Segment['holdout']): readonly string[] => [
    holdout === null ? 'nobody held out' : `${holdout.percent} percent held out, salt ${holdout.salt}`,
  ];
  return [
    {
      ...told,
      code: 'holdout-changed',
      severity: 'attention',
      message: `The control group of ${after.name} changed.`,
      effect,
      before: text(was),
      after: text(is),
    },
  ];
}

function definitionOf({ definition }: Segment): unknown {
  return definition.kind === 'sql' ? ['sql', definition.node.uniqueId] : ['filter', definition.where];
}

function definitionLines({ definition }: Segment): readonly string[] {
  return definition.kind === 'sql' ? [`the rows of ${definition.node.uniqueId}`] : ruleLines(definition.where);
}

/** Who comes and who goes, where the two rules tell: the laws of two-valued logic hold whatever the data. */
function directionOf(before: Segment, after: Segment): string {
  const unknown = 'Members enter and leave wherever the two rules disagree.';
  if (before.definition.kind === 'sql' || after.definition.kind === 'sql') return unknown;
  const direction = compareRules(before.definition.where, after.definition.where);
  if (direction === 'narrower') return 'It asks for more: members who do not meet it leave, and nobody enters.';
  if (direction === 'wider') return 'It asks for less: others enter, and nobody leaves.';
  return unknown;
}

function compareRules(before: Rule | null, after: Rule | null): 'narrower' | 'wider' | null {
  if (before === null) return 'narrower';
  if (after === null) return 'wider';
  const all = compareSets(partsOf(before, 'all'), partsOf(after, 'all'));
  if (all !== null) return all === 'more' ? 'narrower' : 'wider';
  const any = compareSets(partsOf(before, 'any'), partsOf(after, 'any'));
  return any === null ? null : any === 'more' ? 'wider' : 'narrower';
}

/** The conditions of a group of this kind; a single condition is a group of one. */
function partsOf(rule: Rule, kind: 'all' | 'any'): ReadonlySet<string> {
  return new Set((rule.kind === kind ? rule.rules : [rule]).map(canonical));
}

function compareSets(before: ReadonlySet<string>, after: ReadonlySet<string>): 'more' | 'less' | null {
  if ([...before].every((part) => after.has(part)) && after.size > before.size) return 'more';
  return [...after].every((part) => before.has(part)) && before.size > after.size ? 'less' : null;
}

function plain(
  segment: Segment,
  reached: { readonly segments: readonly string[]; readonly activations: readonly string[] },
): ImpactChange {
  return {
    code: '',
    severity: 'note',
    subject: { kind: 'segment', name: segment.name },
    column: null,
    message: '',
    effect: '',
    before: null,
    after: null,
    guess: false,
    segments: reached.segments,
    activations: reached.activations,
    location: segment.origin.locate(segment.at),
  };
}
