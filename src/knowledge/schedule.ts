import { Cron } from 'croner';

/** When an activation is meant to run: with every dbt build, or at the instants of a cron expression. */
export type Schedule = { readonly kind: 'after_dbt' } | { readonly kind: 'cron'; readonly expression: string };

const FIELDS = [
  'minute (0 to 59)',
  'hour (0 to 23)',
  'day of month (1 to 31)',
  'month (1 to 12)',
  'day of week (0 to 7)',
];

/** Characters of crontab: numbers, names, lists, ranges and steps. Other tools' `L`, `W`, `#` and `?` are not all the same everywhere. */
const PORTABLE = /^(?:[\d*,/-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+$/i;

/** Reads `after_dbt` or the five fields of a cron expression (POSIX crontab, with `/` steps and names of months and days); a text says what is wrong. */
export function parseSchedule(text: string): Schedule | string {
  const expression = text.trim().split(/\s+/).join(' ');
  if (expression === 'after_dbt') return { kind: 'after_dbt' };
  const parts = expression === '' ? [] : expression.split(' ');
  if (parts.length !== FIELDS.length) return `it has ${parts.length} of the five fields of cron`;
  for (const [index, part] of parts.entries()) {
    const alone = parts.map((_, position) => (position === index ? part : '*')).join(' ');
    if (!PORTABLE.test(part) || cronOf(alone, 'UTC') === null) return `\`${part}\` is no ${FIELDS[index]}`;
  }
  const cron = cronOf(expression, 'UTC');
  if (cron === null) return 'it is no cron expression';
  if (cron.nextRun() === null) return 'there is no such day';
  return { kind: 'cron', expression };
}

/** What is wrong with a schedule; null when nothing is. */
export function explainScheduleProblem(text: string): string | null {
  const parsed = parseSchedule(text);
  return typeof parsed === 'string' ? parsed : null;
}

/**
 * The newest instant of a cron expression at or before `nowMs`, and the first one after it, in a time zone (IANA). An hour that
 * summer time skips is made up for right after it; one that comes twice counts once, unless the expression names every hour.
 */
export function instantsAround(
  expression: string,
  timezone: string,
  nowMs: number,
): { readonly newestAt: string | null; readonly nextAt: string | null } {
  const cron = cronOf(expression, timezone);
  // The instant itself belongs to the past: what is looked for lies before the second that follows.
  const following = Math.floor(nowMs / 1_000) * 1_000 + 1_000;
  return {
    newestAt: cron?.previousRuns(1, new Date(following))[0]?.toISOString() ?? null,
    nextAt: cron?.nextRun(new Date(nowMs))?.toISOString() ?? null,
  };
}

function cronOf(expression: string, timezone: string): Cron | null {
  try {
    return new Cron(expression, { timezone, paused: true, mode: '5-part', sloppyRanges: true });
  } catch {
    return null;
  }
}
