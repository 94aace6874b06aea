import type { StateDialect } from '../../../src/warehouse/state-dialect.ts';

/** Which of the two texts is meant. */
export type Side = 'vendor' | 'duckdb';

const [VENDOR, DUCKDB, END] = ['\uE000', '\uE001', '\uE002'];

/** One of the two texts that a statement of `twin` holds. */
export function half(text: string, side: Side): string {
  let at = 0;
  const read = (taken: boolean, until: string | undefined): string => {
    let found = '';
    for (; at < text.length; at++) {
      const char = text[at];
      if (char === until) return found;
      if (char !== VENDOR) {
        if (taken) found += char;
        continue;
      }
      at++;
      found += read(taken && side === 'vendor', DUCKDB);
      at++;
      found += read(taken && side === 'duckdb', END);
    }
    return found;
  };
  return read(true, undefined);
}

/** The names of types that a driver gives, as DuckDB has them. */
export type DuckdbType = (dataType: string) => string;

/**
 * A dialect that writes each statement twice, in the vendor's SQL and in DuckDB's: the first can be looked at, the second be run. What is
 * no text (what transactions hold, whether reads are steady) is the vendor's.
 */
export function twin(vendor: StateDialect, duckdb: StateDialect, duckdbType: DuckdbType): StateDialect {
  const numbered: StateDialect = {
    ...duckdb,
    rowNumber: 'stored_n',
    createNumbered: (name, select) =>
      duckdb.createTemporary(name, `select row_number() over () as stored_n, made.* from (${select}) as made`),
  };
  const other = vendor.firstRowNumber === null ? duckdb : numbered;
  const member = (name: string): unknown => {
    const [one, its] = [vendor, other].map((dialect) => Reflect.get(dialect, name) as unknown);
    if (typeof one === 'string') return name === 'name' || name === 'transactionsHold' ? one : joined(one, String(its));
    if (typeof one !== 'function' || typeof its !== 'function') return one;
    return (...given: unknown[]): unknown => {
      const mine: unknown = one(...given.map((value) => project(value, 'vendor', (type) => type)));
      if (typeof mine !== 'string') return mine;
      return joined(mine, String(its(...given.map((value) => project(value, 'duckdb', duckdbType)))));
    };
  };
  return Object.fromEntries(Object.keys(vendor).map((name) => [name, member(name)])) as unknown as StateDialect; // member by member
}

function joined(vendor: string, duckdb: string): string {
  return vendor === duckdb ? vendor : `${VENDOR}${vendor}${DUCKDB}${duckdb}${END}`;
}

function project(value: unknown, side: Side, typeOf: DuckdbType): unknown {
  if (typeof value === 'string') return half(value, side);
  if (Array.isArray(value)) return value.map((item) => project(item, side, typeOf));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === 'dataType' ? typeOf(String(inner)) : project(inner, side, typeOf),
    ]),
  );
}
