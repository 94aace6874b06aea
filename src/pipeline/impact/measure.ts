import { DinmoError, type ExitCode } from '../../errors.ts';
import type { Activation } from '../../knowledge/store.ts';
import { activationModels } from '../../models/exposures.ts';
import { DELTA_STORAGE_MODEL, findGenerated, GENERATED_TAG, segmentModelName } from '../../models/names.ts';
import type { ImpactActivation, ImpactSegment } from '../../report/impact-report.ts';
import { formatMany } from '../../report/layout.ts';
import type { SqlDialect } from '../../warehouse/dialect.ts';
import { loadDialect } from '../../warehouse/registry.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { type Context, connectWarehouse, selectActivations } from '../context.ts';
import { planOne } from '../plan.ts';
import { findOrphans, type Storage, viewStorage } from '../storage.ts';
import { type ActivationResult, plainResult } from '../verdict.ts';
import type { Comparison } from './compare.ts';
import { canRead, deferContext } from './deferred.ts';
import { measureSegment } from './segment-size.ts';
import type { BaseSide, BranchSide, ImpactOptions } from './sides.ts';

/** What was counted, and what could not be. */
export interface Measured {
  readonly target: string;
  readonly segments: readonly ImpactSegment[];
  readonly activations: readonly ImpactActivation[];
  readonly notCompared: readonly string[];
  readonly exitCode: ExitCode;
}

/** What one session counts with. `storage` is null where production's state cannot be read from here. */
interface Counting {
  readonly options: ImpactOptions;
  readonly base: BaseSide;
  readonly branch: BranchSide;
  readonly warehouse: Warehouse;
  readonly dialect: SqlDialect;
  /** The branch, reading what was not built here from the base's relations. */
  readonly deferred: Context;
  readonly storage: Storage | null;
  readonly unread: Set<string>;
}

/**
 * Counts in the warehouse of the profile's target: reads only, in temporary tables, without a lock. Throws DinmoError where
 * the warehouse cannot be opened at all.
 */
export async function measure(
  options: ImpactOptions,
  {
    base,
    branch,
    comparison,
  }: { readonly base: BaseSide; readonly branch: BranchSide; readonly comparison: Comparison },
): Promise<Measured> {
  const selected = new Set(selectActivations(branch.context.store, options).map(({ id }) => id));
  const warehouse = await connectWarehouse(branch.context, { readOnly: true });
  try {
    const counting = await begin(options, { base, branch, warehouse });
    const segments: ImpactSegment[] = [];
    for (const segment of comparison.segments) segments.push(await countSegment(counting, segment));
    const activations: ImpactActivation[] = [];
    const codes: ExitCode[] = [];
    for (const activation of comparison.activations) {
      const planned = await countActivation(counting, activation, selected);
      activations.push(planned.activation);
      codes.push(planned.exitCode);
    }
    return {
      target: branch.project.profile().targetName,
      segments,
      activations: await withLeftBehind(counting, activations),
      notCompared: [...counting.unread],
      exitCode: Math.max(0, ...codes) as ExitCode, // the greatest of exit codes is one of them
    };
  } finally {
    await warehouse.close();
  }
}

async function begin(
  options: ImpactOptions,
  { base, branch, warehouse }: Pick<Counting, 'base' | 'branch' | 'warehouse'>,
): Promise<Counting> {
  const { manifest } = branch.project;
  const generated = [...manifest.nodes.values()].filter(({ tags }) => tags.includes(GENERATED_TAG));
  const entities = [...branch.store.entities.values()].map(({ node }) => node.uniqueId);
  const wanted = new Set([...generated.map(({ uniqueId }) => uniqueId), ...entities]);
  const deferred = await deferContext(branch.context, base.project.manifest, warehouse, wanted);
  const unread = new Set<string>();
  const dialect = await loadDialect(manifest.metadata.adapterType);
  const storage = await readStorage({ base, deferred, warehouse, unread });
  return { options, base, branch, warehouse, dialect, deferred, storage, unread };
}

/** Without a right to look, tables seem not to be there: whether they can be read shows at the model that stands beside them. */
async function readStorage({
  base,
  deferred,
  warehouse,
  unread,
}: Pick<Counting, 'base' | 'deferred' | 'warehouse' | 'unread'>): Promise<Storage | null> {
  const model = findGenerated(base.project.manifest, DELTA_STORAGE_MODEL);
  const where = model?.relationName ?? null;
  if (where === null) {
    unread.add(
      `The base’s manifest has no ${DELTA_STORAGE_MODEL}, so that production’s state was not found: operations were not counted.`,
    );
    return null;
  }
  try {
    if (await canRead(warehouse, where)) return await viewStorage(deferred, warehouse, null);
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
  }
  unread.add(
    `Production’s state beside ${where} cannot be read from this connection: operations were not counted. Grant it to read that schema, or attach the file.`,
  );
  return null;
}

async function countSegment(counting: Counting, found: ImpactSegment): Promise<ImpactSegment> {
  const { base, branch, deferred, warehouse, unread } = counting;
  const name = segmentModelName(found.segment);
  const before = findGenerated(base.project.manifest, name)?.relationName ?? null;
  const own = findGenerated(branch.project.manifest, name)?.relationName ?? null;
  const after = findGenerated(deferred.project.manifest, name)?.relationName ?? null;
  const readBefore = before !== null && (await canRead(warehouse, before)) ? before : null;
  const readAfter =
    after !== null && branch.store.segments.has(found.segment) && (await canRead(warehouse, after)) ? after : null;
  if (before !== null && readBefore === null)
    unread.add(`The base’s relation ${before} cannot be read from this connection: nobody was counted there.`);
  const isMissing = found.status !== 'removed' && readAfter === null;
  const isOld = found.status !== 'removed' && readAfter !== null && readAfter === readBefore && own !== readAfter;
  const note = isMissing
    ? 'not built by this target: dbt build --select state:modified+'
    : isOld
      ? 'not built by this target, so that both numbers are of the base: dbt build --select state:modified+'
      : null;
  const keys = [base, branch].map(({ store }) => keyOf(store.entities.get(found.entity ?? '')?.primaryKey));
  const size = await measureSegment(warehouse, {
    before: readBefore,
    after: readAfter,
    keys: [keys[0] ?? [], keys[1] ?? []],
  });
  return { ...found, size, note };
}

function keyOf(key: readonly string[] | undefined): readonly string[] {
  return key ?? [];
}

async function countActivation(
  counting: Counting,
  found: ImpactActivation,
  selected: ReadonlySet<string>,
): Promise<{ readonly activation: ImpactActivation; readonly exitCode: ExitCode }> {
  const { deferred, base, storage } = counting;
  const activation = deferred.store.activations.get(found.activation);
  if (activation === undefined || storage === null || !selected.has(found.activation))
    return { activation: found, exitCode: 0 };
  const missing = await unreadable(counting, deferred, activation);
  if (missing !== null)
    return { activation: { ...found, note: `not counted: ${missing} cannot be read; was it built?` }, exitCode: 0 };
  const result = await plan(counting, { context: deferred, storage }, activation);
  const former = base.context?.store.activations.get(found.was ?? found.activation);
  const today = former === undefined ? null : await planToday(counting, former);
  const { report } = result;
  return {
    activation: { ...found, plan: report, today: today?.report.planned ?? null },
    exitCode: result.detail.exitCode,
  };
}

/** The first relation behind an activation that is not in reach; null where all are. */
async function unreadable(counting: Counting, context: Context, activation: Activation): Promise<string | null> {
  for (const model of activationModels(activation, context.store)) {
    const relation = findGenerated(context.project.manifest, model)?.relationName ?? null;
    if (relation === null || !(await canRead(counting.warehouse, relation))) return relation ?? model;
  }
  return null;
}

/** What the same activation would send without the change: what has gathered since its last sync. */
async function planToday(counting: Counting, activation: Activation): Promise<ActivationResult | null> {
  const { base, warehouse } = counting;
  if (base.context === null || (await unreadable(counting, base.context, activation)) !== null) return null;
  try {
    const storage = await viewStorage(base.context, warehouse, null);
    return await planOne(
      { ...counting.options, noGate: true },
      { ...counting, context: base.context, storage },
      activation,
    );
  } catch (thrown) {
    if (thrown instanceof DinmoError) return null;
    throw thrown;
  }
}

/** As `dinmo plan` says it, less the gate: dbt's results of production are not here. */
async function plan(
  counting: Counting,
  { context, storage }: { readonly context: Context; readonly storage: Storage },
  activation: Activation,
): Promise<ActivationResult> {
  if (!activation.enabled) return plainResult(activation, 'skipped', 'enabled: false', 0);
  try {
    return await planOne({ ...counting.options, noGate: true }, { ...counting, context, storage }, activation);
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    // A change that the next sync would refuse is a finding, not a mistake in the command.
    return plainResult(activation, 'failed', thrown.message, thrown.exitCode === 2 ? 1 : thrown.exitCode);
  }
}

/** What activations that are gone leave behind, in rows. */
async function withLeftBehind(
  { storage, deferred }: Counting,
  activations: readonly ImpactActivation[],
): Promise<readonly ImpactActivation[]> {
  if (storage === null) return activations;
  const orphans = new Map(
    (await findOrphans(storage, deferred.store).catch(() => [])).map(({ activation, rows }) => [activation, rows]),
  );
  return activations.map((one) => {
    const rows = orphans.get(one.activation);
    return one.status !== 'removed' || rows === undefined
      ? one
      : { ...one, note: `leaves ${formatMany(rows, 'row')} behind at its destination` };
  });
}
