import type { Entity, Relationship } from '../../knowledge/store.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import type { Reached } from './reach.ts';
import { isSame, listed, reachText, ruleLines } from './words.ts';

/** Entities: gone, and what makes them up: the key, which rows count, relationships, custom attributes. */
export function entityChanges(compared: Compared): readonly ImpactChange[] {
  const { base, branch, reach } = compared;
  const changes: ImpactChange[] = [];
  for (const before of base.store.entities.values()) {
    const after = branch.store.entities.get(before.name);
    if (after === undefined) changes.push(removedEntity(before, compared));
    else changes.push(...partsOf(before, after, reach.ofColumn(after.node.uniqueId, null)));
  }
  return changes;
}

function removedEntity(entity: Entity, { base, branch }: Compared): ImpactChange {
  const segments = [...base.store.segments.values()].filter((segment) => segment.entity === entity.name);
  const activations = [...base.store.activations.values()].filter((activation) => activation.entity === entity.name);
  const still = segments.filter(({ name }) => branch.store.segments.has(name));
  return {
    ...plain(entity, 'entity-removed'),
    severity: segments.length + activations.length > 0 ? 'breaks' : 'note',
    message: `The entity ${entity.name} is gone.`,
    effect:
      still.length > 0
        ? `Segments that name it cannot be built: ${listed(still.map(({ name }) => name))}.`
        : 'Its segments and activations are gone with it.',
    segments: segments.map(({ name }) => name).sort(),
    activations: activations.map(({ id }) => id).sort(),
    location: null,
  };
}

function partsOf(before: Entity, after: Entity, reached: Reached): readonly ImpactChange[] {
  const told = { ...plain(after, ''), ...reached };
  return [
    ...keyChanges(before, after, told),
    ...(isSame(before.where, after.where)
      ? []
      : [
          {
            ...told,
            code: 'entity-where-changed',
            severity: 'attention' as const,
            message: `Other rows of ${after.name} count: its \`where\` changed.`,
            effect: `Who the rule leaves out now leaves every segment of ${after.name}, and who it lets in may enter.`,
            before: ruleLines(before.where),
            after: ruleLines(after.where),
          },
        ]),
    ...(before.node.uniqueId === after.node.uniqueId
      ? []
      : [
          {
            ...told,
            code: 'entity-moved',
            severity: 'attention' as const,
            message: `The entity ${after.name} stands on another model: ${after.node.uniqueId}, before ${before.node.uniqueId}.`,
            effect: `Members and what is sent of them are read from there: ${reachText(reached)}.`,
          },
        ]),
    ...relationshipChanges(before, after, told),
    ...customAttributeChanges(before, after, told),
    ...(before.eventTime === after.eventTime
      ? []
      : [
          {
            ...told,
            code: 'event-time-changed',
            severity: 'attention' as const,
            message: `The event time of ${after.name} is ${after.eventTime ?? 'not stated any more'}, before ${before.eventTime ?? 'not stated'}.`,
            effect: 'Windows of time count other rows, and which events are new is judged by another time.',
          },
        ]),
  ];
}

function keyChanges(before: Entity, after: Entity, told: ImpactChange): readonly ImpactChange[] {
  if (isSame(before.primaryKey, after.primaryKey)) return [];
  const [was, is] = [before.primaryKey.join(', '), after.primaryKey.join(', ')];
  return [
    {
      ...told,
      code: 'primary-key-changed',
      severity: 'breaks',
      message:
        is === ''
          ? `The primary key of ${after.name} cannot be told any more; it was ${was}.`
          : `The primary key of ${after.name} is ${is}, before ${was}.`,
      effect:
        is === ''
          ? 'Its segments and activations cannot be built until `primary_key` says it.'
          : 'To the snapshots every row is a new one, and every one that was sent has left: everything is sent again and the old removed, unless the guard on key churn stops it.',
      before: before.primaryKey,
      after: after.primaryKey,
    },
  ];
}

function relationshipChanges(before: Entity, after: Entity, told: ImpactChange): readonly ImpactChange[] {
  return [...before.relationships.values()].flatMap((was): ImpactChange[] => {
    const is = after.relationships.get(was.name);
    if (is !== undefined && isSame(shape(was), shape(is))) return [];
    return [
      {
        ...told,
        code: is === undefined ? 'relationship-removed' : 'relationship-changed',
        severity: is === undefined ? 'note' : 'attention',
        message:
          is === undefined
            ? `The relationship ${after.name}.${was.name} (${was.type} to ${was.to}) is gone.`
            : `The relationship ${after.name}.${was.name} changed.`,
        effect:
          is === undefined
            ? 'Rules and mappings that walk it cannot be built; `check` names them.'
            : 'Rules that walk it count other rows, and mappings over it may send other values.',
        before: [relationText(was)],
        after: is === undefined ? null : [relationText(is)],
      },
    ];
  });
}

function shape({ to, type, keys, through }: Relationship): unknown {
  return [to, type, keys, through === null ? null : [through.node.uniqueId, through.toKeys]];
}

function relationText({ to, type, keys, through }: Relationship): string {
  const by = keys.map(([own, their]) => `${own} = ${their}`).join(', ');
  return `${type} to ${to}, ${by}${through === null ? '' : `, through ${through.node.uniqueId}`}`;
}

function customAttributeChanges(before: Entity, after: Entity, told: ImpactChange): readonly ImpactChange[] {
  return [...before.properties.values()].flatMap((was): ImpactChange[] => {
    if (was.customAttribute === null) return [];
    const is = after.properties.get(was.name)?.customAttribute ?? null;
    const from = (one: NonNullable<typeof is>): string => `${one.node.uniqueId} (${one.key} → ${one.value})`;
    if (is !== null && from(is) === from(was.customAttribute)) return [];
    return [
      {
        ...told,
        code: 'custom-attribute-changed',
        severity: 'attention',
        column: was.name,
        message:
          is === null
            ? `${after.name}.${was.name} is no longer a custom attribute of ${was.customAttribute.node.uniqueId}.`
            : `${after.name}.${was.name} is computed by another model.`,
        effect:
          'Rules that read it may hold for others, and where it is mapped, rows go out again whose value differs.',
        before: [from(was.customAttribute)],
        after: is === null ? null : [from(is)],
      },
    ];
  });
}

function plain(entity: Entity, code: string): ImpactChange {
  return {
    code,
    severity: 'note',
    subject: { kind: 'entity', name: entity.name },
    column: null,
    message: '',
    effect: '',
    before: null,
    after: null,
    guess: false,
    segments: [],
    activations: [],
    location: entity.origin.locate([]),
  };
}
