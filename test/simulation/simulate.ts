import { expect } from 'vitest';
import { CHANGES } from './changes.ts';
import { FAULTS } from './faults.ts';
import { ENDINGS, type Kind } from './history.ts';
import { Laboratory } from './laboratory.ts';
import { explain, HISTORIES_PER_WORLD, problemsOf, worldOf } from './soak.ts';
import { CHANGES_MADE, ENDED, FAULTS_MET, Tally } from './tally.ts';

/** Plays at least this many histories, and sees that everything that can happen did happen. */
export async function simulate(kinds: readonly Kind[], histories: number): Promise<Tally> {
  const laboratory = new Laboratory();
  const tally = new Tally();
  try {
    for (let seed = 1; seed <= Math.ceil(histories / HISTORIES_PER_WORLD); seed++) {
      const world = worldOf(seed, kinds);
      const { problems } = await problemsOf(world, laboratory, tally);
      if (problems.length > 0)
        throw new Error(`Seed ${seed}: ${problems.join('; ')}\n${await explain(world, laboratory)}`);
    }
  } finally {
    await laboratory.close();
  }
  expect(tally.histories).toBeGreaterThanOrEqual(histories);
  expect(FAULTS.filter((fault) => !tally.of(FAULTS_MET).has(fault))).toEqual([]);
  expect(CHANGES.filter((change) => !tally.of(CHANGES_MADE).has(change))).toEqual([]);
  expect(ENDINGS.filter((ending) => !tally.of(ENDED).has(ending))).toEqual([]);
  return tally;
}
