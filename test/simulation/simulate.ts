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
    const worlds = Math.ceil(histories / HISTORIES_PER_WORLD);
    // Where a process dies moves with the code, and with it what it lives to see: a few worlds more make up for that.
    for (let seed = 1; seed <= worlds || (seed <= 1.5 * worlds && missing(tally).length > 0); seed++) {
      const world = worldOf(seed, kinds);
      const { problems } = await problemsOf(world, laboratory, tally);
      if (problems.length > 0)
        throw new Error(`Seed ${seed}: ${problems.join('; ')}\n${await explain(world, laboratory)}`);
    }
  } finally {
    await laboratory.close();
  }
  expect(tally.histories).toBeGreaterThanOrEqual(histories);
  expect(missing(tally)).toEqual([]);
  return tally;
}

/** What can happen, and has not. */
function missing(tally: Tally): readonly string[] {
  return [
    ...FAULTS.filter((fault) => !tally.of(FAULTS_MET).has(fault)),
    ...CHANGES.filter((change) => !tally.of(CHANGES_MADE).has(change)),
    ...ENDINGS.filter((ending) => !tally.of(ENDED).has(ending)),
  ];
}
