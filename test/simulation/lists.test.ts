import { it } from 'vitest';
import { simulate } from './simulate.ts';

it('leaves lists of people equal to the segment, whatever happened', async () => {
  await simulate(['meta list', 'hubspot list'], 505, [
    'normaliser changed',
    'mapping changed',
    'foreign members or records',
    'new audience not ready',
  ]);
}, 1_800_000);
