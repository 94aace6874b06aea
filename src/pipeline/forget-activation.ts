import type { ServiceContext } from '../destinations/destination.ts';
import { CurrentRows, isKeyedByField } from '../diff/current-rows.ts';
import { NO_OPERATIONS } from '../diff/delivery-plan.ts';
import type { DiffJob } from '../diff/job.ts';
import { stateTables } from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import type { Lease } from '../record/lease.ts';
import type { ActivationState } from '../record/ledger.ts';
import { type PersonCounts, PersonState } from '../record/person.ts';
import { failureText } from '../report/failure.ts';
import type { ForgottenAt } from '../report/forget-report.ts';
import { operationColumns } from './close-run.ts';
import { every } from './execute.ts';
import { findOwnElsewhere, isProfileOfAnother, isRecordOfAnother, type Whose } from './forget-others.ts';
import { clockOf } from './options.ts';
import { buildJob, type Prepared, prepareActivation } from './prepare-run.ts';
import type { Bench } from './run-activations.ts';
import { jobOf, runRow } from './run-job.ts';
import { serviceContext } from './service-context.ts';
import { syncActivation } from './sync-activation.ts';
import type { SyncRun } from './sync-run.ts';
import { type ActivationResult, plainResult } from './verdict.ts';

/** What an activation's state knows of the person, and under which keys. */
export async function countPerson(
  bench: Bench,
  {
    state,
    activation,
    key,
  }: { readonly state: ActivationState; readonly activation: Activation; readonly key: string },
): Promise<{ readonly counts: PersonCounts; readonly keys: readonly string[] }> {
  const { ledger } = bench.storage;
  const tables = stateTables(ledger.schema, state.tableSuffix);
  const existing = await ledger.tables();
  const place = { ledger, activationId: state.activationId, tables, existing, key };
  const held = await new PersonState({ ...place, keys: [] }).keys();
  const keys = [...new Set([...held, ...(await findRefusedKeys(bench, { state, activation, key }))])];
  return { counts: await new PersonState({ ...place, keys }).count(), keys };
}

/**
 * Objects that were refused, and so stand in no snapshot, are known by the key that the source would give them now. Empty where
 * nothing was refused, or the source does not say.
 */
async function findRefusedKeys(
  { context, storage, warehouse, dialect }: Bench,
  {
    state,
    activation,
    key,
  }: { readonly state: ActivationState; readonly activation: Activation; readonly key: string },
): Promise<readonly string[]> {
  const { ledger } = storage;
  const isKnown = context.store.activations.has(activation.id) && state.activationId === activation.id;
  if (!isKnown || !isKnownByField(context, activation)) return [];
  const refused = await warehouse.query(
    `select 1 as refused from ${ledger.sql('rejections')} where activation_id = ${ledger.text(state.activationId)} limit 1`,
  );
  if (refused.length === 0) return [];
  try {
    const prepared = await prepareActivation(context, storage, { activation, secrets: 'unused' });
    const { tables } = prepared;
    const rejections = ledger.table('rejections');
    const job = await buildJob({
      ...{ context, options: context.options, storage, prepared, warehouse, dialect, tables, rejections },
      runId: 'forget',
    });
    if (!isKeyedByField(job)) return [];
    const rows = await warehouse.query(
      `select distinct c_key as key from (${new CurrentRows(warehouse.state, job).sql()}) as c where c_owner = ${ledger.text(key)} and c_key is not null`,
    );
    return rows.map((row) => String(row['key']));
  } catch (thrown) {
    if (thrown instanceof DinmoError) return [];
    throw thrown;
  }
}

function isKnownByField({ store, services }: Bench['context'], activation: Activation): boolean {
  const destination = store.destinations.get(activation.destination);
  return destination !== undefined && services.facts(destination.platform, destination.service)?.destinationKey != null;
}

/** Who is forgotten at one activation, and how. */
export interface Request {
  /** Name of the entity. */
  readonly entity: string;
  readonly key: string;
  readonly counts: PersonCounts;
  /** Keys under which the snapshot knows the person. */
  readonly keys: readonly string[];
  readonly keepExisting: boolean;
  /** A model holds the person still, so that the next sync meets it again. */
  readonly isStillThere: boolean;
}

export interface Ended {
  readonly result: ActivationResult;
  readonly end: Pick<ForgottenAt, 'outcome' | 'removed' | 'reason'>;
}

/**
 * Forgets the person at one activation, under its lock, an unfinished run of it closed first: by the platform's own erasure where
 * there is one, else as the engine removes a leaver, whatever the operations say; else only here. Throws DinmoError.
 */
export async function forgetAt(command: SyncRun, given: Prepared, request: Request): Promise<Ended> {
  const prepared = asRemoval(given, request);
  const work: Work = { command, prepared, request };
  const way = wayOf(prepared, request);
  if (way === 'engine') return await removeByEngine(work);
  if (way === 'erase' && (await isMemberWithProfileOfAnother(work))) {
    const { result, end } = await removeByEngine(work);
    return { result, end: { ...end, reason: end.reason ?? PROFILE_STAYS } };
  }
  const ended: { end: Ended['end'] | null } = { end: null };
  const forgetting = {
    key: request.key,
    ownElsewhere: new Set<string>(),
    scrub: async () => {},
    instead: async (locked: Locked): Promise<ActivationResult> => {
      const { result, end } = await underLock(work, locked, way);
      ended.end = end;
      return result;
    },
  };
  const result = await syncActivation({ ...command, forgetting }, prepared);
  // Without an end it did not come to that: a job of an earlier run is open still.
  return { result, end: ended.end ?? { outcome: 'failed', removed: 0, reason: result.report.reason } };
}

type Way = 'erase' | 'engine' | 'here';

interface Work {
  readonly command: SyncRun;
  readonly prepared: Prepared;
  readonly request: Request;
}

interface Locked {
  readonly lease: Lease;
  readonly runId: string;
}

function wayOf({ service, activation }: Prepared, { keepExisting }: Request): Way {
  const { facts } = service;
  if (facts.service === 'events' || replacesFile(service, activation.mode)) return 'here';
  // Of a member nobody knows whether the platform knew it before.
  if (service.erase !== undefined && !(keepExisting && facts.destinationKey === null)) return 'erase';
  return facts.operations.includes('delete') ? 'engine' : 'here';
}

/** A file that is written whole at each sync: a removal alone would replace it by nothing. */
function replacesFile(service: Prepared['service'], mode: Prepared['activation']['mode']): boolean {
  return mode === 'full' && service.facts.replacesWhole && service.acknowledges === 'finish';
}

/** The activation as it removes one person: whatever its operations, without a replacement of the whole, under the recorded name. */
function asRemoval(prepared: Prepared, { keepExisting }: Request): Prepared {
  const { activation, endpoint, service, state } = prepared;
  const { facts } = service;
  const hasSetting = facts.config.some(({ name }) => name === 'delete_existing');
  const mayReplace = replacesFile(service, activation.mode) || !facts.modes.includes('delta');
  return {
    ...prepared,
    activation: {
      ...activation,
      mode: mayReplace ? activation.mode : 'delta',
      operations: facts.operations.includes('delete')
        ? [...new Set([...activation.operations, 'delete' as const])]
        : activation.operations,
      audience: state?.audience ?? activation.audience,
    },
    endpoint:
      hasSetting && !keepExisting ? { ...endpoint, config: { ...endpoint.config, delete_existing: true } } : endpoint,
    // Asked for by name and confirmed: what dbt built has no say in it.
    gate: { open: true, reason: null },
  };
}

async function removeByEngine(work: Work): Promise<Ended> {
  const { command, prepared, request } = work;
  let before = 0;
  const forgetting = {
    key: request.key,
    ownElsewhere: await ownElsewhere(work),
    recovered: async () => {
      before = await removedBefore(work);
    },
    scrub: () => scrub(work),
  };
  const result = await syncActivation({ ...command, forgetting }, prepared);
  const { status, reason, accepted } = result.report;
  const removed = before + (accepted?.delete ?? 0);
  if (status !== 'succeeded') return { result, end: { outcome: 'failed', removed, reason } };
  if (removed >= request.counts.rows) return { result, end: { outcome: 'removed', removed, reason: null } };
  return { result, end: { outcome: 'kept', removed, reason: STAYS } };
}

/** Rows that a run which died had removed: its answers are written down only now, and nothing is left of them to remove. */
async function removedBefore(work: Work): Promise<number> {
  const { rows } = await (await stateFor(work)).count();
  return Math.max(0, work.request.counts.rows - rows);
}

const STAYS =
  'What another activation holds for somebody else, or was there before us (--keep-existing), stays at the destination.';

const PROFILE_STAYS = 'The profile stays: another activation of the account holds it for somebody else.';

/** Then the person leaves the list as any leaver does, and whoever the profile belongs to keeps it. */
async function isMemberWithProfileOfAnother(work: Work): Promise<boolean> {
  const { command, prepared } = work;
  const { facts } = prepared.service;
  if (facts.identifiers === null || !facts.operations.includes('delete')) return false;
  const person = await stateFor(work);
  return await isProfileOfAnother(command.storage, whoseOf(work, person));
}

function whoseOf({ prepared, request }: Work, person: PersonState): Whose {
  return { prepared, entity: request.entity, person };
}

async function ownElsewhere(work: Work): Promise<ReadonlySet<string>> {
  return await findOwnElsewhere(work.command.storage, whoseOf(work, await stateFor(work)));
}

async function stateFor(work: Work): Promise<PersonState> {
  const { ledger } = work.command.storage;
  const { activation, tables } = work.prepared;
  const { key, keys } = work.request;
  const existing = await ledger.tables();
  return new PersonState({ ledger, activationId: activation.id, tables, existing, key, keys });
}

async function scrub(work: Work): Promise<void> {
  await (await stateFor(work)).scrub();
}

/** The platform's own erasure, or nothing but the state; recorded as a run, in one transaction with what the state forgets. */
async function underLock(work: Work, { lease, runId }: Locked, way: 'erase' | 'here'): Promise<Ended> {
  const { command, prepared, request } = work;
  const { ledger } = command.storage;
  const clock = clockOf(command.options);
  const startedAt = new Date(clock.now()).toISOString();
  const record = async (status: string, end: Ended['end'], work_: () => Promise<void>): Promise<void> => {
    const zero = { insert: 0, update: 0, delete: 0 };
    await ledger.transaction(async () => {
      await lease.verify();
      await work_();
      await ledger.insert('runs', {
        ...runRow({ ...command, forgetting: NOBODY }, prepared, { runId, startedAt }),
        ...operationColumns('planned', { ...zero, delete: request.counts.rows }),
        ...operationColumns('accepted', { ...NO_OPERATIONS, delete: end.removed }),
        ...{ rejected: 0, deferred: 0, unknown: 0, invalid: 0, unchanged: 0, segment_rows: 0 },
        ...{ status, reason: end.reason, finished_at: new Date(clock.now()).toISOString() },
      });
      await lease.seal({});
    });
  };
  try {
    const end = way === 'erase' ? await eraseProfiles(work, { lease, runId }) : hereOnly(work);
    const keepsKey = way === 'here' && prepared.service.facts.service === 'events' && request.isStillThere;
    await record('succeeded', end, keepsKey ? async () => {} : () => scrub(work));
    return { result: plainResult(prepared.activation, 'succeeded', end.reason ?? 'forgotten', 0), end };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const reason = failureText({ message: thrown.message, location: null, fix: thrown.fix });
    // What stopped it counts for more than that it could not be written down.
    await record('failed', { outcome: 'failed', removed: 0, reason }, async () => {}).catch(() => {});
    throw thrown;
  }
}

const NOBODY = { key: '', ownElsewhere: new Set<string>(), scrub: async () => {} };

function hereOnly({ prepared, request }: Work): Ended['end'] {
  const { service, activation } = prepared;
  if (service.facts.service === 'events' && request.isStillThere) {
    const reason = 'Its key stays in the state while a model holds it: without, the event would be sent once more.';
    return { outcome: 'kept', removed: 0, reason };
  }
  if (replacesFile(service, activation.mode)) {
    const reason = 'The file holds the person until the next sync of the activation writes it anew.';
    return { outcome: 'kept', removed: 0, reason };
  }
  return { outcome: 'kept', removed: 0, reason: null };
}

/** By what was sent and nobody else holds; where nothing is left of that, nobody is erased. */
async function eraseProfiles(work: Work, { lease, runId }: Locked): Promise<Ended['end']> {
  const { command, prepared, request } = work;
  const { service } = prepared;
  const forgetting = { ...NOBODY, key: request.key, ownElsewhere: await ownElsewhere(work) };
  const run: SyncRun = { ...command, forgetting };
  const job = await jobOf(run, prepared, { runId });
  const person = await stateFor(work);
  const isAnothers =
    (await isRecordOfAnother(job, person)) || (await isProfileOfAnother(command.storage, whoseOf(work, person)));
  const people = isAnothers ? [] : await person.people(service.facts.identifiers !== null, request.keepExisting);
  if (people.length === 0 || service.erase === undefined) return keptThere(request.counts, await person.count());
  const heartbeat = every(10_000, () => lease.renew());
  try {
    await lease.assertMaySend();
    const { kind, detail } = await service.erase(contextOf(run, prepared, job), people);
    return { outcome: kind === 'asked' ? 'asked' : 'removed', removed: request.counts.rows, reason: detail };
  } finally {
    heartbeat();
  }
}

/** Nothing was sent for it (it was refused), a run that died had removed it, or nothing may go. */
function keptThere(before: PersonCounts, now: PersonCounts): Ended['end'] {
  if (now.rows + now.identifiers === 0) return { outcome: 'removed', removed: before.rows, reason: null };
  return { outcome: 'kept', removed: 0, reason: STAYS };
}

function contextOf(run: SyncRun, prepared: Prepared, job: DiffJob): ServiceContext {
  const { context, equipment, options, syncId } = run;
  const { dir: projectDir } = context.project;
  return serviceContext(prepared, { job, changes: 1, syncId, projectDir, http: equipment.http, options });
}
