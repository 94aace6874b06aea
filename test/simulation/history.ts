import type { Mode, Operation } from '../../src/artifacts/annotation.ts';
import type { ChangeKind } from './changes.ts';
import type { FaultKind } from './faults.ts';
import type { Member } from './member.ts';

/** Which service a world syncs to: a list answered by counts, a list answered row by row, objects by a key of theirs, rows by our key, those as jobs. */
export const KINDS = ['meta list', 'hubspot list', 'hubspot objects', 'webhook rows', 'rows by jobs'] as const;
export type Kind = (typeof KINDS)[number];

/** The rows of a history's people in the segments of two activations; the second is empty but where both feed one set of objects. */
export interface Rows {
  readonly a: readonly Member[];
  readonly b: readonly Member[];
}

/**
 * What a few people live through, from run to run. Several histories share the runs of a world, and so their batches, deaths
 * and destination; no id and no identifier is in two of them.
 */
export interface History {
  readonly group: number;
  /** By run, and one more: how it ends. */
  readonly states: readonly Rows[];
  /** What changed before each of them. */
  readonly changes: readonly (readonly ChangeKind[])[];
  /** By run: what the requests meet that begin with one of these people, one after another. */
  readonly faults: readonly (readonly FaultKind[])[];
}

/** How a run ends before its time. */
export const ENDINGS = ['killed', 'frozen', 'interrupted', 'statement fails', 'warehouse lost'] as const;
export type EndingKind = (typeof ENDINGS)[number];

export interface Ending {
  readonly how: EndingKind;
  /** The n-th await point of the process; or the n-th of that name. */
  readonly at: number | { readonly point: string; readonly nth: number };
}

/** One troubled run: its configuration, and what happens to it. */
export interface Run {
  readonly activation: 'a' | 'b';
  readonly mapping: 'usual' | 'narrow' | 'other';
  readonly normaliser: 1 | 2;
  readonly operations: readonly Operation[];
  readonly mode: Extract<Mode, 'delta' | 'full'>;
  readonly fullRefresh: boolean;
  /** On another machine than the runs before. */
  readonly elsewhere: boolean;
  readonly ending: Ending | null;
  /** What requests meet that carry no row: finding the audience, asking for the account. */
  readonly opening: readonly FaultKind[];
  /** What the first request meets that carries rows. */
  readonly first: FaultKind | null;
  /** What every request of the run meets. */
  readonly outage: FaultKind | null;
}

/** Everything that a simulation is made of: the same value, the same course of events. */
export interface World {
  readonly seed: number;
  readonly kind: Kind;
  readonly connections: number;
  readonly rowsPerRequest: number;
  /** Runs in which a rejected row is tried. */
  readonly attempts: number;
  /** Poison rows are refused one by one, or with the whole request. */
  readonly poisonAnswer: 'reject' | 'refuse';
  /** Groups in which somebody else keeps a member or a record too. */
  readonly foreign: readonly number[];
  /** Calls that a new audience is not ready for. */
  readonly notReadyCalls: number;
  readonly runs: readonly Run[];
  readonly histories: readonly History[];
}

/** Whether rows are known by our key. */
export function isByKey(kind: string): boolean {
  return kind === 'webhook rows' || kind === 'rows by jobs';
}

/** Whether a second activation feeds the same objects. */
export function usesSecond(world: World): boolean {
  return world.runs.some(({ activation }) => activation === 'b');
}
