import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Row } from '../../src/warehouse/warehouse.ts';
import { findLeaks } from './canaries.ts';
import { report } from './observer.ts';

/** Asks one database for the rows of a statement. */
export type Ask = (sql: string) => Promise<readonly Row[]>;

/**
 * Columns of the engine's tables that may hold a key or an identifier as it is sent, and why nothing else may: they are in
 * the user's own warehouse, and a later removal needs them (docs/warehouse-tables.md). Secrets may stand nowhere.
 */
const MAY_IDENTIFY: readonly (readonly [table: RegExp, columns: readonly string[]])[] = [
  [/^rejections$/, ['key']],
  [/^receipts$/, ['record_id', 'identifier_records']],
  [/^snapshot_/, ['key', 'owner_key', 'record_id']],
  [/^identifiers_/, ['key', 'value']],
  // The changes of a run that was not settled.
  [/^changes_/, ['key', 'key_json', 'fields', 'wire', 'wire_ids', 'previous_key', 'owner_key', 'record_id']],
  [/^change_identifiers_/, ['key', 'value']],
];

const STATE_SCHEMA = /(^|_)(DINMO_DELTA_STORAGE(_SANDBOX)?|DELTA)$|^WORLD_\d+$/i;

/** Searches every table of the engine's in a database: where it stands, and what was found. */
export async function findInState(ask: Ask): Promise<readonly string[]> {
  const tables = await ask(
    "select table_schema as s, table_name as t from information_schema.tables where table_type = 'BASE TABLE'",
  );
  const found: string[] = [];
  const own = tables.filter(({ s }) => STATE_SCHEMA.test(String(s)));
  const hashed = await hashedSuffixes(ask, own);
  for (const { s, t } of own) {
    // Some warehouses fold names to upper case.
    const name = String(t).toLowerCase();
    const allowed = MAY_IDENTIFY.find(([table]) => table.test(name))?.[1] ?? [];
    for (const row of await ask(`select * from "${s}"."${t}" limit 5000`)) {
      for (const [given, value] of Object.entries(row)) {
        const column = given.toLowerCase();
        if (value === null) continue;
        const text =
          typeof value === 'string'
            ? value
            : JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
        // What goes to Meta is hashed before it is stored.
        const mayIdentify =
          allowed.includes(column) && !(column === 'value' && hashed.some((suffix) => name.endsWith(suffix)));
        for (const { what, line } of findLeaks(text))
          if (!mayIdentify || what.startsWith('a secret')) found.push(`${s}.${name}.${column}: ${what}, ${line}`);
      }
    }
  }
  return found;
}

async function hashedSuffixes(ask: Ask, tables: readonly Row[]): Promise<readonly string[]> {
  const registers = tables.filter(({ t }) => String(t).toLowerCase() === 'activations');
  const suffixes = await Promise.all(
    registers.map(({ s }) => ask(`select table_suffix as x from "${s}".activations where platform = 'meta'`)),
  );
  return suffixes.flat().map(({ x }) => String(x));
}

/** Worlds of one file of tests whose tables are searched; a simulation has thousands, which are all alike. */
const WORLDS_MAX = Number(process.env['DINMO_PRIVACY_WORLDS'] ?? 25);
let worlds = 0;

/** Searches the engine's tables of a world that is about to end. */
export async function observeState(ask: Ask): Promise<void> {
  worlds += 1;
  if (worlds > WORLDS_MAX) return;
  // A world that died, or whose database was taken away, cannot be asked any more.
  for (const finding of await findInState(ask).catch(() => [])) report(finding);
}

/** The same for a DuckDB file that nobody holds. One that a test broke on purpose is searched for secrets as it lies there. */
export async function findInFile(path: string): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(path).catch(() => null);
  if (instance === null) {
    const leaks = findLeaks(readFileSync(path, 'latin1')).filter(({ what }) => what === 'a secret');
    return leaks.map(({ what, line }) => `${path}: ${what}, ${line}`);
  }
  const connection = await instance.connect();
  try {
    return await findInState(async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as Row[]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
