import { PLAN_SHIFT } from '../data/people.ts';
import type { Experiment } from '../figure.ts';
import { runStages } from '../ours/run-stages.ts';
import { mustBe } from '../project/dinmo.ts';
import { states, syncedProject } from '../project/prepared.ts';

const SIZES = [100_000, 1_000_000, 10_000_000];

/** The slope of a line through points, both axes logarithmic: 1 is work in proportion to the rows. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (at: 0 | 1): number => logs.reduce((sum, point) => sum + point[at], 0) / logs.length;
  const [middleX, middleY] = [mean(0), mean(1)];
  const rise = logs.reduce((sum, [x, y]) => sum + (x - middleX) * (y - middleY), 0);
  return rise / logs.reduce((sum, [x]) => sum + (x - middleX) ** 2, 0);
}

export const growth: Experiment = {
  name: 'plan-growth',
  figures: [
    {
      figure: 'plan-growth',
      title: 'growth of plan time, 100 k to 10 M rows, log-log slope',
      target: { atMost: 1.1 },
      unit: 'slope of CPU s',
      ours: 'the whole call of plan',
      against: null,
      ratio: 'value',
    },
  ],
  rounds: 3,
  prepare: async (round) => {
    for (const rows of SIZES) await syncedProject(round, round.size(rows), PLAN_SHIFT);
  },
  run: async (round) => {
    const points: [number, number][] = [];
    for (const rows of SIZES.map((size) => round.size(size))) {
      const { report, total } = await runStages('plan', await syncedProject(round, rows, PLAN_SHIFT));
      mustBe(report, (await states(round, rows, PLAN_SHIFT)).changes);
      points.push([rows, total.cpuS]);
    }
    const seen = Object.fromEntries(points.map(([rows, cpuS]) => [`cpu_s_at_${rows}`, cpuS]));
    return { 'plan-growth': { ours: slope(points), against: null, seen } };
  },
};
