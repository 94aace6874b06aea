import type { Places } from './run/places.ts';
import type { Usage } from './run/usage.ts';
import type { Sink } from './sink/client.ts';

/** What a ratio has to be, or stay below. */
export type Target = { readonly atMost: number } | { readonly atLeast: number };

/** One line of the table: a number, what it is compared with, and what the quotient of the two has to be. */
export interface FigureFacts {
  readonly figure: string;
  readonly title: string;
  readonly target: Target;
  /** What the two numbers are: `CPU s`, `wall s`, `MB`, `rows` … */
  readonly unit: string;
  readonly ours: string;
  /** null: the number itself is the figure. */
  readonly against: string | null;
  /** How the ratio is made. `quotient`: ours / against. `times`: against / ours. `value`: ours alone. */
  readonly ratio: 'quotient' | 'times' | 'value';
  readonly note?: string;
}

/** What one round measured for one figure. */
export interface Pair {
  readonly ours: number;
  readonly against: number | null;
  /** Of the processes that were measured, where whole processes were. */
  readonly usage?: { readonly ours: Usage; readonly against: Usage | null };
  /** Facts that a reader may want beside the ratio: counts, requests, statements. */
  readonly seen?: Readonly<Record<string, number | string>>;
}

/** One round of an experiment. */
export interface Round {
  /** From 1. */
  readonly number: number;
  readonly places: Places;
  /** The destination on loopback that all experiments share. */
  readonly sink: Sink;
  /** Rows for a figure of this size: itself, or a hundredth where the bench only tries itself. */
  size(rows: number): number;
  /** Whether this round compares the destination's rows one by one, or by their number only. */
  readonly compares: boolean;
  say(text: string): void;
}

/**
 * One file of `bench/figures`: runs that are measured together, since one gives several figures. Throws when what was
 * done is not right: a fast wrong answer is no figure.
 */
export interface Experiment {
  readonly name: string;
  readonly figures: readonly FigureFacts[];
  readonly rounds: number;
  /** Data and state that the rounds start from; kept between runs. Throws Skipped. */
  prepare?(round: Round): Promise<void>;
  /** One round: ours and the others, one after the other. */
  run(round: Round): Promise<Readonly<Record<string, Pair>>>;
}
