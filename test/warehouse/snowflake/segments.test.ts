import { afterAll, beforeAll, test } from 'vitest';
import { checkWorlds } from '../../segment/property.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { segmentEngine } from '../segment-engine.ts';
import { openTestDatabase } from './database.ts';
import { isInstalled } from './emulator.ts';

const WORLDS = Number(process.env['SEGMENT_WORLDS'] ?? 0);
const SEED = Number(process.env['SEGMENT_SEED'] ?? Date.now() % 1_000_000_000);

/** s2: the emulator knows no collations, and describes no arrays in a table. */
const LACKS = { columns: ['s2', 'tags', 'nums'] };

let opened: OpenedWarehouse | null = null;

beforeAll(async () => {
  if (isInstalled() && WORLDS > 0) opened = await openTestDatabase();
});

afterAll(() => opened?.close());

// A world takes half a minute and more: npm run test:warehouses asks for some.
test.runIf(isInstalled() && WORLDS > 0)(
  `on ${WORLDS} random worlds the SQL of segments says what the evaluator says, as DuckDB's does`,
  async () => {
    if (opened === null) throw new Error('not open');
    await checkWorlds(await segmentEngine(opened, LACKS), { worlds: WORLDS, seed: SEED });
  },
);
