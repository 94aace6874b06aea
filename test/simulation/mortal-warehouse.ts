import { AsyncLocalStorage } from 'node:async_hooks';
import { DinmoError } from '../../src/errors.ts';
import type { AppendType, Row, TableName, Value, Warehouse, WarehouseColumn } from '../../src/warehouse/warehouse.ts';
import type { Process, Scheduler } from './scheduler.ts';

/**
 * A process's session with the warehouse: each statement waits for its turn, and the process may end before it. A session of
 * a process that was killed is closed as the system would close it, in the middle of whatever it was doing.
 */
export class MortalWarehouse implements Warehouse {
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  readonly #inner: Warehouse;
  readonly answersEveryMs?: number;
  readonly require?: NonNullable<Warehouse['require']>;
  readonly tables?: NonNullable<Warehouse['tables']>;
  /** Whether a statement belongs to the transaction that is open. */
  readonly #inside = new AsyncLocalStorage<true>();
  #open = false;
  #closed = false;

  constructor(scheduler: Scheduler, process: Process, inner: Warehouse) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#inner = inner;
    process.onKill.push(() => void this.close());
    const { answersEveryMs, require, tables } = inner;
    if (answersEveryMs !== undefined) this.answersEveryMs = answersEveryMs;
    if (require !== undefined) this.require = (query) => require.call(inner, query);
    if (tables !== undefined) this.tables = (schema) => this.#step('list tables', () => tables.call(inner, schema));
  }

  get state(): Warehouse['state'] {
    return this.#inner.state;
  }

  async run(sql: string): Promise<number> {
    const changed = await this.#step(pointOf(sql), () => this.#inner.run(sql));
    if (changed === 1 && /^update .*["`]lease_owner["`] = '/i.test(sql)) this.#scheduler.hold(this.#process);
    return changed;
  }

  query(sql: string): Promise<Row[]> {
    return this.#step(pointOf(sql), () => this.#inner.query(sql));
  }

  async *stream(sql: string): AsyncIterable<readonly Row[]> {
    const chunks = this.#inner.stream(sql)[Symbol.asyncIterator]();
    for (;;) {
      const chunk = await this.#step(pointOf(sql), () => chunks.next());
      if (chunk.done) return;
      yield chunk.value;
    }
  }

  append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    return this.#step(`append ${tableOf(table.name)}`, () => this.#inner.append(table, types, rows));
  }

  describe(sql: string): Promise<readonly WarehouseColumn[]> {
    return this.#step('describe', () => this.#inner.describe(sql));
  }

  async another(): Promise<Warehouse> {
    const inner = await this.#step('connect', () => this.#inner.another());
    return new MortalWarehouse(this.#scheduler, this.#process, inner);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside.getStore()) throw new Error('a transaction inside a transaction');
    const scheduler = this.#scheduler;
    await scheduler.turn(this.#process, 'begin', () => !this.#open);
    this.#open = true;
    this.#process.transactions++;
    try {
      this.#refuse();
      return await this.#inner.transaction(() =>
        this.#inside.run(true, async () => {
          scheduler.leave();
          try {
            const result = await work();
            await scheduler.turn(this.#process, 'commit', () => true);
            this.#refuseInside();
            return result;
          } catch (thrown) {
            // For the rollback; where the commit was refused, its turn is already taken.
            if (!(thrown instanceof Refused)) scheduler.enter();
            throw thrown instanceof Refused ? thrown.error : thrown;
          }
        }),
      );
    } finally {
      this.#open = false;
      this.#process.transactions--;
      scheduler.leave();
    }
  }

  interrupt(): void {
    this.#inner.interrupt();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // It may take a while: nothing else happens meanwhile.
    this.#scheduler.enter();
    try {
      await this.#inner.close();
    } finally {
      this.#scheduler.leave();
    }
  }

  #step<T>(point: string, work: () => Promise<T>): Promise<T> {
    const inside = this.#inside.getStore() === true;
    return this.#scheduler.step(this.#process, point, {
      ready: () => inside || !this.#open,
      work: () => {
        this.#refuse();
        return work();
      },
    });
  }

  #refuse(): void {
    const process = this.#process;
    if (!process.cutOff && !process.failsNext) return;
    process.failsNext = false;
    throw new DinmoError({ kind: 'warehouse', code: 'statement-failed', message: 'The warehouse went away.' });
  }

  #refuseInside(): void {
    try {
      this.#refuse();
    } catch (thrown) {
      throw new Refused(thrown);
    }
  }
}

class Refused extends Error {
  readonly error: unknown;
  constructor(error: unknown) {
    super('refused');
    this.error = error;
  }
}

/** A statement's name: what it does, and to which table; the same in every run. */
export function pointOf(sql: string): string {
  const text = sql.replaceAll(/\s+/g, ' ').trim().toLowerCase();
  const verb =
    /^(create or replace temporary table|create temporary table|create or replace table|create table|create schema|insert into|delete from|update|drop table|copy|with|select)/.exec(
      text,
    )?.[1] ?? text.slice(0, 20);
  const table = /(?:table(?: if (?:not )?exists)?|into|from|update) ((?:["`][^"`]+["`]|[\w.])+)/.exec(text)?.[1] ?? '';
  return `${verb.replace('create or replace', 'create')} ${tableOf(table)}`.trim();
}

/** Without the schema, and without what tells one activation's tables from another's. */
function tableOf(name: string): string {
  const last = name.replaceAll(/["`]/g, '').split('.').at(-1) ?? '';
  return last.replace(/_(?:person|objects|people)[a-z_]*_[0-9a-f]{8}$/, '');
}
