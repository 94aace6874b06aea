import { join } from 'node:path';
import { type Ended, runNode } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { ROOT } from '../run/places.ts';
import type { Stages } from './stages.ts';

type Report = NonNullable<Stages['report']>;

/** One plan or sync of a project in a process of its own, measured by stages. */
export async function runStages(
  command: 'plan' | 'sync',
  folder: string,
  countsTraffic = false,
): Promise<Ended & Stages & { readonly report: Report }> {
  const ended = await runNode([join(ROOT, 'bench/ours/stages.ts'), command, folder], {
    cwd: folder,
    ...(countsTraffic ? { env: { BENCH_TRAFFIC: '1' } } : {}),
  });
  const stages = JSON.parse(ended.stdout) as Stages; // written by our own file
  const { report } = stages;
  must(report !== undefined, `no activation in ${ended.stdout}`);
  return { ...ended, ...stages, report };
}
