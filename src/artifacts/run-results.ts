/** What happened to one node in one dbt invocation. */
export interface NodeResult {
  readonly uniqueId: string;
  /** Lower case: success, error, skipped, pass, fail, warn, reused, no-op, partial success, runtime error. */
  readonly status: string;
  readonly message: string | null;
  readonly failures: number | null;
  /** When it finished; falls back to the invocation's `generatedAt`. ISO, UTC. */
  readonly completedAt: string;
}

/** One run_results.json. */
export interface RunResults {
  readonly file: string;
  readonly invocationId: string | null;
  readonly generatedAt: string;
  readonly dbtVersion: string;
  /** `build`, `run`, `test`, `compile` …; null when the file does not say. */
  readonly which: string | null;
  /** True for run, build, seed, snapshot, retry, clone without `--empty` or `--sample`: only these build relations. */
  readonly builds: boolean;
  /** True when `--empty` or `--sample` was among the arguments. */
  readonly partialData: boolean;
  readonly target: string | null;
  readonly results: ReadonlyMap<string, NodeResult>;
}
