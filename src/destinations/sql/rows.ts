import type { OutgoingRow, Receipt } from '../destination.ts';
import { inTransaction, quote, type SqlDatabase, tableText } from './database.ts';
import type { Table } from './table.ts';

/** How a service writes its rows. */
export interface RowWriting {
  readonly keyColumn: string;
  /** The key as JSON text. */
  keyJson(row: OutgoingRow): string;
  /** Values of our own columns as JSON texts, by column, beside the key's. */
  own(row: OutgoingRow): Readonly<Record<string, string>>;
}

/**
 * Inserts rows, or updates those whose key is there, in one transaction. A field that a row does not carry keeps its value, so
 * that rows are written by the fields they have. A receipt says whether its row was made: in a table of ours all are.
 */
export async function upsertRows(
  database: SqlDatabase,
  table: Table,
  { writing, rows }: { readonly writing: RowWriting; readonly rows: readonly OutgoingRow[] },
): Promise<readonly Receipt[]> {
  const groups = Map.groupBy(rows, (row) => JSON.stringify(Object.keys(row.fields() ?? {})));
  const existing = new Set<number>();
  await inTransaction(database, async () => {
    for (const group of groups.values()) {
      const batch = renderRows(group, writing);
      if (!table.isOurs) for (const seq of await existingRows(database, table, { writing, batch })) existing.add(seq);
      const [first] = group;
      if (first !== undefined) await database.query(upsertText(database, table, { writing, row: first }), [batch]);
    }
  });
  return rows.map(({ seq }) => ({ seq, status: 'accepted', created: !existing.has(seq) }));
}

/** `{"n": number, "k": key, "f": fields, "o": our own columns}` for each row; the warehouse's JSON goes on as it is, with every digit. */
function renderRows(rows: readonly OutgoingRow[], writing: RowWriting): string {
  const texts = rows.map((row) => {
    const own = Object.entries(writing.own(row)).map(([name, json]) => `${JSON.stringify(name)}:${json}`);
    return `{"n":${row.seq},"k":${writing.keyJson(row)},"f":${row.fieldsJson ?? '{}'},"o":{${own.join(',')}}}`;
  });
  return `[${texts.join(',')}]`;
}

function keyValue(database: SqlDatabase, { types }: Table, { keyColumn }: RowWriting): string {
  return database.dialect.value(['k'], types.get(keyColumn) ?? 'text');
}

async function existingRows(
  database: SqlDatabase,
  table: Table,
  { writing, batch }: { readonly writing: RowWriting; readonly batch: string },
): Promise<readonly number[]> {
  const { dialect } = database;
  const rows = await database.query(
    `select ${dialect.value(['n'], 'bigint')} as n from ${dialect.rows} join ${tableText(table.name)} as t on t.${quote(writing.keyColumn)} = ${keyValue(database, table, writing)}`,
    [batch],
  );
  return rows.map((row) => Number(row['n']));
}

function upsertText(
  database: SqlDatabase,
  table: Table,
  { writing, row }: { readonly writing: RowWriting; readonly row: OutgoingRow },
): string {
  const { dialect } = database;
  const own = Object.keys(writing.own(row));
  const fields = Object.keys(row.fields() ?? {}).filter((name) => name !== writing.keyColumn && !own.includes(name));
  const value = (path: readonly string[], name: string): string => dialect.value(path, table.types.get(name) ?? 'text');
  const columns = [
    { name: writing.keyColumn, sql: keyValue(database, table, writing) },
    ...own.map((name) => ({ name, sql: value(['o', name], name) })),
    ...fields.map((name) => ({ name, sql: value(['f', name], name) })),
  ];
  const changed = columns.slice(1).map(({ name }) => `${quote(name)} = excluded.${quote(name)}`);
  const action = changed.length === 0 ? 'do nothing' : `do update set ${changed.join(', ')}`;
  return `insert into ${tableText(table.name)} (${columns.map(({ name }) => quote(name)).join(', ')}) select ${columns.map(({ sql }) => sql).join(', ')} from ${dialect.rows} on conflict (${quote(writing.keyColumn)}) ${action}`;
}

/**
 * Deletes rows by key; those that are gone count. Nothing says how old a row of a foreign table is: where it may have been there
 * before us (`createdSince`), it stays.
 */
export async function deleteRows(
  database: SqlDatabase,
  table: Table,
  { writing, rows }: { readonly writing: RowWriting; readonly rows: readonly OutgoingRow[] },
): Promise<readonly Receipt[]> {
  const some = rows.filter((row) => table.isOurs || row.createdSince == null);
  const { dialect } = database;
  if (some.length > 0)
    await database.query(
      `delete from ${tableText(table.name)} where ${quote(writing.keyColumn)} in (select ${keyValue(database, table, writing)} from ${dialect.rows})`,
      [renderRows(some, { ...writing, own: () => ({}) })],
    );
  return rows.map(({ seq }) => ({ seq, status: 'accepted' }));
}
