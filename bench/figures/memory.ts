import { PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, Round } from '../figure.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { states, syncedProject } from '../project/prepared.ts';
import { copyProject, writeProfile } from '../project/project.ts';
import type { Usage } from '../run/usage.ts';
import { bareJoin } from './plan.ts';

const SMALL = 500_000;
const LARGE = 5_000_000;
const LIMIT = '512MB';

async function sync(round: Round, rows: number): Promise<Usage> {
  const { changes } = await states(round, rows, PLAN_SHIFT);
  const folder = copyProject(await syncedProject(round, rows, PLAN_SHIFT), round.places.scratch('memory'));
  writeProfile(folder, { memory_limit: LIMIT });
  await round.sink.set({ keep: false });
  const { report, usage } = await dinmo(folder, ['sync'], { watchHeap: true });
  mustBe(report, changes);
  return usage;
}

export const memory: Experiment = {
  name: 'memory',
  figures: [
    {
      figure: 'memory-5m',
      title: `peak memory of a sync, 5 M rows, 4 % changed, memory_limit ${LIMIT}`,
      target: { atMost: 1.3 },
      unit: 'MB',
      ours: 'the whole command',
      against: 'bare hash join in the same process, under the same limit',
      ratio: 'quotient',
    },
    {
      figure: 'memory-node',
      title: 'memory of the Node side, 5 M rows against 500 k',
      target: { atMost: 1.3 },
      unit: 'MB of heap and buffers',
      ours: '5 M rows, 200 k changes',
      against: '500 k rows, 20 k changes',
      ratio: 'quotient',
    },
  ],
  rounds: 3,
  prepare: async (round) => {
    for (const rows of [SMALL, LARGE]) await syncedProject(round, round.size(rows), PLAN_SHIFT);
  },
  run: async (round) => {
    const large = await sync(round, round.size(LARGE));
    const small = await sync(round, round.size(SMALL));
    const join = await bareJoin(await syncedProject(round, round.size(LARGE), PLAN_SHIFT), LIMIT);
    return {
      'memory-5m': {
        ours: large.rssMb,
        against: join.usage.rssMb,
        usage: { ours: large, against: join.usage },
        seen: { rss_mb_500k: small.rssMb },
      },
      'memory-node': {
        ours: large.nodeMb ?? Number.NaN,
        against: small.nodeMb,
        usage: { ours: large, against: small },
      },
    };
  },
};
