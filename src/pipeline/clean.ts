import { join } from 'node:path';
import { createHttpClient, type HttpClient } from '../destinations/http.ts';
import { findService } from '../destinations/registry.ts';
import { DinmoError, type ExitCode } from '../errors.ts';
import { speakingOf } from '../log.ts';
import { countOpenJobs } from '../record/job-notes.ts';
import { Lease, systemProcesses } from '../record/lease.ts';
import { type ActivationState, Ledger, readActivationStates } from '../record/ledger.ts';
import type { CleanReport, LeftBehind } from '../report/clean-report.ts';
import { failureText } from '../report/failure.ts';
import { loadDialect } from '../warehouse/registry.ts';
import { prepareRemoval } from './clean-members.ts';
import { describeLeftBehind, dropState, findStaleTables, withoutBlock } from './clean-state.ts';
import { type Context, connectWarehouse, loadContext, requireSound } from './context.ts';
import { type CleanOptions, clockOf, LOCK_TIMEOUT_MS, loggerOf } from './options.ts';
import { type Bench, furnishSandbox, sandboxInstance } from './run-activations.ts';
import { newId, storageSchema } from './storage.ts';
import { requireTarget, syncRun } from './sync.ts';
import { syncActivation } from './sync-activation.ts';

/**
 * What activations left behind that have no block any more, and tables of nobody. With `yes` their state is removed, with
 * `removeMembers` first, at the platform, what their snapshots hold. Runs stay as history. Killed at any moment it can be run
 * again. Throws DinmoError for what stops all of it; what stops one activation is told with it.
 */
export async function cleanState(options: CleanOptions): Promise<CleanReport> {
  const context = await loadContext(options);
  // A file that cannot be read would look like activations that were deleted.
  requireSound(context);
  if (options.removeMembers === true) requireTarget(context, 'clean');
  const warehouse = await connectWarehouse(context, { readOnly: !options.yes });
  try {
    return await clean(context, options, new Ledger(warehouse, storageSchema(context)));
  } finally {
    await warehouse.close();
  }
}

async function clean(context: Context, options: CleanOptions, ledger: Ledger): Promise<CleanReport> {
  const existing = await ledger.tables();
  if (existing.size === 0) return { leftBehind: [], tables: [], exitCode: 0 };
  if (await isOfGoneSandbox(ledger, options)) return await dropTables(ledger, [...existing].sort(), options.yes);
  if (!existing.has('activations')) return { leftBehind: [], tables: [], exitCode: 0 };
  const states = await readActivationStates(ledger);
  const chosen = choose(withoutBlock(states, context.store), options);
  await requireDeletable(context, options, chosen);
  const cleaning: Cleaning = { context, options, ledger, states, existing };
  const found: LeftBehind[] = [];
  for (const state of chosen) found.push(await describeLeftBehind(ledger, existing, state));
  const stale = options.activations?.length ? [] : await findStaleTables(ledger, states, context.store);
  const codes: ExitCode[] = [];
  const leftBehind: LeftBehind[] = [];
  for (const [index, state] of chosen.entries()) {
    const one = found[index];
    if (!one) continue;
    const { code, ...outcome } = await (options.yes ? cleanOne(cleaning, state) : lookAt(cleaning, state));
    leftBehind.push({ ...one, ...outcome });
    codes.push(code);
  }
  const { tables, exitCode } = await dropTables(ledger, stale, options.yes);
  // The greatest of exit codes is one of them.
  return { leftBehind, tables, exitCode: Math.max(exitCode, ...codes) as ExitCode };
}

async function lookAt(cleaning: Cleaning, state: ActivationState): Promise<Outcome> {
  const asked = cleaning.options.removeMembers === true;
  const obstacle = asked ? await explainObstacle(cleaning, state) : null;
  const open = (await areJobsOpen(cleaning, state)) ? JOBS_FOUND : null;
  const reasons = [obstacle, open].filter((one) => one !== null);
  return { status: 'found', removedRows: null, reason: reasons.length === 0 ? null : reasons.join(' '), code: 1 };
}

async function areJobsOpen({ ledger, existing }: Cleaning, { activationId }: ActivationState): Promise<boolean> {
  return (await countOpenJobs(ledger, { existing, activationId })) > 0;
}

const JOBS_FOUND =
  'A job of its last run is open at the platform, and what that still changes there is not counted here: --remove-members asks for it first.';
const JOBS_LEFT =
  'A job of its last run was open at the platform: what that still changes there is not known to any state now.';

async function dropTables(ledger: Ledger, names: readonly string[], yes: boolean): Promise<CleanReport> {
  const { warehouse, schema } = ledger;
  for (const name of yes ? names : [])
    await warehouse.run(`drop table if exists ${warehouse.state.table({ ...schema, name })}`);
  const tables = names.map((name) => ({ name, status: yes ? ('removed' as const) : ('found' as const) }));
  return { leftBehind: [], tables, exitCode: yes || names.length === 0 ? 0 : 1 };
}

/** Throws DinmoError `nothing-to-clean` for a name that left nothing behind. */
function choose(all: readonly ActivationState[], { activations = [] }: CleanOptions): readonly ActivationState[] {
  for (const id of activations) {
    if (all.some(({ activationId }) => activationId === id)) continue;
    throw new DinmoError({
      kind: 'configuration',
      code: 'nothing-to-clean',
      message: `${id} has a block in this project, or has left nothing behind.`,
      fix: 'Name one of those that `dinmo clean` lists.',
    });
  }
  return activations.length === 0 ? all : all.filter(({ activationId }) => activations.includes(activationId));
}

/** Throws DinmoError `audience-not-deletable` before anything is changed. */
async function requireDeletable(
  { store }: Context,
  { deleteAudience }: CleanOptions,
  chosen: readonly ActivationState[],
): Promise<void> {
  if (deleteAudience !== true) return;
  for (const { activationId, destination: name, platform, service } of chosen) {
    const destination = store.destinations.get(name);
    const means = destination && (await findService(destination.platform, destination.service)).deleteAudience;
    if (means) continue;
    throw new DinmoError({
      kind: 'configuration',
      code: 'audience-not-deletable',
      message: `The audience of ${activationId} cannot be deleted from here: ${platform} ${service} has no means for it.`,
      fix: 'Clean with --remove-members, which empties it, and delete it at the platform.',
    });
  }
}

interface Cleaning {
  readonly context: Context;
  readonly options: CleanOptions;
  readonly ledger: Ledger;
  readonly states: ReadonlyMap<string, ActivationState>;
  readonly existing: ReadonlySet<string>;
}

type Outcome = Pick<LeftBehind, 'status' | 'removedRows' | 'reason'> & { readonly code: ExitCode };

async function cleanOne(cleaning: Cleaning, state: ActivationState): Promise<Outcome> {
  let removedRows: number | null = null;
  try {
    if (cleaning.options.removeMembers === true && cleaning.existing.has(`snapshot_${state.tableSuffix}`)) {
      const removal = await removeMembers(cleaning, state);
      if ('reason' in removal) return { status: 'kept', ...removal };
      removedRows = removal.removedRows;
    }
    // A removal that succeeded has asked for them.
    const isOpen = await areJobsOpen(cleaning, state);
    await drop(cleaning, state);
    return { status: 'removed', removedRows, reason: isOpen ? JOBS_LEFT : null, code: 0 };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const reason = failureText({ message: thrown.message, location: null, fix: thrown.fix });
    return { status: 'kept', removedRows, reason, code: thrown.exitCode };
  }
}

/** Through the same engine as `clear`: what could not be removed keeps its state, and is tried again by the next clean. */
async function removeMembers(
  cleaning: Cleaning,
  state: ActivationState,
): Promise<{ readonly removedRows: number } | Omit<Outcome, 'status'>> {
  const { context, options } = cleaning;
  const http = createHttpClient();
  try {
    if (options.sandboxUrl) await furnishSandbox(context, http);
    const bench = await benchOf(cleaning, http);
    const prepared = await prepareRemoval(bench, state);
    const syncId = newId(clockOf(options).now());
    const { report, detail } = await syncActivation({ ...syncRun(bench, options, syncId), clearing: true }, prepared);
    const removedRows = report.accepted?.delete ?? 0;
    if (report.status === 'succeeded') {
      if (options.deleteAudience === true && state.audienceId !== null)
        await prepared.service.deleteAudience?.(
          { ...prepared.endpoint, http, logger: loggerOf(options), clock: clockOf(options) },
          state.audienceId,
        );
      return { removedRows };
    }
    return { removedRows, reason: report.reason ?? `its removal ended ${report.status}`, code: detail.exitCode };
  } finally {
    await http.close();
  }
}

/** Why nothing can be removed at the platform; null where it can. Nothing is asked of it. */
async function explainObstacle(cleaning: Cleaning, state: ActivationState): Promise<string | null> {
  const http = createHttpClient();
  try {
    await prepareRemoval(await benchOf(cleaning, http), state);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    return failureText({ message: thrown.message, location: null, fix: thrown.fix });
  } finally {
    await http.close();
  }
}

async function benchOf({ context, ledger, existing, states }: Cleaning, http: HttpClient): Promise<Bench> {
  return {
    ...{ context, warehouse: ledger.warehouse },
    storage: { ledger, existing, states, results: new Map(), setAside: [] },
    dialect: await loadDialect(context.project.manifest.metadata.adapterType),
    equipment: { http, pacers: new Map() },
  };
}

/** Whether the sandbox with which this state was made is gone, and all of it with it. */
async function isOfGoneSandbox(ledger: Ledger, options: CleanOptions): Promise<boolean> {
  if (!options.sandboxUrl) return false;
  const http = createHttpClient();
  try {
    return !(await isOfInstance(ledger, (await sandboxInstance(options, http)) ?? ''));
  } catch (thrown) {
    if (thrown instanceof DinmoError && thrown.code === 'sandbox-unreachable') return true;
    throw thrown;
  } finally {
    await http.close();
  }
}

async function isOfInstance(ledger: Ledger, instance: string): Promise<boolean> {
  if (!(await ledger.tables()).has('facts')) return false;
  const [row] = await ledger.warehouse.query(
    `select value from ${ledger.sql('facts')} where name = 'sandbox_instance'`,
  );
  return row?.['value'] === instance;
}

/** Under the activation's lock, so that no sync of another checkout is in the middle of it. */
async function drop({ context, options, ledger }: Cleaning, state: ActivationState): Promise<void> {
  const clock = clockOf(options);
  const lease = await Lease.acquire({
    ledger,
    activationId: state.activationId,
    owner: newId(clock.now()),
    clock,
    logger: loggerOf(options),
    processes: systemProcesses,
    waitMsMax: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
    signal: options.signal ?? new AbortController().signal,
  });
  try {
    await dropState(ledger, state, {
      lease,
      finishedAt: new Date(clock.now()).toISOString(),
      journalFolder: join(context.project.dir, 'target', 'dinmo', 'runs'),
    });
    speakingOf(loggerOf(options), { activation: state.activationId }).info('state.cleaned');
  } finally {
    // Its row is gone, and the lease with it, unless something stopped it.
    await lease.release().catch(() => {});
  }
}
