import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COLUMNS } from '../../data/people.ts';
import { type Ended, runPython } from '../../run/measured.ts';
import { dbtVenv } from '../venv.ts';

export const SNAPSHOT_DATABASE = 'warehouse.duckdb';

/** A project with one snapshot of the table `customers`: check strategy over all columns, rows that went are closed. */
export function writeSnapshotProject(folder: string): void {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const checked = Object.keys(COLUMNS).filter((name) => name !== 'key');
  write('dbt_project.yml', 'name: bench\nversion: "1.0"\nprofile: bench\n');
  write(
    'profiles.yml',
    `bench:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ${SNAPSHOT_DATABASE}, threads: 1}\n`,
  );
  write('models/sources.yml', 'sources:\n  - name: raw\n    schema: main\n    tables:\n      - name: customers\n');
  write(
    'snapshots/kept.yml',
    `snapshots:
  - name: kept
    relation: source('raw', 'customers')
    config: {schema: snapshots, unique_key: key, strategy: check, check_cols: [${checked.join(', ')}], hard_deletes: invalidate}
`,
  );
}

export async function runSnapshot(folder: string): Promise<Ended> {
  const venv = dbtVenv();
  return await runPython(venv, [join(venv, 'bin/dbt'), 'snapshot', '--profiles-dir', folder, '--no-partial-parse'], {
    cwd: folder,
    env: { DBT_SEND_ANONYMOUS_USAGE_STATS: '0' },
  });
}

/** Time of the snapshot's own statements, as dbt reports it. */
export function snapshotSeconds(folder: string): number {
  const results = JSON.parse(readFileSync(join(folder, 'target/run_results.json'), 'utf8')) as {
    readonly results: readonly { readonly execution_time: number }[];
  }; // dbt's own file
  return results.results.reduce((sum, { execution_time }) => sum + execution_time, 0);
}
