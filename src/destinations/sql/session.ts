import { DinmoError } from '../../errors.ts';
import { refused, retry } from '../answer.ts';
import type { Batch, BatchOutcome, Session } from '../destination.ts';
import { type SqlDatabase, type TableName, tableText } from './database.ts';
import { replaceTable } from './replace.ts';
import { deleteRows, type RowWriting, upsertRows } from './rows.ts';
import { makeStaging, type Table } from './table.ts';

/** What a session works on. */
export interface SqlWork {
  readonly database: SqlDatabase;
  readonly table: Table;
  readonly writing: RowWriting;
  /** Where the rows of a full replace wait; null: rows go to the table at once. */
  readonly staging: TableName | null;
  readonly audienceId: string | null;
}

/** Rows go to the table, each batch a transaction; in a full replace to the staging table, which takes the table's place at the end. */
export async function openSession(work: SqlWork): Promise<Session> {
  const { database, table, staging } = work;
  const target = staging === null ? table : await makeStaging(database, table, staging);
  let ended = false;
  let queue: Promise<unknown> = Promise.resolve();
  /** One after the other: the connection is one. */
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = queue.then(task);
    queue = result.catch(() => {});
    return result;
  };
  return {
    audienceId: work.audienceId,
    account: null,
    send: (batch, signal) =>
      inTurn(async () => {
        if (ended || signal.aborted) return retry({ applied: 'no', code: 'stopped', message: 'The sync was stopped' });
        return await sendBatch(work, target, batch);
      }),
    finish: () =>
      inTurn(async () => {
        if (ended) return;
        ended = true;
        try {
          if (staging !== null) await replaceTable(database, table, staging);
        } catch (thrown) {
          throw replaceError(database, table, thrown);
        } finally {
          await database.close();
        }
      }),
    abandon: () =>
      inTurn(async () => {
        if (ended) return;
        ended = true;
        // What cannot be dropped now is dropped by the next full replace.
        if (staging !== null) await database.query(`drop table if exists ${tableText(staging)}`).catch(() => {});
        await database.close();
      }),
  };
}

async function sendBatch({ database, writing, staging }: SqlWork, target: Table, batch: Batch): Promise<BatchOutcome> {
  const { rows } = batch;
  try {
    if (batch.operation !== 'delete')
      return { kind: 'receipts', receipts: await upsertRows(database, target, { writing, rows }) };
    // A full replace is the rows that are in it.
    if (staging !== null) return { kind: 'accepted' };
    return { kind: 'receipts', receipts: await deleteRows(database, target, { writing, rows }) };
  } catch (thrown) {
    if (thrown instanceof DinmoError) return refused(thrown.code, thrown.message, thrown.fix ?? '');
    return database.outcomeOf(thrown);
  }
}

function replaceError(database: SqlDatabase, table: Table, thrown: unknown): DinmoError {
  if (thrown instanceof DinmoError) return thrown;
  const outcome = database.outcomeOf(thrown);
  const said = 'message' in outcome ? outcome.message : 'no answer';
  return new DinmoError({
    kind: 'destination',
    code: 'table-not-replaced',
    message: `The rows of ${tableText(table.name)} could not be replaced: ${said}`,
    fix: 'The table is as it was. Correct what the message names (rights, room, what depends on the table), and run the sync again.',
  });
}
