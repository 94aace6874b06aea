import type { ExitCode } from '../errors.ts';
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
  /** A run that died is waiting to be closed. */
  readonly unfinished: boolean;
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
  { title: 'held', align: 'right' },
  { title: 'rejected', align: 'right' },
];

/** Where each activation stands. */
export function renderStatus(report: StatusReport, style: Style): string {
  if (report.activations.length === 0) {
    return ['There is no activation yet.', ...renderOrphans(report.orphans, style)].join('\n');
  }
  const rows = report.activations.map((row) => ({
    cells: [
      row.activation,
      row.lastStatus ?? 'never',
      shortTime(row.lastSuccessAt),
      count(row.held),
      count(row.rejected),
    ],
    notes: notesOf(row).map((note) => style.dim(note)),
  }));
  return [renderTable(COLUMNS, rows, style.width), ...renderOrphans(report.orphans, style)].join('\n');
}

function notesOf(row: ActivationStatusRow): readonly string[] {
  const notes = [
    ...(row.enabled ? [] : ['not enabled']),
    ...(row.paused ? ['paused: `dinmo sync --resume` goes on'] : []),
    ...(row.unfinished ? ['a run ended without closing: the next sync closes it first'] : []),
    ...((row.dirty ?? 0) > 0 ? [`${formatMany(row.dirty ?? 0, 'row')} to be sent again`] : []),
    ...((row.parked ?? 0) > 0 ? [`${formatCount(row.parked ?? 0)} parked: \`dinmo retry\` tries them again`] : []),
    ...((row.owed ?? 0) > 0 ? [`${formatMany(row.owed ?? 0, 'removal')} still owed`] : []),
  ];
  return notes.length === 0 ? [] : [notes.join(' · ')];
}

function count(value: number | null): string {
  return value === null ? '' : formatCount(value);
}

/** 2026-11-22 07:57 */
function shortTime(iso: string | null): string {
  return iso === null ? 'never' : iso.replace('T', ' ').slice(0, 16);
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
    cells: [row.activation, row.key, row.operation, String(row.attempts), shortTime(row.lastSeenAt)],
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
    error: null,
  };
}
