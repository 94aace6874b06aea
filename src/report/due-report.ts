import { formatMany } from './layout.ts';

/** How one activation stands to its schedule. Times are ISO, UTC. */
export interface DueActivation {
  readonly activation: string;
  /** `after_dbt`, or a cron expression. */
  readonly schedule: string;
  readonly isEnabled: boolean;
  readonly isPaused: boolean;
  readonly isDue: boolean;
  /** The instant of its schedule, or the build, that asks for a run; null where nothing does, or where it is due because it never ran. */
  readonly dueSince: string | null;
  /** The next instant of a cron expression; null for `after_dbt`. */
  readonly nextAt: string | null;
  /** When its last successful run started; null where none has succeeded yet. */
  readonly lastStartedAt: string | null;
}

/** Which activations are due, and in which time zone schedules are read. */
export interface DueReport {
  readonly timezone: string;
  readonly activations: readonly DueActivation[];
}

/** What `--due` left out, in a line: how many, and what comes next. */
export function renderDue({ activations, timezone }: DueReport): string {
  const waiting = activations.filter(({ isDue }) => !isDue);
  const isIdle = waiting.length === activations.length;
  const start = isIdle ? 'Nothing is due.' : `${formatMany(waiting.length, 'activation')} not due.`;
  const [next] = waiting
    .flatMap(({ activation, nextAt }) => (nextAt === null ? [] : [{ activation, nextAt }]))
    .sort((a, b) => (a.nextAt < b.nextAt ? -1 : 1));
  const waitsForDbt = waiting.some(
    ({ schedule, isEnabled, isPaused }) => schedule === 'after_dbt' && isEnabled && !isPaused,
  );
  const paused = waiting.filter(({ isPaused }) => isPaused).length;
  return [
    start,
    ...(next ? [`Next: ${next.activation} at ${localTime(next.nextAt, timezone)} (${timezone}).`] : []),
    ...(waitsForDbt ? ['`after_dbt` waits for the next dbt build.'] : []),
    ...(paused > 0 ? [`${formatMany(paused, 'activation')} paused: \`dinmo sync --resume\` goes on.`] : []),
  ].join(' ');
}

/** What `--due --output json` adds. */
export function dueJson({ activations, timezone }: DueReport): object {
  return {
    timezone,
    activations: activations.map(({ activation, schedule, isDue, dueSince, nextAt }) => ({
      ...{ activation, schedule },
      due: isDue,
      due_since: dueSince,
      next_at: nextAt,
    })),
  };
}

/** `2026-11-22 07:57`, as clocks show it in the time zone. */
export function localTime(iso: string, timezone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...{ timeZone: timezone, year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  });
  return format.format(new Date(iso)).replace(',', '');
}
