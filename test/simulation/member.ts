/** One row of the segment. */
export interface Member {
  readonly id: number | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly name: string | null;
}
