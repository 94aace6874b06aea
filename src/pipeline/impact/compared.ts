import type { Reach } from './reach.ts';
import type { BranchSide, Side } from './sides.ts';

/** What is compared, and which of it is read. */
export interface Compared {
  readonly base: Side;
  readonly branch: BranchSide;
  readonly reach: Reach;
}
