/** What closing a run needs to know of it; stored with the run, so that another process can close it. */
export interface Closing {
  readonly activationId: string;
  readonly runId: string;
  readonly normaliserVersion: number;
  /** Runs in which a rejected row is tried before it is parked. */
  readonly attempts: number;
  readonly matchesPeople: boolean;
  /** The day of the run, where the snapshot keeps when each row was sent; counted from 1970-01-01. */
  readonly sentDay?: number;
  /** Its changes say what each of their fields is, and the snapshot keeps it. Left out: what it kept is forgotten with the row. */
  readonly keepsFields?: boolean;
  /** It looked at one person only: what it does not mention stays as it is. Left out: at everybody. */
  readonly onlyOne?: boolean;
  /** Its batches may have become jobs, which have to be asked for before it is closed. Left out: none. */
  readonly takesJobs?: boolean;
}
