import { formatCount, formatDuration } from './layout.ts';

/** How far one activation is. */
export interface Progress {
  readonly activation: string;
  readonly stage: 'gate' | 'plan' | 'deliver' | 'record';
  readonly done: number;
  /** null where nobody knows. */
  readonly total: number | null;
  /** Since the stage began. */
  readonly elapsedMs: number;
}

const VERBS = { gate: 'checking dbt', plan: 'planning', deliver: 'sending', record: 'recording' } as const;

/** One line on how far it is: rows, rate, time left. Cut to `width`. */
export function renderProgress(progress: Progress, width: number): string {
  const { activation, stage, done, total, elapsedMs } = progress;
  const parts = [`${activation}  ${VERBS[stage]}`];
  if (stage === 'deliver') {
    parts.push(total === null ? `${formatCount(done)} rows` : `${formatCount(done)} of ${formatCount(total)} rows`);
    const perSecond = elapsedMs >= 1000 ? (done / elapsedMs) * 1000 : null;
    if (perSecond !== null && perSecond >= 1) parts.push(`${formatCount(Math.round(perSecond))} a second`);
    if (perSecond !== null && perSecond > 0 && total !== null && total > done) {
      parts.push(`${formatDuration(((total - done) / perSecond) * 1000)} left`);
    }
  }
  const line = parts.join('  ');
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line;
}
