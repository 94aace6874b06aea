import type { Service } from '../destinations/destination.ts';
import { createHttpClient } from '../destinations/http.ts';
import { findService } from '../destinations/registry.ts';
import { DinmoError, type ExitCode, messageOf, placesOf } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import { type Logger, scrub, speakingOf } from '../log.ts';
import type { SyncReport } from '../report/activation-report.ts';
import type { DueReport } from '../report/due-report.ts';
import { failureJson } from '../report/failure.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import { loadDialect } from '../warehouse/registry.ts';
import { Turns } from '../warehouse/turns.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { alertFailure, alertResults } from './alerts.ts';
import { type Context, connectWarehouse, loadContext, requireSound, selectActivations } from './context.ts';
import { readEndpoint } from './endpoint.ts';
import { stopwatch, tellFinished, tellStarted } from './events.ts';
import type { Equipment } from './execute.ts';
import { staleViews } from './generate.ts';
import { untilInterrupted } from './interruption.ts';
import { lanesOf, takeLanes } from './lanes.ts';
import { type CommandOptions, clockOf, loggerOf, type SyncOptions } from './options.ts';
import { SegmentCopies } from './segment-copies.ts';
import { findOrphans, openStorage, type Storage, viewStorage } from './storage.ts';
import { type ActivationResult, failedResult, plainResult } from './verdict.ts';

/** What a command that looks at activations one by one works with. */
export interface Bench {
  readonly context: Context;
  readonly warehouse: Warehouse;
  readonly storage: Storage;
  readonly dialect: SqlDialect;
  readonly equipment: Equipment;
}

/** What a command does with each activation, and what it needs for it. */
export interface Conduct {
  readonly options: CommandOptions;
  /** Names the command in the ledger and in the log. Left out: it leaves no trace. */
  readonly syncId?: string;
  /** It tells whoever `alerts:` of dinmo.yml names. */
  readonly alerts?: boolean;
  /** `write`: state is made and moved. `read`: nothing is written. */
  readonly access: 'read' | 'write';
  /** Accounts that are taken side by side; the activations of one account come one after another. Left out: 1. */
  readonly threads?: number;
  /** What they read in common is read once; the options say which of them are planned. Left out: each reads for itself. */
  readonly sharing?: SyncOptions;
  /** Called before the warehouse is opened; throws DinmoError to stop the command. */
  readonly allow: (context: Context) => void;
  /** Which of the selected activations are taken, after a look at the state. Left out: all. */
  readonly choose?: (bench: Bench, selected: readonly Activation[]) => Promise<Choice>;
  readonly before?: (bench: Bench, selected: readonly Activation[]) => Promise<void>;
  readonly each: (bench: Bench, activation: Activation) => Promise<ActivationResult>;
}

/** The activations that a command takes, and what the others wait for. */
export interface Choice {
  readonly activations: readonly Activation[];
  readonly due?: DueReport;
}

/**
 * Reads the project, opens warehouse and state, and takes the selected activations, those of one account one after another:
 * what stops one does not stop the others. Expected failures end up in the report, never as an exception.
 */
export async function conduct(given: Conduct): Promise<SyncReport> {
  const logger = speakingOf(loggerOf(given.options), given.syncId === undefined ? {} : { sync_id: given.syncId });
  const input: Conduct = { ...given, options: { ...given.options, logger } };
  const results: ActivationResult[] = [];
  try {
    const reading = stopwatch();
    const context = await loadContext(input.options);
    const { store, findings } = context;
    logger.debug('project.read', {
      activations: store.activations.size,
      findings: findings.length,
      duration_ms: reading(),
    });
    requireSound(context);
    const selected = selectActivations(context.store, input.options);
    input.allow(context);
    await warnOfStaleViews(context);
    const connecting = stopwatch();
    const warehouse = await connectWarehouse(context, { readOnly: input.access === 'read' });
    const { type: adapter, targetName: target } = context.project.profile();
    logger.debug('warehouse.connected', { adapter, target, duration_ms: connecting() });
    const http = createHttpClient();
    try {
      const instance = await sandboxInstance(input.options, http);
      const open = input.access === 'read' ? viewStorage : openStorage;
      const storage = await untilInterrupted(warehouse, input.options.signal, () => open(context, warehouse, instance));
      const dialect = await loadDialect(context.project.manifest.metadata.adapterType);
      if (instance !== null) await furnishSandbox(context, http);
      const bench: Bench = { context, warehouse, storage, dialect, equipment: { http, pacers: new Map() } };
      await input.before?.(bench, selected);
      const chosen: Choice = (await input.choose?.(bench, selected)) ?? { activations: selected };
      results.push(...(await takeAll(input, bench, chosen.activations)));
      const { ledger } = storage;
      if (input.alerts === true) await alertResults(context, { ledger, results, syncId: input.syncId ?? null });
      // What was left behind is an aside: that it cannot be counted does not change what became of the rest.
      const report = reportOf(results, await findOrphans(storage, context.store).catch(() => []));
      return chosen.due !== undefined ? { ...report, due: chosen.due } : report;
    } finally {
      await http.close();
      await warehouse.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const { code, message, fix } = thrown;
    logger.debug('command.stopped', { code, message, fix });
    if (input.alerts === true && results.length === 0)
      await alertFailure(input.options, { error: thrown, syncId: input.syncId ?? null });
    return {
      ...reportOf(results, []),
      error: failureJson(thrown),
      exitCode: worst([thrown.exitCode, ...results.map(({ detail }) => detail.exitCode)]),
    };
  }
}

/** All of them, from one copy of what several of them read. */
async function takeAll(
  input: Conduct,
  bench: Bench,
  activations: readonly Activation[],
): Promise<readonly ActivationResult[]> {
  if (input.sharing === undefined) return await takeEach(input, bench, activations);
  const { context, storage, dialect } = bench;
  const options = { ...input.sharing, ...loggerFrom(bench) };
  const copies = new SegmentCopies({ context, storage, dialect, options, activations });
  try {
    return await takeEach(input, { ...bench, equipment: { ...bench.equipment, copies } }, activations);
  } finally {
    await copies.close(bench.warehouse);
  }
}

/** Side by side where the command may. */
async function takeEach(
  input: Conduct,
  bench: Bench,
  activations: readonly Activation[],
): Promise<readonly ActivationResult[]> {
  const threads = input.threads ?? 1;
  const lanes = threads === 1 || activations.length < 2 ? [] : await lanesOf(bench.context, activations);
  const take = (own: Bench, activation: Activation): Promise<ActivationResult> => one(input, own, activation);
  if (lanes.length > 1) return await takeLanes(bench, { lanes, threads, turns: new Turns() }, take);
  const results: ActivationResult[] = [];
  for (const activation of activations) results.push(await take(bench, activation));
  return results;
}

async function warnOfStaleViews(context: Context): Promise<void> {
  const stale = await staleViews(context);
  if (stale.length === 0) return;
  loggerOf(context.options).warn('models.stale', {
    files: stale.join(', '),
    fix: 'run dinmo generate, then dbt build: what is sent is what was built before',
  });
}

/** One activation, from its first line of the log to its last. */
async function one(input: Conduct, bench: Bench, activation: Activation): Promise<ActivationResult> {
  const passed = stopwatch();
  const lastSuccessAt = bench.storage.states.get(activation.id)?.lastSuccessAt ?? null;
  const logger = tellStarted(loggerOf(bench.context.options), activation, lastSuccessAt);
  const context = { ...bench.context, options: { ...bench.context.options, logger } };
  const result = await attempt(input, { ...bench, context }, activation);
  await bench.equipment.copies?.release(activation, bench.warehouse);
  const nowMs = clockOf(context.options).now();
  tellFinished(logger, result, { lastSuccessAt, nowMs, durationMs: passed() });
  return result;
}

async function attempt(input: Conduct, bench: Bench, activation: Activation): Promise<ActivationResult> {
  const { options } = bench.context;
  if (!activation.enabled) return plainResult(activation, 'skipped', 'enabled: false', 0);
  if (options.signal?.aborted)
    return plainResult(activation, 'partial', 'the run was interrupted before this activation: run it again', 1);
  try {
    return await input.each(bench, activation);
  } catch (thrown) {
    return failedResult(activation, thrown instanceof DinmoError ? thrown : unexpected(options, thrown));
  }
}

/** The log of the activation that a bench is for, as an option. */
export function loggerFrom({ context }: Pick<Bench, 'context'>): { readonly logger: Logger } {
  return { logger: loggerOf(context.options) };
}

/**
 * A fault of ours in one activation must not keep the others from being synced, nor from being reported. What a library says
 * may quote a value, so that its message is scrubbed, and only the places of its stack are logged.
 */
function unexpected(options: CommandOptions, thrown: unknown): DinmoError {
  loggerOf(options).debug('activation.unexpected', { stack: placesOf(thrown) });
  return new DinmoError({
    kind: 'warehouse',
    code: 'unexpected',
    message: `Something went wrong that should not: ${scrub(messageOf(thrown))}`,
    fix: 'This is a fault of dbt-dinmo. Please report it, with what --debug prints.',
    cause: thrown,
  });
}

/** State of a rehearsal is bound to the sandbox that it was made with. Throws DinmoError `sandbox-unreachable`. */
export async function sandboxInstance(options: CommandOptions, http: Equipment['http']): Promise<string | null> {
  const url = options.sandboxUrl ?? null;
  if (url === null) return null;
  try {
    const response = await http.request({ method: 'GET', url: `${url.replace(/\/$/, '')}/instance`, timeoutMs: 5_000 });
    const body = response.json();
    const instance = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['instance'] : null;
    if (response.status === 200 && typeof instance === 'string') return instance;
  } catch {
    // Told below: whatever went wrong, there is no sandbox at that address.
  }
  throw unreachable(url);
}

function unreachable(url: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'sandbox-unreachable',
    message: `No sandbox answers at ${url}.`,
    fix: 'Start one with `dinmo sandbox`, or name its address: --sandbox <url>.',
  });
}

/** Tells the sandbox what only the project knows: secrets to verify signatures by, and folders to show. */
export async function furnishSandbox(context: Context, http: Equipment['http']): Promise<void> {
  const url = `${(context.options.sandboxUrl ?? '').replace(/\/$/, '')}/destinations`;
  for (const destination of context.store.destinations.values()) {
    const service = await findService(destination.platform, destination.service);
    const { config, credentials } = readEndpoint(context, destination, { service, secrets: 'needed' });
    const mappedFields = ownFields(context, destination.name, service);
    const setup = {
      platform: destination.platform,
      destination: destination.name,
      ...(credentials['secret'] === undefined ? {} : { secret: credentials['secret'] }),
      ...(typeof config['path'] === 'string' ? { folder: config['path'] } : {}),
      ...(mappedFields.length === 0 ? {} : { mappedFields }),
    };
    const body = JSON.stringify(setup);
    const request = {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      body,
      timeoutMs: 5_000,
    } as const;
    const answer = await http.request(request).catch(() => null);
    if (answer === null) throw unreachable(context.options.sandboxUrl ?? '');
    if (answer.status >= 300)
      loggerOf(context.options).warn('sandbox.not_furnished', {
        destination: destination.name,
        status: answer.status,
      });
  }
}

/** Fields that the platform does not have by itself, and that the project feeds there. */
function ownFields({ store }: Context, destination: string, { facts }: Service): readonly string[] {
  const known = new Set(facts.fields.known.map(({ name }) => name));
  const mapped = [...store.activations.values()]
    .filter((activation) => activation.destination === destination)
    .flatMap(({ mapping }) => mapping.map(({ field }) => field));
  return [...new Set(mapped)].filter((field) => !known.has(field));
}

function reportOf(results: readonly ActivationResult[], orphans: SyncReport['orphans']): SyncReport {
  return {
    activations: results.map(({ report }) => report),
    error: null,
    exitCode: worst(results.map(({ detail }) => detail.exitCode)),
    details: new Map(results.map(({ report, detail }) => [report.activation, detail])),
    orphans,
  };
}

function worst(codes: readonly ExitCode[]): ExitCode {
  return Math.max(0, ...codes) as ExitCode; // the greatest of exit codes is one of them
}
