import { existsSync, rmSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

/** How the second state of a table differs from its first, in rows of 10,000. */
export interface Shift {
  readonly joined: number;
  readonly left: number;
  readonly changed: number;
}

/** 1 % in, 1 % out, 2 % changed. */
export const PLAN_SHIFT: Shift = { joined: 100, left: 100, changed: 200 };
/** 0.5 % in, 0.5 % out, 1 % changed. */
export const SYNC_SHIFT: Shift = { joined: 50, left: 50, changed: 100 };

export const COLUMNS = {
  key: 'VARCHAR',
  email: 'VARCHAR',
  first_name: 'VARCHAR',
  last_name: 'VARCHAR',
  country: 'VARCHAR',
  lifetime_value: 'DOUBLE',
  orders: 'INTEGER',
  updated_at: 'TIMESTAMP',
  newsletter: 'BOOLEAN',
} as const;

/** The rows of the first state: a text key of 20 characters and eight attributes, in the order in which they joined. */
export function firstState(rows: number): string {
  return `select ${columnsOf('false')} from (select i, md5(i::varchar) as m from range(${rows}) as r(i))`;
}

/** The rows of the second state, in no order. */
export function secondState(rows: number, shift: Shift): string {
  const place = 'hash(i + 17) % 10000';
  const changed = `${place} between ${shift.left} and ${shift.left + shift.changed - 1}`;
  const joined = Math.round((rows * shift.joined) / 10_000);
  return `select ${columnsOf(`(i < ${rows} and ${changed})`)} from (select i, md5(i::varchar) as m from range(${rows + joined}) as r(i)
    where i >= ${rows} or ${place} >= ${shift.left}) order by hash(i)`;
}

function columnsOf(changed: string): string {
  return `'cus_' || substr(m, 1, 16) as key,
    'user' || i || '@example' || (i % 97) || '.com' as email,
    'First' || substr(m, 17, 6) as first_name,
    'Last' || substr(m, 23, 10) as last_name,
    ['DE', 'FR', 'US', 'GB', 'NL', 'ES'][1 + i % 6] as country,
    ((hash(i) % 1000000) / 100.0 + case when ${changed} then 1000 else 0 end)::double as lifetime_value,
    (hash(i + 1) % 500)::integer as orders,
    timestamp '2026-06-01' + to_seconds((i % 2000000)::bigint) + case when ${changed} then interval '200 days' else interval '0 days' end as updated_at,
    case when i % 7 = 0 then null else i % 3 = 0 end as newsletter`;
}

/** The counts that every tool has to find between the two states. */
export interface Changes {
  readonly insert: number;
  readonly update: number;
  readonly delete: number;
}

/** Runs statements on a database file of their own; the rows of the last one. */
export async function onDatabase(
  path: string,
  statements: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(path, settings);
  try {
    const connection = await instance.connect();
    try {
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowObjectsJson();
      return rows;
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

export function removeDatabase(path: string): void {
  for (const file of [path, `${path}.wal`]) if (existsSync(file)) rmSync(file);
}

/** A database with the tables `first` and `second`. */
export async function writeStates(path: string, rows: number, shift: Shift): Promise<void> {
  removeDatabase(path);
  await onDatabase(path, [
    'set preserve_insertion_order = true',
    `create table first as ${firstState(rows)}`,
    `create table second as ${secondState(rows, shift)}`,
    'checkpoint',
  ]);
}
