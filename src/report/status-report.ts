import type { ExitCode } from '../errors.ts';
import { localTime } from './due-report.ts';
import { formatCount, formatMany, renderTable, type TableColumn } from './layout.ts';
import type { Style } from './style.ts';
import { renderOrphans } from './sync.ts';

/** Where one activation stands. Counts are null before its first sync. */
export interface ActivationStatusRow {
  readonly activation: string;
  readonly destination: string;
  readonly enabled: boolean;
  readonly paused: boolean;
  readonly lastStatus: string | null;
  readonly lastSuccessAt: string | null;
  /** Rows that the destination has acknowledged. */
  readonly held: number | null;
  readonly dirty: number | null;
  readonly rejected: number | null;
  readonly parked: number | null;
  readonly owed: number | null;
  readonly audienceId: string | null;
  /** Rows that its last run put off to the next one. */
  readonly deferred: number | null;
  /** Rows of its last run without a clear answer. */
  readonly unknown: number | null;
  /** Rows of the segment or entity at its last plan. */
  readonly segmentRows: number | null;
  /** A run that died is waiting to be closed. */
  readonly unfinished: boolean;
  /** Jobs of that run that may still be open at the platform. */
  readonly openJobs: number;
  /** Since the last success. */
  readonly ageMs: number | null;
  /** `after_dbt`, or a cron expression. */
  readonly schedule: string;
  readonly isDue: boolean;
  /** The instant of its schedule, or the build, that asks for a run. */
  readonly dueSince: string | null;
  /** The next instant of a cron expression. */
  readonly nextAt: string | null;
  /** Its last success is older than was asked for. */
  readonly isStale: boolean;
}

/** A row that a destination rejected and has not accepted since. */
export interface RejectionRow {
  readonly activation: string;
  /** Masked where the key is an identifier. */
  readonly key: string;
  readonly operation: string;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly parked: boolean;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

/** The answer of `status`. */
export interface StatusReport {
  readonly activations: readonly ActivationStatusRow[];
  /** In which cron expressions are read. */
  readonly timezone: string;
  /** The limit that was asked for; null where none was. */
  readonly staleHours: number | null;
  /** The newest ones; how many there are in all say the activations. */
  readonly rejections: readonly RejectionRow[];
  readonly orphans: readonly { readonly activation: string; readonly rows: number }[];
  readonly runs: readonly Readonly<Record<string, string | number | null>>[];
  readonly exitCode: ExitCode;
}

const COLUMNS: readonly TableColumn[] = [
  { title: 'activation', align: 'left' },
  { title: 'last run', align: 'left' },
  { title: 'last success', align: 'left' },
  { title: 'age', align: 'right' },
  { title: 'next', align: 'left' },
  { title: 'held', align: 'right' },
  { title: 'rejected', align: 'right' },
];

/** Where each activation stands; times are those of the project's time zone. */
export function renderStatus(report: StatusReport, style: Style): string {
  if (report.activations.length === 0) {
    return ['There is no activation yet.', ...renderOrphans(report.orphans, style)].join('\n');
  }
  const rows = report.activations.map((row) => ({
    cells: [
      row.activation,
      row.lastStatus ?? 'never',
      shortTime(row.lastSuccessAt, report.timezone),
      row.ageMs === null ? '' : formatAge(row.ageMs),
      nextOf(row, report.timezone),
      count(row.held),
      count(row.rejected),
    ],
    notes: notesOf(row).map((note) => style.dim(note)),
  }));
  const stale = report.activations.filter(({ isStale }) => isStale).length;
  const limit = `no success for more than ${formatMany(report.staleHours ?? 0, 'hour')}`;
  return [
    renderTable(COLUMNS, rows, style.width),
    ...renderOrphans(report.orphans, style),
    ...(stale === 0 ? [] : ['', style.red(`${formatMany(stale, 'activation')} with ${limit}.`)]),
    '',
    style.dim(`Times are those of ${report.timezone}.`),
  ].join('\n');
}

/** `due`, or when it is due next. */
function nextOf(row: ActivationStatusRow, timezone: string): string {
  if (!row.enabled || row.paused) return '';
  if (row.isDue) return 'due';
  return row.nextAt === null ? 'after dbt' : localTime(row.nextAt, timezone);
}

function notesOf(row: ActivationStatusRow): readonly string[] {
  const notes = [
    ...(row.enabled ? [] : ['not enabled']),
    ...(row.paused ? ['paused: `dinmo sync --resume` goes on'] : []),
    ...unfinishedNote(row),
    ...(row.isStale ? ['too long ago'] : []),
    ...((row.deferred ?? 0) > 0 ? [`${formatMany(row.deferred ?? 0, 'row')} put off to the next run`] : []),
    ...((row.unknown ?? 0) > 0 ? [`${formatMany(row.unknown ?? 0, 'row')} without a clear answer`] : []),
    ...((row.dirty ?? 0) > 0 ? [`${formatMany(row.dirty ?? 0, 'row')} to be sent again`] : []),
    ...((row.parked ?? 0) > 0 ? [`${formatCount(row.parked ?? 0)} parked: \`dinmo retry\` tries them again`] : []),
    ...((row.owed ?? 0) > 0 ? [`${formatMany(row.owed ?? 0, 'removal')} still owed`] : []),
  ];
  return notes.length === 0 ? [] : [notes.join(' · ')];
}

function unfinishedNote({ unfinished, openJobs }: ActivationStatusRow): readonly string[] {
  if (!unfinished) return [];
  if (openJobs === 0) return ['a run ended without closing: the next sync closes it first'];
  const jobs = openJobs === 1 ? 'a job is' : `${formatCount(openJobs)} jobs are`;
  return [`${jobs} open at the platform: the next sync asks for that first, and sends nothing before`];
}

function count(value: number | null): string {
  return value === null ? '' : formatCount(value);
}

/** 2026-11-22 07:57 */
function shortTime(iso: string | null, timezone: string): string {
  return iso === null ? 'never' : localTime(iso, timezone);
}

/** `12 min`, `3 h`, `5 d` */
function formatAge(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${formatCount(Math.floor(minutes / 1440))} d`;
}

/** `status --rejected`: the rows that a destination rejected, by activation. */
export function renderRejections(report: StatusReport, style: Style): string {
  if (report.rejections.length === 0) return 'No row is rejected.';
  const columns: readonly TableColumn[] = [
    { title: 'activation', align: 'left' },
    { title: 'key', align: 'left' },
    { title: 'operation', align: 'left' },
    { title: 'tries', align: 'right' },
    { title: 'last seen', align: 'left' },
  ];
  const rows = report.rejections.map((row) => ({
    cells: [row.activation, row.key, row.operation, String(row.attempts), shortTime(row.lastSeenAt, report.timezone)],
    notes: [`${row.code}: ${row.message}${row.parked ? ' — parked' : ''}`],
  }));
  return [renderTable(columns, rows, style.width), '', countOf(report)].join('\n');
}

function countOf({ activations, rejections }: StatusReport): string {
  const all = activations.reduce((sum, row) => sum + (row.rejected ?? 0), 0);
  if (all <= rejections.length) return `${formatMany(rejections.length, 'row')} rejected.`;
  return `${formatMany(all, 'row')} rejected, of which these are the newest ${formatCount(rejections.length)}: the model sync_rejections has them all.`;
}

/** What `status --output json` prints. */
export function statusJson(report: StatusReport): object {
  return {
    activations: report.activations.map((row) => ({
      activation: row.activation,
      destination: row.destination,
      enabled: row.enabled,
      paused: row.paused,
      last_status: row.lastStatus,
      last_success_at: row.lastSuccessAt,
      held: row.held,
      dirty: row.dirty,
      rejected: row.rejected,
      parked: row.parked,
      owed: row.owed,
      audience_id: row.audienceId,
      unfinished: row.unfinished,
      open_jobs: row.openJobs,
      deferred: row.deferred,
      unknown: row.unknown,
      segment_rows: row.segmentRows,
      age_seconds: row.ageMs === null ? null : Math.floor(row.ageMs / 1000),
      schedule: row.schedule,
      due: row.isDue,
      due_since: row.dueSince,
      next_at: row.nextAt,
      stale: row.isStale,
    })),
    rejections: report.rejections.map((row) => ({
      activation: row.activation,
      key: row.key,
      operation: row.operation,
      code: row.code,
      message: row.message,
      attempts: row.attempts,
      parked: row.parked,
      first_seen_at: row.firstSeenAt,
      last_seen_at: row.lastSeenAt,
    })),
    orphans: report.orphans,
    runs: report.runs,
    timezone: report.timezone,
    error: null,
  };
}
