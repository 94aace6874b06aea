/** A schedule of an activation: with every dbt build, or at the minutes that all five fields of cron allow. */
export type Schedule =
  | { readonly kind: 'after_dbt' }
  | {
      readonly kind: 'cron';
      readonly minutes: ReadonlySet<number>;
      readonly hours: ReadonlySet<number>;
      readonly daysOfMonth: ReadonlySet<number>;
      readonly months: ReadonlySet<number>;
      /** 0 is Sunday. */
      readonly daysOfWeek: ReadonlySet<number>;
      /** As cron has it: where both fields name days, either is enough; a field of `*` names none. */
      readonly anyDayOfMonth: boolean;
      readonly anyDayOfWeek: boolean;
    };

interface Field {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const FIELDS: readonly [Field, Field, Field, Field, Field] = [
  { title: 'minute', from: 0, to: 59, names: [] },
  { title: 'hour', from: 0, to: 23, names: [] },
  { title: 'day of month', from: 1, to: 31, names: [] },
  { title: 'month', from: 1, to: 12, names: MONTHS },
  { title: 'day of week', from: 0, to: 7, names: DAYS },
];

/** Reads `after_dbt` or the five fields of a cron expression (POSIX crontab, with `/` steps and names of months and days); a text says what is wrong. */
export function parseSchedule(text: string): Schedule | string {
  if (text.trim() === 'after_dbt') return { kind: 'after_dbt' };
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 5) return `it has ${parts.length} of the five fields of cron`;
  const sets: ReadonlySet<number>[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const part = parts[index] ?? '';
    const values = parseField(part, field);
    if (values === null) return `\`${part}\` is no ${field.title} (${field.from} to ${field.to})`;
    sets.push(values);
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = sets;
  if (!minutes || !hours || !daysOfMonth || !months || !daysOfWeek) return 'it has too few fields';
  return {
    kind: 'cron',
    minutes,
    hours,
    daysOfMonth,
    months,
    daysOfWeek: new Set([...daysOfWeek].map((day) => day % 7)),
    anyDayOfMonth: parts[2] === '*',
    anyDayOfWeek: parts[4] === '*',
  };
}

/** What is wrong with a schedule; null when nothing is. */
export function explainScheduleProblem(text: string): string | null {
  const parsed = parseSchedule(text);
  return typeof parsed === 'string' ? parsed : null;
}

/** The values that a list such as `1-5,9,20-40/5` allows; null where it is no such list. */
function parseField(text: string, field: Field): ReadonlySet<number> | null {
  const values = new Set<number>();
  for (const item of text.toLowerCase().split(',')) {
    const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(item);
    if (match === null) return null;
    const [, first, last, every] = match;
    const step = every === undefined ? 1 : Number(every);
    const from = first === undefined ? field.from : numberOf(first, field);
    const open = first === undefined || every !== undefined ? field.to : from;
    const to = last === undefined ? open : numberOf(last, field);
    if (from === null || to === null || from > to || step < 1) return null;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function numberOf(text: string, field: Field): number | null {
  const named = field.names.indexOf(text);
  if (named >= 0) return named + (field.names === MONTHS ? 1 : 0);
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.from && value <= field.to ? value : null;
}
