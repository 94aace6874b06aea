import { afterAll, beforeAll, test } from 'vitest';
import { checkWorlds } from '../../segment/property.ts';
import { liveRun } from '../account.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { segmentEngine } from '../segment-engine.ts';
import { openTestDatabase } from './database.ts';

const WORLDS = Number(process.env['SEGMENT_WORLDS'] ?? 2);
const SEED = Number(process.env['SEGMENT_SEED'] ?? Date.now() % 1_000_000_000);

let opened: OpenedWarehouse | null = null;

beforeAll(async () => {
  if (liveRun() !== null) opened = await openTestDatabase();
});

afterAll(() => opened?.close());

test.skipIf(liveRun() === null)(
  `on ${WORLDS} random worlds the SQL of segments says what the evaluator says, as DuckDB's does`,
  async () => {
    if (opened === null) throw new Error('not open');
    await checkWorlds(await segmentEngine(opened), { worlds: WORLDS, seed: SEED });
  },
);
