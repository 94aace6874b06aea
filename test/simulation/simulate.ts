import { expect } from 'vitest';
import { CHANGES } from './changes.ts';
import { FAULTS } from './faults.ts';
import { ENDINGS, type Kind } from './history.ts';
import { Laboratory } from './laboratory.ts';
import { explain, HISTORIES_PER_WORLD, problemsOf, worldOf } from './soak.ts';
import { CHANGES_MADE, ENDED, FAULTS_MET, SETTINGS, Tally } from './tally.ts';

/** Histories of one file where few are enough: on warehouses whose statements take long. */
const FEW = Number(process.env['DINMO_SIMULATED_HISTORIES'] ?? Number.NaN);
/** The first world: other seeds are other histories. */
const FIRST = Number(process.env['DINMO_SIMULATED_SEED'] ?? 1);

/** Plays at least this many histories, and sees that everything that can happen did happen; `settings` are to be among it. */
export async function simulate(kinds: readonly Kind[], most: number, settings: readonly string[]): Promise<void> {
  const histories = Number.isNaN(FEW) ? most : FEW;
  // Few histories do not meet everything.
  const isMissing = (tally: Tally): boolean => Number.isNaN(FEW) && missing(tally).length > 0;
  const laboratory = new Laboratory();
  const tally = new Tally();
  try {
    const worlds = Math.ceil(histories / HISTORIES_PER_WORLD);
    // Where a process dies moves with the code, and with it what it lives to see: a few worlds more make up for that.
    for (let played = 0; played < worlds || (played < 1.5 * worlds && isMissing(tally)); played++) {
      const seed = FIRST + played;
      const world = worldOf(seed, kinds);
      const { problems } = await problemsOf(world, laboratory, tally);
      if (problems.length > 0)
        throw new Error(`Seed ${seed}: ${problems.join('; ')}\n${await explain(world, laboratory)}`);
    }
  } finally {
    await laboratory.close();
  }
  expect(tally.histories).toBeGreaterThanOrEqual(histories);
  if (!Number.isNaN(FEW)) return;
  expect(missing(tally)).toEqual([]);
  expect([...tally.of(SETTINGS).keys()]).toEqual(expect.arrayContaining([...settings]));
}

/** What can happen, and has not. */
function missing(tally: Tally): readonly string[] {
  return [
    ...FAULTS.filter((fault) => !tally.of(FAULTS_MET).has(fault)),
    ...CHANGES.filter((change) => !tally.of(CHANGES_MADE).has(change)),
    ...ENDINGS.filter((ending) => !tally.of(ENDED).has(ending)),
  ];
}
