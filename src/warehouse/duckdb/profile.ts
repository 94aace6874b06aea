import type { Profile } from '../../artifacts/profile.ts';
import { DinmoError } from '../../errors.ts';
import type { DuckdbFile } from './connection.ts';

/** What can't be replayed outside dbt's own process. */
const PYTHON_ONLY = ['plugins', 'filesystems', 'module_paths'] as const;

/**
 * The database file of a dbt-duckdb profile (dbt-duckdb 1.8 to 1.11). Throws DinmoError `duckdb-in-memory`,
 * `duckdb-remote`, `duckdb-python-only`.
 */
export function duckdbFile(profile: Profile, resolve: (path: string) => string): Omit<DuckdbFile, 'readOnly'> {
  const { fields } = profile;
  const path = typeof fields['path'] === 'string' && fields['path'] !== '' ? fields['path'] : ':memory:';
  refuse(profile, path);
  return {
    path: resolve(path),
    settings: texts(fields['settings']),
    extensions: list(fields['extensions'])
      .map((item) => (typeof item === 'string' ? item : String(record(item)['name'] ?? '')))
      .filter((name) => name !== ''),
    attach: list(fields['attach']).map((item) => {
      const { path: attached, alias, type, read_only: readOnly } = record(item);
      return {
        path: resolve(String(attached)),
        alias: typeof alias === 'string' ? alias : null,
        type: typeof type === 'string' ? type : null,
        readOnly: readOnly === true,
      };
    }),
  };
}

function refuse(profile: Profile, path: string): void {
  const where = `The target ${profile.targetName} of profile ${profile.profileName}`;
  if (path === ':memory:') {
    throw new DinmoError({
      kind: 'configuration',
      code: 'duckdb-in-memory',
      message: `${where} is an in-memory DuckDB: when dbt ends, nothing is left to sync.`,
      fix: 'Set `path:` to a file in profiles.yml.',
    });
  }
  if (/^(md|motherduck|ducklake|s3|https?):/.test(path)) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'duckdb-remote',
      message: `${where} is not a local DuckDB file (${path.split(':')[0]}:).`,
      fix: 'MotherDuck, DuckLake and remote files are not supported: use a local file.',
    });
  }
  const used = PYTHON_ONLY.filter(
    (field) => profile.fields[field] !== undefined && list(profile.fields[field]).length > 0,
  );
  if (used.length > 0) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'duckdb-python-only',
      message: `${where} uses ${used.join(', ')}, which exist only inside dbt's Python process.`,
      fix: 'Materialise what segments read as tables, and use a target without them.',
    });
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : {};
}

function texts(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record(value)).map(([name, setting]) => [name, String(setting)]));
}
