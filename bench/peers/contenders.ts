import { join } from 'node:path';
import { SYNC_SHIFT } from '../data/people.ts';
import type { Round } from '../figure.ts';
import { EXECUTABLE } from '../project/dinmo.ts';
import { states } from '../project/prepared.ts';
import { setConnections, webhookAt, writeDatabase, writeProject } from '../project/project.ts';
import type { Launch } from '../run/interrupted.ts';
import { condorCommand, condorEnvironment } from './condor/condor.ts';
import { type DrtVariant, drtCommand, drtEnvironment, drtWarehouse, writeDrtProject } from './drt/drt.ts';
import { writeTable } from './table.ts';
import { hasPeer } from './venv.ts';

/** A table that was never synced, and how a tool is set to send it. */
export interface Setting {
  readonly rows: number;
  readonly rowsPerRequest: number;
  /** Of drt, where its modes behave differently. */
  readonly drt: DrtVariant;
}

/** A tool that can be made to fail like the others. */
export interface Contender {
  readonly name: 'ours' | 'drt' | 'condor';
  /** Makes the table and the tool's project in a new folder; how the tool is started there, any number of times. */
  settle(round: Round, setting: Setting): Promise<Launch>;
}

/** In no order, as tables are. */
const SHUFFLED = 'select * from states.first order by hash(key)';

const ours: Contender = {
  name: 'ours',
  settle: async (round, { rows, rowsPerRequest }) => {
    const folder = round.places.scratch('ours');
    await writeProject(folder, { destination: webhookAt(round.sink.url, rowsPerRequest) });
    // As many as drt has threads.
    setConnections(folder, 4);
    await writeDatabase(folder, (await states(round, rows, SYNC_SHIFT)).path, SHUFFLED);
    return { command: [process.execPath, EXECUTABLE, 'sync'], cwd: folder };
  },
};

const drt: Contender = {
  name: 'drt',
  settle: async (round, { rows, rowsPerRequest, drt: variant }) => {
    const folder = round.places.scratch('drt');
    const { path } = await states(round, rows, SYNC_SHIFT);
    await writeTable(drtWarehouse(folder), path, 'first', 'hash(key)');
    const set = { ...variant, rowsPerRequest };
    writeDrtProject(folder, round.sink.url, set);
    return { command: drtCommand(set), cwd: folder, env: drtEnvironment(folder) };
  },
};

const condor: Contender = {
  name: 'condor',
  settle: async (round, { rows, rowsPerRequest }) => {
    const folder = round.places.scratch('condor');
    const database = join(folder, 'warehouse.duckdb');
    const { path } = await states(round, rows, SYNC_SHIFT);
    await writeTable(database, path, 'first', 'hash(key)');
    const env = { ...condorEnvironment(round.sink.url), BENCH_ROWS: String(rowsPerRequest) };
    return { command: condorCommand(database), cwd: folder, env };
  },
};

/** Ours, and the peers that are installed. */
export function contenders(): readonly Contender[] {
  return [ours, ...(hasPeer('drt') ? [drt] : []), ...(hasPeer('condor') ? [condor] : [])];
}
