import { createHash } from 'node:crypto';
import { DinmoError } from '../../errors.ts';
import type { ServiceContext } from '../destination.ts';
import { literal, quote, type SqlDatabase, type TableColumn, type TableName, tableText } from './database.ts';

/** What a service keeps of each row, beside the mapped fields. */
export interface RowShape {
  /** By which rows are known. */
  readonly keyColumn: string;
  /** Columns of our own, with the types that they are made with. */
  readonly own: readonly TableColumn[];
  /** Mapped fields with the types of their properties. */
  readonly columns: ServiceContext['columns'];
}

/** The table as it is there. */
export interface Table {
  readonly name: TableName;
  /** The type of each column, by name. */
  readonly types: ReadonlyMap<string, string>;
  /** Made by us, so that all of its rows are ours. */
  readonly isOurs: boolean;
}

const MADE_BY_US = 'Made by dinmo';

/** PostgreSQL cuts names at 63 bytes, and would find another table under the rest. Round brackets would end a definition of DuckDB's. */
export function requireName(what: string, name: string): string {
  if (name !== '' && Buffer.byteLength(name) <= 63 && !/[\p{Cc}"()]/u.test(name)) return name;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: `${what} of the SQL destination is empty, longer than 63 bytes, or has quotes, brackets or control characters`,
    fix: 'Choose another name.',
  });
}

/** A name of ours for an audience's table. Two audiences whose letters are alike get two tables. */
export function audienceTable(audience: string): string {
  const plain = audience
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_');
  const name = plain.replaceAll(/^_+|_+$/g, '');
  if (name === audience && Buffer.byteLength(name) <= 63) return name;
  return `${cut(name, 54)}_${digest(audience)}`;
}

/** Where the rows of a full replace wait: the same name for each sync of an activation, so that what a crash left is found. */
export function stagingName({ schema, name }: TableName, activation: string): TableName {
  return { schema, name: `${cut(name, 38)}__dinmo_staging_${digest(activation)}` };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** The first bytes of a name, whole characters. */
function cut(name: string, bytes: number): string {
  let short = name;
  while (Buffer.byteLength(short) > bytes) short = [...short].slice(0, -1).join('');
  return short;
}

/**
 * Finds the table, and with `create` makes it, its schema and the columns that it lacks; `never-again`: columns only, since rows that
 * were sent were in it. Throws DinmoError `table-missing`, `column-missing`, `invalid-setting`.
 */
export async function requireTable(
  database: SqlDatabase,
  name: TableName,
  { shape, create }: { readonly shape: RowShape; readonly create: boolean | 'never-again' },
): Promise<Table> {
  const wanted = wantedColumns(database, shape);
  checkNames(database, wanted);
  const found = await describe(database, name);
  if (found.length === 0) {
    if (create === 'never-again') throw tableGone(name, createText(name, wanted, shape));
    if (!create) throw tableMissing(name, createText(name, wanted, shape));
    await database.query(`create schema if not exists ${quote(name.schema)}`);
    await database.query(createText(name, wanted, shape));
    await database.query(`comment on table ${tableText(name)} is ${literal(MADE_BY_US)}`);
  } else {
    const known = new Set(found.map((column) => column.name));
    const lacking = wanted.filter((column) => !known.has(column.name));
    const add = lacking.map(
      (column) => `alter table ${tableText(name)} add column ${quote(column.name)} ${column.type}`,
    );
    if (lacking.length > 0 && !create) {
      const names = lacking.map((column) => column.name).join(', ');
      throw columnMissing(name, names, add.join('; '));
    }
    for (const statement of add) await database.query(statement);
  }
  const types = new Map((await describe(database, name)).map((column) => [column.name, column.type]));
  const [comment] = await database.query(database.dialect.comment, [name.schema, name.name]);
  return { name, types, isOurs: comment?.['comment'] === MADE_BY_US };
}

async function describe({ dialect, query }: SqlDatabase, name: TableName): Promise<readonly TableColumn[]> {
  const rows = await query(dialect.describe, [name.schema, name.name]);
  return rows.map((row) => ({ name: String(row['name']), type: String(row['type']) }));
}

function wantedColumns({ dialect }: SqlDatabase, { own, columns }: RowShape): readonly TableColumn[] {
  const ours = new Set(own.map((column) => column.name));
  const mapped = columns.filter((column) => !ours.has(column.field));
  return [...own, ...mapped.map(({ field, dataType }) => ({ name: field, type: dialect.typeFor(dataType) }))];
}

function createText(name: TableName, columns: readonly TableColumn[], { keyColumn }: RowShape): string {
  const lines = columns.map((column) => `${quote(column.name)} ${column.type}`);
  return `create table ${tableText(name)} (${[...lines, `primary key (${quote(keyColumn)})`].join(', ')})`;
}

function tableMissing(name: TableName, statement: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'table-missing',
    message: `The SQL destination has no table ${tableText(name)}`,
    fix: `Set \`create_table: true\`, or run: ${statement}`,
  });
}

/** Made anew it would have only what changes from now on. */
function tableGone(name: TableName, statement: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'table-missing',
    message: `The table ${tableText(name)} of the SQL destination is gone, and the rows that were sent with it`,
    fix: `Bring it back from a backup; or run: ${statement}; and then the sync with --full-refresh, which sends every row again.`,
  });
}

function checkNames({ dialect }: SqlDatabase, columns: readonly TableColumn[]): void {
  const { nameBytesMax } = dialect;
  const long = columns.find(({ name }) => nameBytesMax !== null && Buffer.byteLength(name) > nameBytesMax);
  if (long === undefined) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: `The field ${long.name} of the mapping is longer than the ${nameBytesMax} bytes that a column of ${dialect.title} may have`,
    fix: 'Map it under a shorter name.',
  });
}

function columnMissing(name: TableName, columns: string, statements: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'column-missing',
    message: `The table ${tableText(name)} of the SQL destination has no column ${columns}`,
    fix: `Set \`create_table: true\`, or run: ${statements}`,
  });
}

/** Makes the empty staging table anew. */
export async function makeStaging(database: SqlDatabase, table: Table, staging: TableName): Promise<Table> {
  const { dialect } = database;
  await database.query(`drop table if exists ${tableText(staging)}`);
  const [row] =
    dialect.definition === null ? [] : await database.query(dialect.definition, [table.name.schema, table.name.name]);
  const definition = String(row?.['definition'] ?? '');
  await database.query(dialect.makeLike(tableText(staging), tableText(table.name), definition));
  if (table.isOurs) await database.query(`comment on table ${tableText(staging)} is ${literal(MADE_BY_US)}`);
  return { ...table, name: staging };
}
