import { join } from 'node:path';
import { COLUMNS } from '../../data/people.ts';
import { type Ended, runPython } from '../../run/measured.ts';
import { ROOT } from '../../run/places.ts';
import { peerVenv } from '../venv.ts';

/** What a run of condor-retl 0.1.1 is started with; its state stands in the same database. */
export function condorCommand(database: string): readonly string[] {
  const columns = Object.keys(COLUMNS).filter((name) => name !== 'key');
  return [join(peerVenv('condor'), 'bin/python'), join(ROOT, 'bench/peers/condor/sync.py'), database, ...columns];
}

export function condorEnvironment(url: string): Record<string, string> {
  return { BENCH_URL: url, PYTHONDONTWRITEBYTECODE: '1' };
}

export async function runCondor(
  folder: string,
  database: string,
  url: string,
  codes: readonly number[] = [0],
): Promise<Ended> {
  const surroundings = { cwd: folder, env: condorEnvironment(url), codes };
  return await runPython(peerVenv('condor'), condorCommand(database), surroundings);
}
