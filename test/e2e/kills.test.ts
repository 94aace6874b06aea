import { expect, test } from 'vitest';
import { killRounds } from './kills/kill-rounds.ts';

/** DINMO_E2E_KILLS=1000 is the long form; DINMO_E2E_SEED repeats the moments, as far as the machine's own time allows. */
const KILLS = Number(process.env['DINMO_E2E_KILLS'] ?? 50);
const SEED = Number(process.env['DINMO_E2E_SEED'] ?? 20261122);

test(`killed ${KILLS} times at random moments, run again: nothing lost, little sent twice, the file sound (seed ${SEED})`, {
  timeout: 240_000 + KILLS * 20_000,
}, async () => {
  const { stages, ...report } = await killRounds({ kills: KILLS, seed: SEED });
  expect(report).toMatchObject({ problems: [], kills: KILLS, lost: 0, unusableFiles: 0 });
  expect(report.resentRowsMax).toBeLessThanOrEqual(report.boundRows);
  // The deaths came while there was something to lose: most of them after the first statement.
  expect(stages.starting, JSON.stringify(stages)).toBeLessThan(KILLS * 0.8);
  expect(stages.sending, JSON.stringify(stages)).toBeGreaterThan(0);
});
