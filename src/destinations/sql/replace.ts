import { inTransaction, quote, type SqlDatabase, type TableName, tableText } from './database.ts';
import type { Table } from './table.ts';

/** The whole segment is written in one statement: it may take longer than a batch. */
const LONG = "set local statement_timeout = '15min'";

/**
 * Puts the staged rows in the place of the table's, in one transaction: readers see all of the old rows or all of the new ones. The
 * staging table takes the name, with the grants. Where something depends on the old table (a view, a foreign key, a sequence), or
 * it has what a copy of its definition lacks (triggers, policies, another owner, an index of DuckDB), its rows are exchanged instead.
 */
export async function replaceTable(
  database: SqlDatabase,
  table: Table,
  staging: TableName,
): Promise<'renamed' | 'rewritten'> {
  const { name } = table;
  const more = await database.query(database.dialect.holdsMore, [name.schema, name.name]);
  if (more.length > 0) {
    await inTransaction(database, async () => {
      if (database.dialect.savepoints) await database.query(LONG);
      await rewrite(database, table, staging);
    });
    return 'rewritten';
  }
  if (database.dialect.savepoints) return await inTransaction(database, () => swapOrRewrite(database, table, staging));
  try {
    await inTransaction(database, () => swap(database, table, staging));
    return 'renamed';
  } catch (thrown) {
    if (!database.isBound(thrown)) throw thrown;
    await inTransaction(database, () => rewrite(database, table, staging));
    return 'rewritten';
  }
}

async function swapOrRewrite(
  database: SqlDatabase,
  table: Table,
  staging: TableName,
): Promise<'renamed' | 'rewritten'> {
  await database.query(LONG);
  await database.query('savepoint before_swap');
  try {
    await swap(database, table, staging);
    return 'renamed';
  } catch (thrown) {
    if (!database.isBound(thrown)) throw thrown;
    await database.query('rollback to savepoint before_swap');
    await rewrite(database, table, staging);
    return 'rewritten';
  }
}

async function swap(database: SqlDatabase, { name }: Table, staging: TableName): Promise<void> {
  const { grants } = database.dialect;
  const given = grants === null ? [] : await database.query(grants, [name.schema, name.name]);
  await database.query(`drop table ${tableText(name)}`);
  await database.query(`alter table ${tableText(staging)} rename to ${quote(name.name)}`);
  for (const row of given) await database.query(String(row['statement']).replace('%s', () => tableText(name)));
}

async function rewrite(database: SqlDatabase, table: Table, staging: TableName): Promise<void> {
  const columns = [...table.types.keys()].map(quote).join(', ');
  await database.query(`delete from ${tableText(table.name)}`);
  await database.query(
    `insert into ${tableText(table.name)} (${columns}) select ${columns} from ${tableText(staging)}`,
  );
  await database.query(`drop table ${tableText(staging)}`);
}
