import { existsSync } from 'node:fs';
import { DinmoError } from '../../errors.ts';

/** Opening for writing would make an empty database where dbt has not built one. Throws DinmoError `duckdb-missing`. */
export function requireDatabase(path: string): void {
  if (!existsSync(path)) throw missingError(path, undefined);
}

/** What is said of a file that is not there. */
export function missingError(path: string, cause: unknown): DinmoError {
  return new DinmoError({
    kind: 'warehouse',
    code: 'duckdb-missing',
    message: `There is no DuckDB file at ${path}.`,
    fix: 'Run `dbt build` first, from the same folder: a relative path in profiles.yml counts from where dbt runs.',
    cause,
  });
}
