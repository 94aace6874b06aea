import { it } from 'vitest';
import { JOB_FATES } from './jobs.ts';
import { simulate } from './simulate.ts';

it('leaves objects and rows equal to the segments, whatever happened', async () => {
  await simulate(['hubspot objects', 'webhook rows', 'rows by jobs'], 505, [
    ...JOB_FATES,
    'two activations, one destination',
    'mapping changed',
    'foreign members or records',
  ]);
}, 1_800_000);
