import type { BatchOutcome } from '../destination.ts';

/** One connection to the database that holds the table. Statements go one after the other. */
export interface SqlDatabase {
  readonly dialect: Dialect;
  /** Runs one statement; `$1` … stand for texts. Throws what the driver throws. */
  query(sql: string, parameters?: readonly string[]): Promise<readonly SqlRow[]>;
  /** What a failure means for the batch that met it. */
  outcomeOf(thrown: unknown): BatchOutcome;
  /** Whether a table could not be dropped or renamed for the sake of what depends on it, or of its owner. */
  isBound(thrown: unknown): boolean;
  /** Rolls back whatever is open. */
  close(): Promise<void>;
}

export type SqlRow = Readonly<Record<string, unknown>>;

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export interface TableColumn {
  readonly name: string;
  /** As the database writes it. */
  readonly type: string;
}

/** What differs between the databases, as SQL text. */
export interface Dialect {
  readonly title: string;
  readonly defaultSchema: string;
  /** Rows of `$1`, a JSON array, as a table `r` with one column `j`. */
  readonly rows: string;
  /** A member of `j` as a value of the type; `path` leads to it. */
  value(path: readonly string[], type: string): string;
  /** The type for a property whose warehouse calls its type this. */
  typeFor(dataType: string): string;
  /** Columns `name` and `type` of a table in order; no row where there is none. `$1` schema, `$2` table. */
  readonly describe: string;
  /** The table's comment as `comment`; `$1` schema, `$2` table. */
  readonly comment: string;
  /** Makes an empty table like another one, with its constraints. `definition` is what `definition` gave. */
  makeLike(target: string, source: string, definition: string): string;
  /** The text of the table's definition as `definition`; null where `makeLike` needs none. `$1` schema, `$2` table. */
  readonly definition: string | null;
  /** Statements that give a table the grants of another; null: the database has no grants. `$1` schema, `$2` table. Column `statement`, with `%s` for the table. */
  readonly grants: string | null;
  /** A row where the table has what one made by `makeLike` would lack: it may not be put in its place. `$1` schema, `$2` table. */
  readonly holdsMore: string;
  /** Longer names of columns are cut by the database, without a word; null: they are not. */
  readonly nameBytesMax: number | null;
  /** A failed statement inside a transaction can be taken back alone. */
  readonly savepoints: boolean;
}

/** A name as an identifier. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function tableText({ schema, name }: TableName): string {
  return `${quote(schema)}.${quote(name)}`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Runs statements as one: all or nothing. */
export async function inTransaction<T>(database: SqlDatabase, work: () => Promise<T>): Promise<T> {
  await database.query('begin');
  try {
    const result = await work();
    await database.query('commit');
    return result;
  } catch (thrown) {
    await database.query('rollback').catch(() => {});
    throw thrown;
  }
}
