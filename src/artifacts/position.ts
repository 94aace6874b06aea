import type { SourceLocation } from '../errors.ts';

/** Keys and indexes from the root of a block down to a value. */
export type Path = readonly (string | number)[];

/** Where a block of annotations was written, and where inside it each value stands. */
export interface Origin {
  /** Relative to the dbt project, forward slashes. */
  readonly file: string;
  /** The place of the value at this path inside the block, or of its nearest ancestor that can be found. */
  locate(path: Path): SourceLocation;
}
