import { it } from 'vitest';
import { simulate } from './simulate.ts';

it('leaves objects and rows equal to the segments, whatever happened', async () => {
  await simulate(['hubspot objects', 'webhook rows'], 505, [
    'two activations, one destination',
    'mapping changed',
    'foreign members or records',
  ]);
}, 1_800_000);
