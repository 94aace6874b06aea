import type { ExitCode } from '../errors.ts';
import { formatMany, wrap } from './layout.ts';
import type { Style } from './style.ts';

/** What one activation left that has no block any more. */
export interface LeftBehind {
  readonly activation: string;
  readonly destination: string;
  readonly platform: string;
  readonly service: string;
  readonly audience: string | null;
  readonly audienceId: string | null;
  /** Rows that its destination holds, as far as the snapshot knows. */
  readonly rows: number;
  /** Identifiers that are still owed. */
  readonly owed: number;
  /** Names of its tables in delta storage. */
  readonly tables: readonly string[];
  readonly lastSuccessAt: string | null;
  /** `found`: nothing was done yet. `removed`: its state is gone. `kept`: see `reason`. */
  readonly status: 'found' | 'removed' | 'kept';
  /** Rows that were removed at the platform; null where that was not asked for, or did not happen. */
  readonly removedRows: number | null;
  readonly reason: string | null;
}

/** The answer of clean. */
export interface CleanReport {
  readonly leftBehind: readonly LeftBehind[];
  /** Tables in delta storage that belong to no activation and no run. */
  readonly tables: readonly { readonly name: string; readonly status: 'found' | 'removed' }[];
  readonly exitCode: ExitCode;
}

/** What was left behind, and what became of it. */
export function renderClean(report: CleanReport, style: Style): string {
  if (report.leftBehind.length === 0 && report.tables.length === 0) return 'Nothing was left behind.';
  const blocks = report.leftBehind.map((one) => renderLeftBehind(one, style));
  const stale = report.tables.map(({ name, status }) => `    ${status === 'removed' ? 'removed  ' : ''}${name}`);
  const isOpen =
    report.leftBehind.some(({ status }) => status === 'found') ||
    report.tables.some(({ status }) => status === 'found');
  return [
    ...blocks,
    ...(stale.length === 0 ? [] : [[`${formatMany(stale.length, 'table')} of nobody`, ...stale].join('\n')]),
    ...(isOpen ? [wrap(HOW, style.width)] : []),
  ].join('\n\n');
}

const HOW =
  'Nothing was changed. --yes removes the state and leaves at the destinations what they hold; --yes --remove-members removes that first. The history of runs stays.';

function renderLeftBehind(one: LeftBehind, style: Style): string {
  const { status } = one;
  const title = status === 'found' ? style.yellow('left behind') : status === 'kept' ? style.red('kept') : 'removed';
  const audience = one.audience === null ? '' : `, audience “${one.audience}”`;
  const facts = [
    `${one.destination} (${one.platform} ${one.service}${audience})`,
    `holds ${formatMany(one.rows, 'row')}${one.owed > 0 ? ` and ${formatMany(one.owed, 'owed identifier')}` : ''}; last success ${one.lastSuccessAt?.replace('T', ' ').slice(0, 16) ?? 'never'}`,
    formatMany(one.tables.length, 'table'),
    ...(one.removedRows === null ? [] : [`${formatMany(one.removedRows, 'row')} removed at the destination`]),
    ...(one.reason === null ? [] : [one.reason]),
  ];
  return [`${title}  ${one.activation}`, ...facts.map((fact) => `    ${wrap(fact, style.width - 4, '    ')}`)].join(
    '\n',
  );
}

/** What `clean --output json` prints. */
export function cleanJson(report: CleanReport): object {
  return {
    left_behind: report.leftBehind.map((one) => ({
      activation: one.activation,
      destination: one.destination,
      platform: one.platform,
      service: one.service,
      audience: one.audience,
      audience_id: one.audienceId,
      rows: one.rows,
      owed: one.owed,
      tables: one.tables,
      last_success_at: one.lastSuccessAt,
      status: one.status,
      removed_rows: one.removedRows,
      reason: one.reason,
    })),
    tables: report.tables,
    error: null,
  };
}
