import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Receipt } from '../../src/destinations/destination.ts';
import { HeldJournal, Journal, receiptRanges } from '../../src/record/journal.ts';
import { Ledger } from '../../src/record/ledger.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { EngineBench, SCHEMA } from '../pipeline/engine-bench.ts';

let bench: EngineBench;
let transactions = 0;
let broken = false;
let ledger: Ledger;
beforeEach(async () => {
  bench = new EngineBench();
  transactions = 0;
  broken = false;
  const warehouse = await bench.warehouse();
  await new Ledger(warehouse, SCHEMA).create();
  const watched: Warehouse = Object.assign(Object.create(warehouse) as Warehouse, {
    state: warehouse.state,
    run: (sql: string) => warehouse.run(sql),
    query: (sql: string) => warehouse.query(sql),
    append: (...args: Parameters<Warehouse['append']>) => warehouse.append(...args),
    transaction: async <T>(work: () => Promise<T>): Promise<T> => {
      transactions++;
      if (broken) throw new Error('the disk is full');
      return await warehouse.transaction(work);
    },
  });
  ledger = new Ledger(watched, SCHEMA);
});
afterEach(async () => {
  await bench.close();
});

function accepted(lo: number, hi: number): Receipt[] {
  return Array.from({ length: hi - lo + 1 }, (_, i) => ({ seq: lo + i, status: 'accepted' }));
}

const rows = (table: string, columns: string) => bench.query(`select ${columns} from "DELTA".${table} order by lo`);

describe('the journal', () => {
  it('writes what gathers meanwhile in one go, and resolves an intent only when it stands', async () => {
    const journal = new Journal(ledger, 'run');
    const intents = Array.from({ length: 50 }, async (_, i) => {
      await journal.intend(i * 10 + 1, i * 10 + 10);
      void journal.acknowledge(accepted(i * 10 + 1, i * 10 + 10));
    });
    await Promise.all(intents);
    await journal.flush();
    expect(transactions).toBeLessThanOrEqual(4);
    expect(await rows('sends', 'count(*) as n, min(lo) as lo, max(hi) as hi')).toEqual([{ n: 50n, lo: 1n, hi: 500n }]);
    expect(await rows('receipts', 'sum(hi - lo + 1)::integer as n, 1 as lo')).toEqual([{ n: 500, lo: 1 }]);
  });

  it('lets nothing more go out after a write failed', async () => {
    const journal = new Journal(ledger, 'run');
    await journal.intend(1, 10);
    broken = true;
    void journal.acknowledge(accepted(1, 10));
    await expect(journal.intend(11, 20)).rejects.toThrow('the disk is full');
    broken = false;
    await expect(journal.intend(21, 30)).rejects.toThrow('the disk is full');
    await expect(journal.flush()).rejects.toThrow('the disk is full');
    expect(await rows('sends', 'lo, hi')).toEqual([{ lo: 1n, hi: 10n }]);
    expect(await rows('receipts', 'lo, hi')).toEqual([]);
  });

  it('keeps neighbours with one answer as a range', () => {
    const refused = (seq: number, message: string): Receipt => ({ seq, status: 'rejected', code: 'no', message });
    const known = (seq: number, recordId: string): Receipt => ({ seq, status: 'accepted', recordId });
    const ranges = receiptRanges([
      ...accepted(6, 9),
      refused(5, 'a'),
      refused(4, 'a'),
      ...accepted(1, 3),
      refused(11, 'a'),
      known(12, 'x'),
      known(13, 'y'),
    ]);
    expect(ranges.map((range) => range.slice(0, 3))).toEqual([
      [1, 3, 'accepted'],
      [4, 5, 'rejected'],
      [6, 9, 'accepted'],
      [11, 11, 'rejected'],
      [12, 12, 'accepted'],
      [13, 13, 'accepted'],
    ]);
  });
});

describe('answers that wait for a file to be published', () => {
  it('are one range however many they are, and written when it is', async () => {
    const journal = new Journal(ledger, 'run');
    const held = new HeldJournal(journal);
    for (let lo = 1; lo <= 20_000; lo += 500) {
      await held.intend(lo, lo + 499);
      await held.acknowledge(accepted(lo, lo + 499));
    }
    await held.flush();
    expect(await rows('receipts', 'lo')).toEqual([]);
    await held.publish('kept');
    expect(await rows('receipts', 'lo, hi, status')).toEqual([{ lo: 1n, hi: 20_000n, status: 'accepted' }]);
  });

  it('are taken back when it was not', async () => {
    const held = new HeldJournal(new Journal(ledger, 'run'));
    await held.acknowledge(accepted(1, 500));
    await held.publish('dropped');
    expect(await rows('receipts', 'lo, hi, status, code')).toEqual([
      { lo: 1n, hi: 500n, status: 'deferred', code: 'not-published' },
    ]);
  });
});
