import { COLUMNS, onDatabase } from './people.ts';

/** How a destination differs from what it should hold. */
export interface Differences {
  readonly missing: number;
  readonly extra: number;
  readonly stale: number;
  readonly held: number;
}

/**
 * Compares what a destination holds (a file of JSON lines: key and fields) with a table of a database, row by row and
 * cell by cell.
 */
export async function compare(held: string, database: string, table: string): Promise<Differences> {
  const types = Object.entries(COLUMNS).map(([name, type]) => `'${name}': '${type}'`);
  const cells = Object.keys(COLUMNS).filter((name) => name !== 'key');
  const differs = cells.map((name) => `h.${name} is distinct from t.${name}`).join(' or ');
  const [row] = await onDatabase(':memory:', [
    `attach '${database}' as source (read_only)`,
    `select count(*) filter (where h.key is null) as missing, count(*) filter (where t.key is null) as extra,
      count(*) filter (where h.key is not null and t.key is not null and (${differs})) as stale, count(h.key) as held
    from read_json('${held}', format = 'newline_delimited', columns = {${types.join(', ')}}) as h full join source.${table} as t on h.key = t.key`,
  ]);
  const number = (name: string): number => Number(row?.[name] ?? Number.NaN);
  return { missing: number('missing'), extra: number('extra'), stale: number('stale'), held: number('held') };
}
