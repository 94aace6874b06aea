import { ancestorsOf } from '../diff/gate.ts';
import type { KnownResult } from '../diff/known-results.ts';
import { DinmoError } from '../errors.ts';
import { instantsAround, parseSchedule } from '../knowledge/schedule.ts';
import type { Activation } from '../knowledge/store.ts';
import { readActivationStates } from '../record/ledger.ts';
import type { DueActivation, DueReport } from '../report/due-report.ts';
import type { Context } from './context.ts';
import { clockOf, type SyncOptions } from './options.ts';
import { readsOf } from './prepare-run.ts';
import type { Conduct } from './run-activations.ts';
import { type Storage, stateOf } from './storage.ts';

/** What decides whether one activation is due. Times are ISO, UTC. */
export interface DueFacts {
  readonly schedule: string;
  readonly timezone: string;
  readonly nowMs: number;
  /** When its last successful run started; null where none has succeeded yet. */
  readonly lastStartedAt: string | null;
  /** The newest build of anything behind it; null where dbt said nothing yet. */
  readonly newestBuildAt: string | null;
}

/** Whether something asks for a run since the last success started, and since when. What never succeeded is due. */
export function judgeDue(facts: DueFacts): Pick<DueActivation, 'isDue' | 'dueSince' | 'nextAt'> {
  const parsed = parseSchedule(facts.schedule);
  const isCron = typeof parsed !== 'string' && parsed.kind === 'cron';
  const { newestAt, nextAt } = isCron
    ? instantsAround(parsed.expression, facts.timezone, facts.nowMs)
    : { newestAt: facts.newestBuildAt, nextAt: null };
  const { lastStartedAt } = facts;
  if (lastStartedAt === null) return { isDue: true, dueSince: newestAt, nextAt };
  const isDue = newestAt !== null && Date.parse(newestAt) > Date.parse(lastStartedAt);
  return { isDue, dueSince: isDue ? newestAt : null, nextAt };
}

/** How each of these activations stands to its schedule. A paused or disabled one is not due. */
export async function examineDue(
  context: Context,
  storage: Storage,
  activations: readonly Activation[],
): Promise<DueReport> {
  const { timezone } = context.project.settings;
  const nowMs = clockOf(context.options).now();
  const starts = await readLastStarts(storage);
  return {
    timezone,
    activations: activations.map((activation) => {
      const state = stateOf(storage, activation);
      const lastStartedAt = state === null ? null : (starts.get(state.activationId) ?? null);
      const newestBuildAt = newestBuild(context, storage, activation);
      const { schedule } = activation;
      const due = judgeDue({ schedule, timezone, nowMs, lastStartedAt, newestBuildAt });
      const isPaused = state?.paused === true;
      const waits = isPaused || !activation.enabled;
      return {
        ...{ activation: activation.id, schedule, lastStartedAt, isPaused },
        isEnabled: activation.enabled,
        ...(waits ? { isDue: false, dueSince: null, nextAt: null } : due),
      };
    }),
  };
}

/** Of the selected activations those that are due; with `resume` the paused ones too, whose pause is taken off. */
export function chooseDue({ resume }: SyncOptions): NonNullable<Conduct['choose']> {
  return async ({ context, storage }, selected) => {
    const due = await examineDue(context, storage, selected);
    const wanted = new Set(
      due.activations.flatMap((one) => (one.isDue || (resume === true && one.isPaused) ? one.activation : [])),
    );
    return { activations: selected.filter(({ id }) => wanted.has(id)), due };
  };
}

/** Under the lock: whether another process has run the activation since this one found it due. A text says so. */
export async function findDoneMeanwhile(
  context: Context,
  storage: Storage,
  activation: Activation,
): Promise<string | null> {
  const states = await readActivationStates(storage.ledger);
  const [now] = (await examineDue(context, { ...storage, states }, [activation])).activations;
  if (now === undefined || now.isDue) return null;
  return `another process has run it meanwhile, at ${now.lastStartedAt}`;
}

/** When the last successful run of each activation started; a clear is no sync. */
async function readLastStarts({ ledger, existing }: Storage): Promise<ReadonlyMap<string, string>> {
  if (!existing.has('runs')) return new Map();
  const rows = await ledger.warehouse.query(
    `select activation_id, max(started_at) as started_at from ${ledger.sql('runs')} where status = 'succeeded' and mode not in ('clear', 'forget') group by activation_id`,
  );
  return new Map(rows.map((row) => [String(row['activation_id']), String(row['started_at'])]));
}

/** Failed builds count too: the gate then names what failed, each time, until somebody mends it. */
function newestBuild(context: Context, { results }: Storage, activation: Activation): string | null {
  let newest: string | null = null;
  for (const uniqueId of ancestorsOf(context.project.manifest, readsOrNothing(context, activation))) {
    const result: KnownResult | undefined = results.get(uniqueId);
    if (result?.kind !== 'build') continue;
    if (newest === null || Date.parse(result.completedAt) > Date.parse(newest)) newest = result.completedAt;
  }
  return newest;
}

/** An activation whose models were not generated yet has had no build; what to do is told when it is synced. */
function readsOrNothing(context: Context, activation: Activation): readonly string[] {
  try {
    return readsOf(context, activation);
  } catch (thrown) {
    if (thrown instanceof DinmoError) return [];
    throw thrown;
  }
}
