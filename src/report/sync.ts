import type { OperationCounts } from '../diff/delivery-plan.ts';
import type {
  ActivationDetail,
  ActivationReport,
  ActivationStatus,
  RemoteVerdict,
  SyncReport,
} from './activation-report.ts';
import { dueJson, renderDue } from './due-report.ts';
import { formatBytes, formatCount, formatDuration, formatMany, renderTable, type TableColumn, wrap } from './layout.ts';
import type { Style } from './style.ts';

const COLUMNS: readonly TableColumn[] = [
  { title: 'activation', align: 'left' },
  { title: 'status', align: 'left' },
  { title: 'insert', align: 'right' },
  { title: 'update', align: 'right' },
  { title: 'delete', align: 'right' },
  { title: 'unchanged', align: 'right' },
];

/** What each destination would receive. */
export function renderPlan(report: SyncReport, style: Style): string {
  const totals = sum(report.activations.map((activation) => activation.planned));
  const changes = totals.insert + totals.update + totals.delete;
  const isCounted = report.activations.some((activation) => activation.planned !== null);
  const changed = changes === 0 ? 'Nothing to send. ' : `${formatMany(changes, 'change')} to send. `;
  const last = `${isCounted ? changed : ''}Nothing was sent.`;
  return renderTableAnd(report, style, { counts: (activation) => activation.planned, last });
}

/** What became of each activation: of sync, run, retry and clear. */
export function renderSync(report: SyncReport, style: Style): string {
  const totals = sum(report.activations.map((activation) => activation.accepted));
  const changes = totals.insert + totals.update + totals.delete;
  const wanted = sum(report.activations.map((activation) => activation.planned));
  // Of one that failed before it was planned nobody knows what there would have been.
  const isKnown = report.activations.every(({ status, planned }) => planned !== null || status === 'skipped');
  const isIdle = isKnown && wanted.insert + wanted.update + wanted.delete === 0;
  const none = isIdle ? 'There was nothing to send.' : 'No change was accepted.';
  const last = changes === 0 ? none : `${formatMany(changes, 'change')} accepted.`;
  return renderTableAnd(report, style, { counts: (activation) => activation.accepted ?? activation.planned, last });
}

interface Wish {
  counts(activation: ActivationReport): OperationCounts | null;
  readonly last: string;
}

function renderTableAnd(report: SyncReport, style: Style, wish: Wish): string {
  const waiting = report.due?.activations.some(({ isDue }) => !isDue) ? [renderDue(report.due)] : [];
  if (report.activations.length === 0 && report.due && report.due.activations.length > 0)
    return [...waiting, ...orphanLines(report, style)].join('\n');
  if (report.activations.length === 0) {
    return [
      'There is no activation: `dinmo activate <segment> --to <destination>` writes one.',
      ...orphanLines(report, style),
    ].join('\n');
  }
  const rows = report.activations.map((activation) => ({
    cells: [
      activation.activation,
      paintStatus(activation.status, style),
      ...countCells(wish.counts(activation)),
      activation.unchanged === null ? '' : formatCount(activation.unchanged),
    ],
    notes: notesOf(activation, report.details.get(activation.activation)).map((note) => style.dim(note)),
  }));
  return [renderTable(COLUMNS, rows, style.width), ...orphanLines(report, style), '', wish.last, ...waiting].join('\n');
}

function paintStatus(status: ActivationStatus, style: Style): string {
  if (status === 'succeeded') return style.green(status);
  if (status === 'failed' || status === 'blocked') return style.red(status);
  return status === 'partial' ? style.yellow(status) : status;
}

function countCells(counts: OperationCounts | null): readonly string[] {
  if (counts === null) return ['', '', ''];
  return [counts.insert, counts.update, counts.delete].map(formatCount);
}

function notesOf(activation: ActivationReport, detail: ActivationDetail | undefined): readonly string[] {
  const outcomes = (['rejected', 'deferred', 'unknown'] as const).flatMap((outcome) => {
    const count = activation[outcome] ?? 0;
    return count > 0 ? [`${formatCount(count)} ${outcome}`] : [];
  });
  const counts = [
    ...outcomes,
    ...invalidNote(activation, detail),
    ...consentAndRenewal(activation),
    ...detailNotes(detail),
  ];
  return [
    ...(counts.length === 0 ? [] : [counts.join(' · ')]),
    ...(activation.bytes === undefined ? [] : [`its rows are ${formatBytes(activation.bytes)} to read`]),
    ...(activation.remote === undefined ? [] : [remoteNote(activation.remote)]),
    ...(activation.reason === null ? [] : [activation.reason]),
  ];
}

function remoteNote({ asked, ok, detail }: RemoteVerdict): string {
  if (!asked) return `not asked: ${detail}`;
  return `${ok ? 'the platform would take them' : 'the platform would refuse'}: ${detail}`;
}

function invalidNote(activation: ActivationReport, detail: ActivationDetail | undefined): readonly string[] {
  if ((activation.invalid ?? 0) === 0) return [];
  const codes = Object.entries(detail?.invalidByCode ?? {}).filter(([, count]) => count > 0);
  const why = codes.map(([code, count]) => `${code} ${formatCount(count)}`).join(', ');
  return [`${formatCount(activation.invalid ?? 0)} invalid${why === '' ? '' : ` (${why})`}`];
}

function consentAndRenewal({ withheld = 0, refreshed = 0 }: ActivationReport): readonly string[] {
  return [
    ...(withheld === 0 ? [] : [`${formatCount(withheld)} held back for lack of consent`]),
    ...(refreshed === 0 ? [] : [`${formatCount(refreshed)} unchanged, renewed before the membership ends`]),
  ];
}

function detailNotes(detail: ActivationDetail | undefined): readonly string[] {
  if (detail === undefined) return [];
  return [
    ...(detail.parked > 0 ? [`${formatCount(detail.parked)} parked: see \`dinmo status --rejected\``] : []),
    ...(detail.staying > 0
      ? [`${formatCount(detail.staying)} have left and stay there, since delete is not allowed`]
      : []),
    ...(detail.overridden.length > 0 ? [`overridden: ${detail.overridden.join(', ')}`] : []),
    ...(detail.durationMs !== null && detail.durationMs >= 10_000 ? [`took ${formatDuration(detail.durationMs)}`] : []),
  ];
}

function orphanLines(report: Pick<SyncReport, 'orphans'>, style: Style): readonly string[] {
  return renderOrphans(report.orphans, style);
}

/** Activations whose block is gone but not what they sent. */
export function renderOrphans(orphans: SyncReport['orphans'], style: Style): readonly string[] {
  return orphans.map(({ activation, rows }) => {
    const text = `${activation} has no block any more; ${formatMany(rows, 'row')} ${rows === 1 ? 'stays' : 'stay'} at its destination. Name it with \`was:\` where it was renamed; else \`dinmo clean\` shows and removes what it left.`;
    return `\n${style.yellow('left behind')}  ${wrap(text, style.width - 13, '             ')}`;
  });
}

function sum(counts: readonly (OperationCounts | null)[]): OperationCounts {
  const total = { insert: 0, update: 0, delete: 0 };
  for (const count of counts) {
    total.insert += count?.insert ?? 0;
    total.update += count?.update ?? 0;
    total.delete += count?.delete ?? 0;
  }
  return total;
}

/** What `--output json` prints for plan, sync, run, retry and clear: keys and their order are stable, every key is always there. */
export function syncJson(report: Pick<SyncReport, 'activations' | 'error' | 'due'>): object {
  return {
    activations: report.activations.map((activation) => ({
      activation: activation.activation,
      mode: activation.mode,
      status: activation.status,
      planned: countsJson(activation.planned),
      accepted: countsJson(activation.accepted),
      rejected: activation.rejected,
      deferred: activation.deferred,
      unknown: activation.unknown,
      invalid: activation.invalid,
      unchanged: activation.unchanged,
      reason: activation.reason,
      ...(activation.withheld === undefined ? {} : { withheld: activation.withheld }),
      ...(activation.refreshed === undefined ? {} : { refreshed: activation.refreshed }),
      ...(activation.bytes === undefined ? {} : { bytes: activation.bytes }),
      ...(activation.remote === undefined ? {} : { remote: activation.remote }),
    })),
    ...(report.due === undefined ? {} : { due: dueJson(report.due) }),
    // Set only when the command stopped before it computed any activation.
    error:
      report.error === null || report.activations.length > 0
        ? null
        : { code: report.error.code, message: report.error.message },
  };
}

function countsJson(counts: OperationCounts | null): OperationCounts | null {
  return counts === null ? null : { insert: counts.insert, update: counts.update, delete: counts.delete };
}
