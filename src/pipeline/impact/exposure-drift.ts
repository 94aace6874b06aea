import { DinmoError } from '../../errors.ts';
import { activationExposures } from '../../models/exposures.ts';
import { exposureName } from '../../models/names.ts';
import { yamlStyle } from '../../models/properties-yaml.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import { staleViews } from '../generate.ts';
import type { BranchSide } from './sides.ts';
import { canonical, listed } from './words.ts';

/** What dbt knows of activations on this branch, where it no longer is what the project says; and generated models likewise. */
export async function exposureDrift(branch: BranchSide): Promise<readonly ImpactChange[]> {
  const { manifest, settings } = branch.project;
  const { store } = branch.context;
  const expected = new Map(
    activationExposures(store, settings, yamlStyle(manifest.metadata.dbtVersion)).map((exposure) => [
      exposure.name,
      ownPart(exposure.config?.['meta'] ?? exposure.meta),
    ]),
  );
  const known = new Map(manifest.exposures.map(({ name, annotation }) => [name, annotation]));
  const drifted = [...store.activations.keys()].flatMap((id) => {
    const name = exposureName(id);
    const now = expected.get(name);
    if (!known.has(name)) return [drift(name, [id], `dbt knows no exposure of ${id}.`)];
    if (canonical(known.get(name) ?? null) === canonical(now ?? null)) return [];
    return [
      drift(
        name,
        [id],
        `The exposure of ${id} says otherwise than the activation: ${listed(differences(known.get(name), now))}.`,
      ),
    ];
  });
  const leftOver = [...known].flatMap(([name, annotation]) => {
    const id = activationOf(annotation);
    return id === null || expected.has(name)
      ? []
      : [drift(name, [], `The exposure ${name} is of ${id}, which is no activation any more.`)];
  });
  return [...drifted, ...leftOver, ...(await staleModels(branch))];
}

function drift(name: string, activations: readonly string[], message: string): ImpactChange {
  return {
    code: 'exposure-drift',
    severity: 'note',
    subject: { kind: 'exposure', name },
    column: null,
    message,
    effect:
      '`dbt build --select +exposure:*` and dbt’s docs follow what it says: run `dinmo generate`, then `dbt parse`, and commit the files.',
    before: null,
    after: null,
    guess: false,
    segments: [],
    activations,
    location: null,
  };
}

async function staleModels({ context }: BranchSide): Promise<readonly ImpactChange[]> {
  const stale = await staleViews(context).catch((thrown: unknown) => {
    // What cannot be compiled is a finding of check.
    if (thrown instanceof DinmoError) return [];
    throw thrown;
  });
  const names = stale.map(
    (path) =>
      path
        .split('/')
        .at(-1)
        ?.replace(/\.sql$/, '') ?? path,
  );
  const segments = names.flatMap((name) => (name.startsWith('segment_') ? [name.slice('segment_'.length)] : []));
  if (stale.length === 0) return [];
  return [
    {
      ...drift('generated models', [], `Generated models are stale: ${listed(stale)}.`),
      code: 'generated-stale',
      severity: 'attention',
      subject: { kind: 'project', name: 'generated models' },
      effect:
        'dbt builds what they say, and a sync sends that, not what this branch says: run `dinmo generate` and commit the files.',
      segments: segments.sort(),
    },
  ];
}

function ownPart(meta: unknown): unknown {
  return typeof meta === 'object' && meta !== null ? Reflect.get(meta, 'dinmo') : undefined;
}

/** The id that one of our exposures names; null for others. */
export function activationOf(annotation: unknown): string | null {
  const id: unknown = ownText(annotation, 'activation');
  return typeof id === 'string' ? id : null;
}

/** A text of an annotation; null where there is none. */
export function ownText(annotation: unknown, key: string): string | null {
  const value: unknown = typeof annotation === 'object' && annotation !== null ? Reflect.get(annotation, key) : null;
  return typeof value === 'string' ? value : null;
}

/** The texts of a list of an annotation. */
export function ownTexts(annotation: unknown, key: string): readonly string[] {
  const value: unknown = typeof annotation === 'object' && annotation !== null ? Reflect.get(annotation, key) : null;
  return Array.isArray(value) ? value.map(String) : [];
}

function differences(one: unknown, other: unknown): readonly string[] {
  const keys = [one, other].flatMap((value) => (typeof value === 'object' && value !== null ? Object.keys(value) : []));
  const at = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null ? (Reflect.get(value, key) ?? null) : null;
  return [...new Set(keys)].filter((key) => canonical(at(one, key)) !== canonical(at(other, key)));
}
