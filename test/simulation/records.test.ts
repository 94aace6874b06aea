import { expect, it } from 'vitest';
import { simulate } from './simulate.ts';
import { SETTINGS } from './tally.ts';

it('leaves objects and rows equal to the segments, whatever happened', async () => {
  const tally = await simulate(['hubspot objects', 'webhook rows'], 505);
  expect([...tally.of(SETTINGS).keys()]).toEqual(
    expect.arrayContaining(['two activations, one destination', 'mapping changed', 'foreign members or records']),
  );
}, 600_000);
