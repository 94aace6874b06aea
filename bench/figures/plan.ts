import { join } from 'node:path';
import { PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, FigureFacts, Pair, Round } from '../figure.ts';
import { runStages } from '../ours/run-stages.ts';
import { mustBe } from '../project/dinmo.ts';
import { states, syncedProject } from '../project/prepared.ts';
import { DATABASE } from '../project/project.ts';
import { runNode } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { ROOT } from '../run/places.ts';

/** What `floors/bare-join.ts` prints. */
interface Join {
  readonly rows: number;
  readonly cpuS: number;
  readonly wallS: number;
}

export async function bareJoin(folder: string, memoryLimit?: string) {
  const script = join(ROOT, 'bench/floors/bare-join.ts');
  const ended = await runNode([script, join(folder, DATABASE), ...(memoryLimit ? [memoryLimit] : [])], { cwd: folder });
  return { ...ended, join: JSON.parse(ended.stdout) as Join }; // written by our own file
}

export function planAgainstJoin(name: string, rows: number, rounds: number): Experiment {
  const figure: FigureFacts = {
    figure: name,
    title: `plan, ${rows / 1e6} M rows, 4 % changed`,
    target: { atMost: 1.6 },
    unit: 'CPU s',
    ours: 'the plan, with project and database open',
    against: 'bare hash join on the key',
    ratio: 'quotient',
  };
  return {
    name,
    figures: [figure],
    rounds,
    prepare: async (round) => {
      await syncedProject(round, round.size(rows), PLAN_SHIFT);
    },
    run: async (round) => ({ [name]: await runPlan(round, round.size(rows)) }),
  };
}

async function runPlan(round: Round, rows: number): Promise<Pair> {
  const folder = await syncedProject(round, rows, PLAN_SHIFT);
  const { changes } = await states(round, rows, PLAN_SHIFT);
  const floor = await bareJoin(folder);
  must(floor.join.rows === rows - changes.delete, `the join found ${floor.join.rows}`);
  const ours = await runStages('plan', folder);
  mustBe(ours.report, changes);
  return {
    ours: ours.total.cpuS,
    against: floor.join.cpuS,
    usage: {
      ours: { ...ours.usage, ...ours.total },
      against: { ...floor.usage, cpuS: floor.join.cpuS, wallS: floor.join.wallS },
    },
  };
}

export const plan1m = planAgainstJoin('plan-1m', 1_000_000, 5);
export const plan10m = planAgainstJoin('plan-10m', 10_000_000, 5);
export const plan50m = planAgainstJoin('plan-50m', 50_000_000, 3);
