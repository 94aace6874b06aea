import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Ended, runPython } from '../../run/measured.ts';
import { peerVenv } from '../venv.ts';

/** How drt is set. `threads`: as many syncs, each of its share of the rows. `cursor`: only rows that were touched since. */
export interface DrtVariant {
  readonly kind: 'threads' | 'whole' | 'cursor';
  readonly threads?: number;
  /** Rows that it reads at a time. */
  readonly batchSize?: number;
  readonly rowsPerRequest?: number;
  readonly onError?: 'skip' | 'fail';
}

const WAREHOUSE = 'warehouse.duckdb';

/** Writes a project of drt 1.2.1 beside `warehouse.duckdb`, without state: its next run is a first one. */
export function writeDrtProject(folder: string, url: string, variant: DrtVariant): void {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  rmSync(join(folder, '.drt'), { recursive: true, force: true });
  rmSync(join(folder, 'syncs'), { recursive: true, force: true });
  write('home/.drt/profiles.yml', `local: {type: duckdb, database: ./${WAREHOUSE}, fetch_size: 10000}\n`);
  write('drt_project.yml', 'name: bench\nversion: "0.1"\nprofile: local\n');
  const threads = variant.kind === 'threads' ? (variant.threads ?? 4) : 1;
  for (let thread = 0; thread < threads; thread++) {
    const model = threads === 1 ? "ref('customers')" : `SELECT * FROM customers WHERE rowid % ${threads} = ${thread}`;
    write(`syncs/s${thread}.yml`, syncYaml({ name: `s${thread}`, model, url, variant }));
  }
}

function syncYaml({
  name,
  model,
  url,
  variant,
}: {
  readonly name: string;
  readonly model: string;
  readonly url: string;
  readonly variant: DrtVariant;
}): string {
  const mode = variant.kind === 'cursor' ? 'mode: incremental, cursor_field: updated_at' : 'mode: full';
  return `name: ${name}
model: "${model}"
destination: {type: rest_api, url: "${url}/batch", method: POST, headers: {Content-Type: application/json},
  body_mode: batch, max_records_per_request: ${variant.rowsPerRequest ?? 1000}, batch_template: '{"records": {{ rows | tojson_safe }}}'}
sync: {${mode}, batch_size: ${variant.batchSize ?? 10_000}, rate_limit: {requests_per_second: 0}, on_error: ${variant.onError ?? 'skip'}}
`;
}

/** What a run of drt is started with. */
export function drtCommand(variant: DrtVariant): readonly string[] {
  const threads = variant.kind === 'threads' ? ['--threads', String(variant.threads ?? 4)] : [];
  return [join(peerVenv('drt'), 'bin/drt'), 'run', ...threads];
}

export function drtEnvironment(folder: string): Record<string, string> {
  return { HOME: join(folder, 'home'), DO_NOT_TRACK: '1', NO_COLOR: '1' };
}

export async function runDrt(folder: string, variant: DrtVariant, codes: readonly number[] = [0]): Promise<Ended> {
  return await runPython(peerVenv('drt'), drtCommand(variant), { cwd: folder, env: drtEnvironment(folder), codes });
}

export function drtWarehouse(folder: string): string {
  return join(folder, WAREHOUSE);
}
