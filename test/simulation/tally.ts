import type { FaultKind } from './faults.ts';
import type { World } from './history.ts';
import type { Process } from './scheduler.ts';

/** What has happened so far, counted. */
export class Tally {
  histories = 0;
  readonly #counts = new Map<string, Map<string, number>>();

  /** By name, what was counted under this title. */
  of(title: string): ReadonlyMap<string, number> {
    return this.#counts.get(title) ?? new Map();
  }

  count(title: string, name: string, times = 1): void {
    const counts = this.#counts.get(title) ?? new Map<string, number>();
    this.#counts.set(title, counts);
    counts.set(name, (counts.get(name) ?? 0) + times);
  }

  world(world: World, faultsMet: ReadonlyMap<FaultKind, number>): void {
    this.histories += world.histories.length;
    this.count('Worlds', world.kind);
    for (const [fault, times] of faultsMet) this.count(FAULTS_MET, fault, times);
    for (const change of world.histories.flatMap(({ changes }) => changes.flat())) this.count(CHANGES_MADE, change);
    for (const setting of settingsOf(world)) this.count(SETTINGS, setting);
  }

  ended(process: Process): void {
    this.count('Syncs', 'all');
    const { struck, ending } = process;
    if (struck === null || ending === null) return;
    this.count(ENDED, ending.how);
    this.count(`${ending.how} before`, struck.before);
    this.count(`${ending.how} after`, struck.after);
  }

  toJson(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return Object.fromEntries([...this.#counts].map(([title, counts]) => [title, Object.fromEntries(counts)]));
  }
}

export const FAULTS_MET = 'Faults that requests met';
export const CHANGES_MADE = 'Changes of segments';
export const SETTINGS = 'Changes of configuration, and other circumstances';
export const ENDED = 'How runs ended before their time';

/** Circumstances that a run or a world can have. */
export const CIRCUMSTANCES = [
  'full refresh',
  'mode full',
  'mode changed',
  'mapping changed',
  'normaliser changed',
  'operations changed',
  'on another machine',
  'outage',
  'trouble while the destination was opened',
  'two activations, one destination',
  'foreign members or records',
  'poison refuses its whole request',
  'rejected rows parked early',
  'new audience not ready',
] as const;

function settingsOf(world: World): readonly (typeof CIRCUMSTANCES)[number][] {
  const found: (typeof CIRCUMSTANCES)[number][] = [];
  for (const [index, run] of world.runs.entries()) {
    const before = world.runs[index - 1] ?? run;
    if (run.fullRefresh) found.push('full refresh');
    if (run.mode === 'full') found.push('mode full');
    if (before.mode !== run.mode) found.push('mode changed');
    if (before.mapping !== run.mapping) found.push('mapping changed');
    if (before.normaliser !== run.normaliser) found.push('normaliser changed');
    if (before.operations.join() !== run.operations.join()) found.push('operations changed');
    if (run.elsewhere) found.push('on another machine');
    if (run.outage !== null) found.push('outage');
    if (run.opening.length > 0) found.push('trouble while the destination was opened');
    if (before.activation !== run.activation) found.push('two activations, one destination');
  }
  if (world.foreign.length > 0) found.push('foreign members or records');
  if (world.poisonAnswer === 'refuse') found.push('poison refuses its whole request');
  if (world.attempts < 5) found.push('rejected rows parked early');
  if (world.notReadyCalls > 0) found.push('new audience not ready');
  return found;
}
