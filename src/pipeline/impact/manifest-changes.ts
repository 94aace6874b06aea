import { DinmoError } from '../../errors.ts';
import { activationExposures } from '../../models/exposures.ts';
import { exposureName, findGenerated, GENERATED_TAG, segmentModelName } from '../../models/names.ts';
import { yamlStyle } from '../../models/properties-yaml.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import { render } from '../generate.ts';
import { addedActivation, plainChange } from './activation-changes.ts';
import type { Compared } from './compared.ts';
import { activationOf, ownText, ownTexts } from './exposure-drift.ts';
import { plainCode } from './node-columns.ts';
import { addedSegment } from './segment-changes.ts';
import { canonical, listed, ruleLines } from './words.ts';

/** What a base can say of which only the manifest is here, and what it cannot. */
export interface ManifestComparison {
  readonly changes: readonly ImpactChange[];
  readonly notCompared: readonly string[];
}

/**
 * Segments and activations that stand in files of dinmo/, compared by what the base's manifest has of them: the generated models
 * (their SQL), and the exposures (destination, mode, operations, columns read).
 */
export async function manifestChanges(compared: Compared): Promise<ManifestComparison> {
  const { base, branch } = compared;
  const unseen = [...branch.store.segments.values()].filter(({ name }) => !base.store.segments.has(name));
  const unseenActivations = [...branch.store.activations.values()].filter(({ id }) => !base.store.activations.has(id));
  return {
    changes: [...(await segmentsBySql(compared)), ...removedSegments(compared), ...activationsByExposure(compared)],
    notCompared: [
      'Only the base’s manifest is here: dinmo.yml and the files of dinmo/ as they were are not in it. Settings of destinations, guards, schedules and the time zone were not compared. Name a copy of the base’s project with --base-project-dir (or as --state) to compare all of it.',
      ...(unseen.length > 0
        ? [
            `The rules of ${listed(unseen.map(({ name }) => name))} were compared by the SQL that was generated of them, limits and control groups with them: what they said in words is not known.`,
          ]
        : []),
      ...(unseenActivations.length > 0
        ? [
            `Of ${listed(unseenActivations.map(({ id }) => id))} destination, mode, operations and the columns read were compared; which field each column feeds, identifiers, constants and audiences were not.`,
          ]
        : []),
    ],
  };
}

async function segmentsBySql(compared: Compared): Promise<readonly ImpactChange[]> {
  const { base, branch, reach } = compared;
  const files = await render(branch.context)
    .then((rendered) => rendered.files)
    .catch((thrown: unknown) => {
      if (thrown instanceof DinmoError) return [];
      throw thrown;
    });
  return [...branch.store.segments.values()].flatMap((segment): ImpactChange[] => {
    if (base.store.segments.has(segment.name)) return [];
    const model = segmentModelName(segment.name);
    const before = findGenerated(base.project.manifest, model);
    if (before === null) return [addedSegment(segment, compared)];
    const after = files.find(({ path }) => path.endsWith(`/${model}.sql`));
    if (after === undefined || plainCode(after.content) === plainCode(before.rawCode)) return [];
    return [
      {
        ...addedSegment(segment, compared),
        code: 'filter-changed',
        severity: 'attention',
        message: `The SQL of ${segment.name} is not what the base generated: its rule, limit or control group changed, or that of an entity or segment that it reads.`,
        effect: 'Members enter and leave wherever the two disagree.',
        after: segment.definition.kind === 'filter' ? ruleLines(segment.definition.where) : null,
        ...reach.ofSegment(segment.name),
      },
    ];
  });
}

function removedSegments({ base, branch }: Compared): readonly ImpactChange[] {
  const prefix = segmentModelName('');
  return [...base.project.manifest.nodes.values()].flatMap((node): ImpactChange[] => {
    if (!node.tags.includes(GENERATED_TAG) || !node.name.startsWith(prefix)) return [];
    const name = node.name.slice(prefix.length);
    if (branch.store.segments.has(name) || base.store.segments.has(name)) return [];
    return [
      {
        code: 'segment-removed',
        severity: 'attention',
        subject: { kind: 'segment', name },
        column: null,
        message: `The segment ${name} is gone.`,
        effect: 'Nothing is sent of it any more, and nobody is removed: what its activations sent stays.',
        before: null,
        after: null,
        guess: false,
        segments: [name],
        activations: [],
        location: null,
      },
    ];
  });
}

function activationsByExposure({ base, branch }: Compared): readonly ImpactChange[] {
  const { manifest } = base.project;
  const before = new Map(
    manifest.exposures.flatMap(({ annotation }) => {
      const id = activationOf(annotation);
      return id === null ? [] : [[id, annotation] as const];
    }),
  );
  const now = new Map(
    activationExposures(branch.store, branch.project.settings, yamlStyle('1.12.0')).map(({ name, config, meta }) => [
      name,
      Reflect.get(Object(config?.['meta'] ?? meta ?? {}), 'dinmo') as unknown,
    ]),
  );
  const after = [...branch.store.activations.values()];
  const known = new Set(after.flatMap(({ id, was }) => (was === null ? [id] : [id, was])));
  const changes = after.flatMap((activation): ImpactChange[] => {
    if (base.store.activations.has(activation.id)) return [];
    const former = before.get(activation.id) ?? (activation.was === null ? undefined : before.get(activation.was));
    if (former === undefined) return [addedActivation(activation, [])];
    return differences(former, now.get(exposureName(activation.id))).map((part) => ({
      ...plainChange(activation),
      ...part,
      code: part.code,
    }));
  });
  const gone = [...before].flatMap(([id, annotation]): ImpactChange[] => {
    if (known.has(id) || base.store.activations.has(id)) return [];
    return [
      {
        code: 'activation-removed',
        severity: 'attention',
        subject: { kind: 'activation', name: id },
        column: null,
        message: `The activation ${id} is gone.`,
        effect: `What it sent stays at ${ownText(annotation, 'destination') ?? 'its destination'}: \`dinmo clear\` it before, or name it with \`was:\` where it was renamed.`,
        before: null,
        after: null,
        guess: false,
        segments: [],
        activations: [id],
        location: null,
      },
    ];
  });
  return [...changes, ...gone];
}

type Part = Pick<ImpactChange, 'code' | 'severity' | 'message' | 'effect' | 'before' | 'after'>;

const PARTS: readonly (Omit<Part, 'before' | 'after' | 'message'> & { readonly key: string; readonly what: string })[] =
  [
    {
      key: 'destination',
      what: 'destination',
      code: 'activation-to-changed',
      severity: 'breaks',
      effect: 'Once synced, an activation keeps its destination: the next sync refuses it.',
    },
    {
      key: 'platform',
      what: 'platform',
      code: 'destination-core-changed',
      severity: 'breaks',
      effect: 'A destination keeps its platform: the next sync refuses it.',
    },
    {
      key: 'service',
      what: 'service',
      code: 'destination-core-changed',
      severity: 'breaks',
      effect: 'A destination keeps its service: the next sync refuses it.',
    },
    {
      key: 'mode',
      what: 'mode',
      code: 'mode-changed',
      severity: 'attention',
      effect: 'Which rows each sync sends changes with it.',
    },
    {
      key: 'operations',
      what: 'operations',
      code: 'operations-changed',
      severity: 'attention',
      effect: 'What is sent of joiners, changes and leavers follows them.',
    },
    {
      key: 'columns',
      what: 'columns that it reads',
      code: 'mapping-columns-changed',
      severity: 'attention',
      effect:
        'Where a field or identifier came or went, every row differs from what was acknowledged, and is sent again.',
    },
  ];

function differences(before: unknown, after: unknown): readonly Part[] {
  const text = (value: unknown, key: string): readonly string[] => {
    const list = ownTexts(value, key);
    return list.length > 0 ? list : [ownText(value, key) ?? 'not stated'];
  };
  return PARTS.flatMap(({ key, what, ...part }) => {
    const [was, is] = [text(before, key), text(after, key)];
    if (canonical(was) === canonical(is)) return [];
    return [{ ...part, message: `The ${what} changed.`, before: was, after: is }];
  });
}
