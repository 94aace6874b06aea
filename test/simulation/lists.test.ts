import { expect, it } from 'vitest';
import { simulate } from './simulate.ts';
import { SETTINGS } from './tally.ts';

it('leaves lists of people equal to the segment, whatever happened', async () => {
  const tally = await simulate(['meta list', 'hubspot list'], 505);
  expect([...tally.of(SETTINGS).keys()]).toEqual(
    expect.arrayContaining([
      'normaliser changed',
      'mapping changed',
      'foreign members or records',
      'new audience not ready',
    ]),
  );
}, 600_000);
