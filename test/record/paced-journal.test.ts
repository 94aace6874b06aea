import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readJobs } from '../../src/record/job-notes.ts';
import { Journal } from '../../src/record/journal.ts';
import { Ledger } from '../../src/record/ledger.ts';
import { LocalJournal, tellWarehouse } from '../../src/record/local-journal.ts';
import { PacedJournal } from '../../src/record/paced-journal.ts';
import { united, without } from '../../src/record/spans.ts';
import type { Value, Warehouse } from '../../src/warehouse/warehouse.ts';
import { EngineBench, SCHEMA } from '../pipeline/engine-bench.ts';

let bench: EngineBench;
let folder: string;
let writes: string[];
let ledger: Ledger;
beforeEach(async () => {
  bench = new EngineBench();
  folder = mkdtempSync(join(tmpdir(), 'dinmo-paced-'));
  writes = [];
  const warehouse = await bench.warehouse();
  await new Ledger(warehouse, SCHEMA).create();
  const watched: Warehouse = Object.assign(Object.create(warehouse) as Warehouse, {
    state: warehouse.state,
    query: (sql: string) => warehouse.query(sql),
    transaction: <T>(work: () => Promise<T>) => warehouse.transaction(work),
    run: (sql: string) => {
      writes.push(sql);
      return warehouse.run(sql);
    },
  });
  ledger = new Ledger(watched, SCHEMA);
});
afterEach(async () => {
  await bench.close();
  rmSync(folder, { recursive: true });
});

function paced(options: { readonly last: number; readonly announcesAhead?: boolean }): PacedJournal {
  return new PacedJournal({
    journal: new Journal(ledger, 'run'),
    local: new LocalJournal(folder, 'run'),
    clock: bench.clock,
    everyMs: 30_000,
    announcesAhead: true,
    ...options,
  });
}

const told = (table: string, columns: string) =>
  bench.query(`select ${columns} from "DELTA".${table} where run_id = 'run' order by lo`);
const plain = (lo: number, hi: number): Value[] => [lo, hi, 'accepted', null, null, null, null, null, null];

describe('a journal that writes every so often', () => {
  it('keeps the handle of a job before anybody asks for it, whatever its pace, and finds it where the machine is lost', async () => {
    const journal = paced({ last: 100 });
    const note = { batchId: 'b', operation: 'insert', submittedAt: '2026-01-01T00:00:00Z' } as const;
    await journal.intend(1, 100);
    await journal.accept({ lo: 1, hi: 40 });
    await journal.submitted({ ...note, handle: 'job-1', spans: [{ lo: 41, hi: 100 }] });
    // Nothing was flushed, and no time has passed.
    expect(await told('receipts', 'lo')).toEqual([]);
    expect(await readJobs(ledger, 'run')).toMatchObject([{ handle: 'job-1', missing: [{ lo: 41, hi: 100 }] }]);
    await journal.accept({ lo: 41, hi: 100 });
    await journal.flush();
    expect(await readJobs(ledger, 'run')).toMatchObject([{ handle: 'job-1', missing: [] }]);
  });

  it('writes by time and not by batch, and takes back what it announced and never sent', async () => {
    const journal = paced({ last: 50_000 });
    for (let batch = 0; batch < 100; batch++) {
      await journal.intend(batch * 100 + 1, batch * 100 + 100);
      await journal.accept({ lo: batch * 100 + 1, hi: batch * 100 + 100 });
      await bench.clock.sleep(1_000);
    }
    await journal.intend(10_001, 10_100);
    await journal.flush();
    expect(writes.length).toBeLessThanOrEqual(8);
    expect(await told('receipts', 'lo, hi, status')).toEqual([
      { lo: 1n, hi: 3100n, status: 'accepted' },
      ...[3101n, 6101n, 9101n].map((lo) => ({ lo, hi: expect.any(BigInt), status: 'accepted' })),
      { lo: 10_101n, hi: 20_000n, status: 'deferred' },
    ]);
  });

  it('says of a change once that it was not sent', async () => {
    const journal = paced({ last: 10 });
    await journal.intend(1, 2);
    await journal.accept({ lo: 1, hi: 2 });
    await journal.acknowledge([{ seq: 4, status: 'deferred', code: 'removal-not-accepted', message: 'no' }]);
    await journal.flush();
    expect(await told('receipts', 'lo, hi, code')).toEqual([
      { lo: 1n, hi: 2n, code: null },
      { lo: 3n, hi: 3n, code: 'not-sent' },
      { lo: 4n, hi: 4n, code: 'removal-not-accepted' },
      { lo: 5n, hi: 10n, code: 'not-sent' },
    ]);
  });

  it('announces nothing ahead where a second sending would be a second event', async () => {
    const journal = paced({ last: 50_000, announcesAhead: false });
    await journal.intend(1, 100);
    expect(await told('sends', 'lo, hi')).toEqual([{ lo: 1n, hi: 100n }]);
  });

  it('tells the warehouse after a death what this machine knew, once', async () => {
    const journal = paced({ last: 5_000 });
    await journal.intend(1, 100);
    await journal.intend(101, 200);
    await journal.intend(201, 300);
    await journal.accept({ lo: 1, hi: 100 });
    await journal.write([[101, 150, 'rejected', 'bad', 'the text of jane@example.com', null, null, null, null]]);
    await journal.write([[151, 160, 'accepted', null, null, 'record-1', true, null, null]]);
    const file = join(folder, String(readdirSync(folder)[0]));
    expect(readFileSync(file, 'utf8')).not.toMatch(/jane|record-1/);
    await new Journal(ledger, 'run').write([plain(1, 50)]);
    for (let round = 0; round < 2; round++) {
      const local = new LocalJournal(folder, 'run');
      await tellWarehouse(ledger, { runId: 'run', journal: new Journal(ledger, 'run'), local });
      // What carried the id of a record, and the batch in flight, stay in doubt.
      expect(await told('receipts', 'lo, hi, status, code')).toEqual([
        { lo: 1n, hi: 50n, status: 'accepted', code: null },
        { lo: 51n, hi: 100n, status: 'accepted', code: null },
        { lo: 101n, hi: 150n, status: 'rejected', code: 'bad' },
        { lo: 301n, hi: 5000n, status: 'deferred', code: 'not-sent' },
      ]);
    }
  });

  it('reckons with ranges', () => {
    const spans = united([
      { lo: 5, hi: 9 },
      { lo: 1, hi: 4 },
      { lo: 20, hi: 30 },
    ]);
    expect(spans).toEqual([
      { lo: 1, hi: 9 },
      { lo: 20, hi: 30 },
    ]);
    const taken = united([
      { lo: 0, hi: 1 },
      { lo: 3, hi: 3 },
      { lo: 9, hi: 21 },
      { lo: 30, hi: 40 },
    ]);
    expect(without(spans, taken)).toEqual([
      { lo: 2, hi: 2 },
      { lo: 4, hi: 8 },
      { lo: 22, hi: 29 },
    ]);
  });
});
