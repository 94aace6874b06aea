import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestNode } from '../artifacts/manifest.ts';
import type { Service } from '../destinations/destination.ts';
import { findService } from '../destinations/registry.ts';
import { type CurrentFile, checkGate, type GateVerdict } from '../diff/gate.ts';
import type { DiffJob, Overrides, Renewal, Source } from '../diff/job.ts';
import { renewalOf } from '../diff/renewal.ts';
import { FIELD_HASHES, SENT_DAY, type StateTables, stateTables, tableSuffix } from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import { sendsChangedFieldsOnly } from '../knowledge/service-facts.ts';
import type { Activation, Destination, Entity } from '../knowledge/store.ts';
import { entityModelName, findGenerated, segmentModelName } from '../models/names.ts';
import { type ActivationState, readActivationStates } from '../record/ledger.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import type { TableName, Warehouse } from '../warehouse/warehouse.ts';
import { type Context, directTarget } from './context.ts';
import { type Endpoint, readEndpoint, type SecretUse } from './endpoint.ts';
import { nothingWasTaken } from './first-core.ts';
import { clockOf, type SyncOptions } from './options.ts';
import { createPreparer } from './preparer.ts';
import { buildSource } from './source.ts';
import { type Storage, stateOf } from './storage.ts';

/** One activation with everything that plan and sync need of it. */
export interface Prepared {
  readonly activation: Activation;
  /** null where only a removal is prepared, of an activation without a block. */
  readonly entity: Entity | null;
  readonly destination: Destination;
  readonly service: Service;
  readonly endpoint: Endpoint;
  readonly state: ActivationState | null;
  /** The end of the names of its tables. */
  readonly suffix: string;
  readonly tables: StateTables;
  readonly gate: GateVerdict;
  /** Where the rows are not those of the entity: none, of an activation without a block. */
  readonly source?: Source;
}

/** Throws DinmoError for a destination that cannot be reached as it is configured, or that changed its account. */
export async function prepareActivation(
  context: Context,
  storage: Storage,
  { activation, secrets }: { readonly activation: Activation; readonly secrets: SecretUse },
): Promise<Prepared> {
  const { store } = context;
  const entity = store.entities.get(activation.entity);
  const destination = store.destinations.get(activation.destination);
  if (!entity || !destination) throw new Error(`activation ${activation.id} names what the store lacks`);
  const service = await findService(destination.platform, destination.service);
  const state = stateOf(storage, activation);
  const endpoint = readEndpoint(context, destination, { service, secrets });
  if (state) {
    const isOther = state.core !== null && state.core !== endpoint.core && !(await nothingWasTaken(storage, state));
    requireSameDestination(activation, destination, isOther ? state : { ...state, core: endpoint.core }, endpoint);
  }
  const suffix = state?.tableSuffix ?? freeSuffix(storage, activation.id);
  return {
    activation,
    entity,
    destination,
    service,
    endpoint,
    state,
    suffix,
    tables: stateTables(storage.ledger.schema, suffix),
    gate: judge(context, storage, activation),
  };
}

/** A renamed activation keeps its tables, so that the id it left free may find its own suffix taken. */
function freeSuffix(storage: Storage, activationId: string): string {
  const taken = new Set([...storage.states.values()].map((state) => state.tableSuffix));
  const suffix = tableSuffix(activationId);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? suffix : `${suffix}_${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** Throws DinmoError `destination-changed`, `destination-core-changed`. */
export function requireSameDestination(
  activation: Activation,
  destination: Destination,
  state: ActivationState,
  endpoint: Endpoint,
): void {
  if (state.destination !== destination.name) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'destination-changed',
      message: `${activation.id} was synced to ${state.destination}, and now names ${destination.name}.`,
      fix: 'An activation keeps its destination: make a new activation for the new one, and clear this one.',
      location: activation.origin.locate([...activation.at, 'to']),
    });
  }
  if (state.core !== null && state.core !== endpoint.core) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'destination-core-changed',
      message: `The core settings of ${destination.name} changed since it took something (${changedNames(state.core, endpoint.core)}).`,
      fix: 'A destination keeps its account, once it took anything: make a new destination, and a new activation, for the new one.',
      location: destination.origin.locate(['destinations', destination.name, 'config']),
    });
  }
}

function changedNames(before: string, now: string): string {
  const old = JSON.parse(before) as Record<string, unknown>;
  const current = JSON.parse(now) as Record<string, unknown>;
  return Object.keys({ ...old, ...current })
    .filter((name) => JSON.stringify(old[name]) !== JSON.stringify(current[name]))
    .join(', ');
}

/** The gate over everything that this activation reads. */
function judge(context: Context, storage: Storage, activation: Activation): GateVerdict {
  const { project } = context;
  return checkGate({
    manifest: project.manifest,
    roots: readsOf(context, activation),
    results: storage.results,
    setAside: storage.setAside,
    ...project.settings.gate,
    nowMs: clockOf(context.options).now(),
    currentFile: (node) => currentFile(project.dir, node),
  });
}

/** unique_ids of the generated models behind an activation, and of what its mapping, exclusions and consent read. Throws DinmoError `not-generated`. */
export function readsOf(context: Context, activation: Activation): readonly string[] {
  const { store, project } = context;
  const names = [
    activation.parent.kind === 'segment'
      ? segmentModelName(activation.parent.name)
      : entityModelName(activation.parent.name),
  ];
  for (const name of store.destinations.get(activation.destination)?.exclude ?? []) {
    if (store.segments.get(name)?.entity === activation.entity) names.push(segmentModelName(name));
  }
  for (const { source } of activation.mapping) {
    if (source.kind === 'segment') names.push(segmentModelName(source.segment));
    if (source.kind === 'column')
      names.push(...entitiesOnTheWay(context, activation.entity, source.path).map(entityModelName));
  }
  // Whether any row of a key lacks consent is asked of the entity itself.
  if (activation.consent.length > 0) names.push(entityModelName(activation.entity));
  for (const { path } of [...activation.identifiers, ...activation.consent])
    names.push(...entitiesOnTheWay(context, activation.entity, path).map(entityModelName));
  return names.map((name) => {
    const node = findGenerated(project.manifest, name);
    if (node) return node.uniqueId;
    throw new DinmoError({
      kind: 'artifact',
      code: 'not-generated',
      message: `The manifest has no model ${name}.`,
      fix: 'Run `dinmo generate`, then `dbt build`.',
    });
  });
}

/** The entities that a path walks over, its own and that of the last property left out. */
export function entitiesOnTheWay(
  { store }: Pick<Context, 'store'>,
  from: string,
  path: readonly string[],
): readonly string[] {
  const entities: string[] = [];
  let entity = store.entities.get(from);
  for (const step of path.slice(0, -1)) {
    const way = entity?.relationships.get(step);
    entity = way === undefined ? undefined : store.entities.get(way.to);
    if (entity) entities.push(entity.name);
  }
  return entities;
}

function currentFile(projectDir: string, node: ManifestNode): CurrentFile | null {
  const path = join(projectDir, node.originalFilePath);
  try {
    return { text: readFileSync(path, 'utf8'), modifiedMs: statSync(path).mtimeMs };
  } catch {
    return null;
  }
}

/** What the diff of one prepared activation is made of. `rejections`: null before the first sync. */
export interface JobInput {
  readonly context: Context;
  readonly options: SyncOptions;
  readonly storage: Storage;
  readonly prepared: Prepared;
  readonly warehouse: Warehouse;
  readonly dialect: SqlDialect;
  readonly runId: string;
  readonly tables: StateTables;
  readonly rejections: TableName | null;
  /** Where its rows are read; null or left out: from the view itself. */
  readonly copied?: Source | null;
}

/** The diff's view of the activation; asks the warehouse for the types of its rows. */
export async function buildJob(input: JobInput): Promise<DiffJob> {
  const { context, options, prepared } = input;
  const { activation, service, endpoint } = prepared;
  const clock = clockOf(context.options);
  const source = prepared.source ?? input.copied ?? (await sourceOf(input));
  const renewal = await renewalFor(input, clock.now());
  return {
    activationId: activation.id,
    runId: input.runId,
    mode: activation.mode,
    everything: activation.mode === 'full' || options.fullRefresh === true,
    resendEvents: options.resendEvents === true,
    operations: activation.operations,
    facts: service.facts,
    source,
    preparer: createPreparer(service, endpoint.config, clock),
    guards: activation.guards,
    overrides: overridesOf(options),
    eventsFrom: source.eventTime === null ? null : eventsFrom(prepared, clock.now()),
    deleteExisting: endpoint.config['delete_existing'] === true,
    tables: input.tables,
    rejections: input.rejections,
    ...(renewal === null ? {} : { renewal }),
    ...((await keepsFields(input)) ? { changedFieldsOnly: true } : {}),
    ...(await tablesOfOthers(input.storage, prepared)),
  };
}

/** A snapshot of before memberships were renewed says of nobody when they were sent: they count as sent today. */
async function renewalFor({ prepared, storage, tables }: JobInput, nowMs: number): Promise<Renewal | null> {
  const renewal = renewalOf(prepared.service.facts, prepared.endpoint.config, nowMs);
  if (renewal === null || !(await storage.ledger.hasColumn(tables.snapshot, SENT_DAY.name))) return null;
  return renewal;
}

/** A plan changes no table: where none was made for it yet, it shows whole rows. */
async function keepsFields({ prepared, storage, tables }: JobInput): Promise<boolean> {
  if (!sendsChangedFieldsOnly(prepared.service.facts, prepared.endpoint.config)) return false;
  return await storage.ledger.hasColumn(tables.snapshot, FIELD_HASHES.name);
}

async function sourceOf({ context, prepared, warehouse, dialect }: JobInput): Promise<Source> {
  const { activation, entity, service } = prepared;
  if (entity === null) throw new Error(`${activation.id} has neither an entity nor a source`);
  const target = directTarget(context, warehouse.state.now);
  return await buildSource({ context, activation, entity, service, warehouse, dialect, target });
}

/** Which guards this run may pass. */
export function overridesOf(options: SyncOptions): Overrides {
  return {
    allowDeletes: options.allowDeletes === true,
    allowEmpty: options.allowEmpty === true,
    allowKeyChurn: options.allowKeyChurn === true,
  };
}

/** The oldest instant of events that are still sent: the later of `since` and the look-back, which defaults to the platform's age limit. */
export function eventsFrom({ activation, service, state }: Prepared, nowMs: number): string | null {
  if (activation.mode !== 'incremental' && service.facts.service !== 'events') return null;
  const limits: number[] = [];
  if (activation.since === 'first_sync') limits.push(state?.firstSyncedAt ? Date.parse(state.firstSyncedAt) : nowMs);
  else if (activation.since !== null) limits.push(Date.parse(activation.since));
  if (activation.lookback) limits.push(stepBack(nowMs, activation.lookback.last, activation.lookback.unit));
  return limits.length === 0 ? null : new Date(Math.max(...limits)).toISOString();
}

function stepBack(nowMs: number, amount: number, unit: string): number {
  const at = new Date(nowMs);
  const steps: Readonly<Record<string, () => void>> = {
    minute: () => at.setUTCMinutes(at.getUTCMinutes() - amount),
    hour: () => at.setUTCHours(at.getUTCHours() - amount),
    day: () => at.setUTCDate(at.getUTCDate() - amount),
    week: () => at.setUTCDate(at.getUTCDate() - 7 * amount),
    month: () => at.setUTCMonth(at.getUTCMonth() - amount),
    year: () => at.setUTCFullYear(at.getUTCFullYear() - amount),
  };
  steps[unit]?.();
  return at.getTime();
}

/**
 * Tables of the other activations that write the same objects: what they hold, or may be adding, is not deleted. Read anew for
 * each activation, since another one of the same command may have come before.
 */
async function tablesOfOthers(
  { ledger, existing: known }: Storage,
  { activation, destination, endpoint, service, state }: Prepared,
): Promise<Pick<DiffJob, 'otherSnapshots' | 'otherChanges'>> {
  if (service.facts.destinationKey === null || known.size === 0) return { otherSnapshots: [], otherChanges: [] };
  const existing = await ledger.tables();
  const others = [...(await readActivationStates(ledger)).values()].filter(
    (other) =>
      other.activationId !== activation.id &&
      other.activationId !== state?.activationId &&
      other.platform === destination.platform &&
      other.service === destination.service &&
      other.core === endpoint.core &&
      (other.account === null || state === null || state.account === null || other.account === state.account),
  );
  const tables = others.map((other) => stateTables(ledger.schema, other.tableSuffix));
  return {
    otherSnapshots: tables.map(({ snapshot }) => snapshot).filter(({ name }) => existing.has(name)),
    otherChanges: tables.map(({ changes }) => changes).filter(({ name }) => existing.has(name)),
  };
}
