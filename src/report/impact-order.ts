import type { ImpactActivation, ImpactChange, ImpactReport, ImpactSegment } from './impact-report.ts';
import { formatCount, formatMany } from './layout.ts';

/** What is said when nothing that is sent is touched. */
export const UNTOUCHED = 'No segment, mapping or activation is touched.';

/** Whether there is anything to tell. */
export function isUntouched({ changes, error }: ImpactReport): boolean {
  return changes.length === 0 && error === null;
}

/** `2 activations and 1 segment are touched; 1 change breaks something.` */
export function headline({ changes, segments, activations }: ImpactReport): string {
  const breaking = changes.filter(({ severity }) => severity === 'breaks').length;
  const blocked = activations.filter(isStopped).length;
  const touched = [
    ...(activations.length > 0 ? [formatMany(activations.length, 'activation')] : []),
    ...(segments.length > 0 ? [formatMany(segments.length, 'segment')] : []),
  ];
  const count = activations.length + segments.length;
  const first =
    touched.length === 0
      ? formatMany(changes.length, 'change')
      : `${touched.join(' and ')} ${count === 1 ? 'is' : 'are'} touched`;
  return [
    first,
    ...(breaking > 0 ? [`${formatMany(breaking, 'change')} ${breaking === 1 ? 'breaks' : 'break'} something`] : []),
    ...(blocked > 0 ? [`${formatMany(blocked, 'activation')} would be stopped`] : []),
  ].join(', ');
}

/** Whether a sync of it would not go through. */
export function isStopped({ plan }: ImpactActivation): boolean {
  return plan?.status === 'blocked' || plan?.status === 'failed';
}

/** What to look at first, a sentence each: what is stopped, what breaks, and who loses most. */
export function firstLooks({ changes, activations, segments }: ImpactReport, most: number): readonly string[] {
  const stopped = activations
    .filter(isStopped)
    .map(({ activation, plan }) => `${activation} would be stopped: ${plan?.reason ?? plan?.status ?? ''}`);
  const breaking = changes.filter(({ severity }) => severity === 'breaks').map(told);
  const leaving = segments
    .filter(({ size }) => (size?.leaving ?? 0) > 0)
    .sort((a, b) => (b.size?.leaving ?? 0) - (a.size?.leaving ?? 0))
    .map(({ segment, size }) => `${formatMany(size?.leaving ?? 0, 'member')} of ${segment} would leave.`);
  const rest = changes.filter(({ severity }) => severity === 'attention').map(told);
  return [...stopped, ...breaking, ...leaving.slice(0, 3), ...rest].slice(0, most);
}

/** What changed and what follows. */
export function told({ message, effect }: Pick<ImpactChange, 'message' | 'effect'>): string {
  return `${message} ${effect}`;
}

/** `1,200 → 1,150 (+10, −60)`; empty where nothing was counted. */
export function sizeText(size: ImpactSegment['size']): string {
  if (size === null || (size.before === null && size.after === null)) return '';
  const number = (count: number | null): string => (count === null ? '–' : formatCount(count));
  const moves =
    size.entering === null || size.leaving === null
      ? ''
      : ` (+${formatCount(size.entering)}, −${formatCount(size.leaving)})`;
  return `${number(size.before)} → ${number(size.after)}${moves}`;
}

/** insert, update and delete; empty where nothing was counted. */
export function operationTexts({ plan }: ImpactActivation): readonly [string, string, string] {
  const planned = plan?.planned ?? null;
  if (planned === null) return ['', '', ''];
  return [formatCount(planned.insert), formatCount(planned.update), formatCount(planned.delete)];
}

/** What else there is to say of an activation. */
export function activationNotes(one: ImpactActivation): readonly string[] {
  const { plan, today, was, note } = one;
  return [
    ...(was === null ? [] : [`before ${was}`]),
    ...(today === null
      ? []
      : [
          `without this change: ${formatCount(today.insert)} inserts, ${formatCount(today.update)} updates, ${formatCount(today.delete)} deletes`,
        ]),
    ...(plan?.invalid ? [`${formatCount(plan.invalid)} invalid`] : []),
    ...(plan?.reason ? [plan.reason] : []),
    ...(note === null ? [] : [note]),
  ];
}

/** With what was compared. */
export function baseText({ base, target }: ImpactReport): string {
  if (base === null) return '';
  const of = base.kind === 'project' ? 'the base’s project' : 'the base’s manifest';
  const counted = target === null ? '' : `; counted in target ${target}`;
  return `Compared with ${of}, parsed ${base.generatedAt.slice(0, 16)}Z by dbt ${base.dbtVersion}${counted}.`;
}

/** Longer ones are shown whole: nobody looks for the one line in a thousand here. */
const COMPARED_LINES_MAX = 300;

/** What was and what is, line by line: `-` gone, `+` new, a space for what stays. */
export function comparedLines(before: readonly string[] | null, after: readonly string[] | null): readonly string[] {
  const [was, is] = [before ?? [], after ?? []];
  if (was.length > COMPARED_LINES_MAX || is.length > COMPARED_LINES_MAX)
    return [...was.map((line) => `- ${line}`), ...is.map((line) => `+ ${line}`)];
  // common[i][j]: how many lines the rests from i and from j have in common, in order.
  const common = Array.from({ length: was.length + 1 }, () => new Array<number>(is.length + 1).fill(0));
  const at = (row: number, column: number): number => common[row]?.[column] ?? 0;
  for (let row = was.length - 1; row >= 0; row--)
    for (let column = is.length - 1; column >= 0; column--) {
      const same = was[row] === is[column];
      const line = common[row];
      if (line !== undefined)
        line[column] = same ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  const lines: string[] = [];
  let [row, column] = [0, 0];
  while (row < was.length || column < is.length) {
    if (row < was.length && column < is.length && was[row] === is[column]) {
      lines.push(`  ${was[row]}`);
      row++;
      column++;
    } else if (row < was.length && (column >= is.length || at(row + 1, column) >= at(row, column + 1))) {
      lines.push(`- ${was[row]}`);
      row++;
    } else {
      lines.push(`+ ${is[column]}`);
      column++;
    }
  }
  return lines;
}
