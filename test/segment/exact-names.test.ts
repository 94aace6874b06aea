import { expect, test } from 'vitest';
import { compileEntity } from '../../src/segment/compile.ts';
import { bigqueryDialect } from '../../src/warehouse/bigquery/dialect.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { postgresDialect } from '../../src/warehouse/postgres/dialect.ts';
import { snowflakeDialect } from '../../src/warehouse/snowflake/dialect.ts';
import { buildStore, dbtTarget, types } from './world.ts';

const NAMED = '(select "Id" as "id", "eMail" as "email", "select", id2, "Country"';

/** Of `Id`, `eMail`, `id2` and `select` the project says `quote: true`, of `Country` it does not. */
function rowsIn(dialect: SqlDialect): string {
  const columns = {
    Id: types.integer,
    eMail: types.string,
    select: types.string,
    id2: types.string,
    Country: types.string,
  };
  const { entities, ...store } = buildStore({ entities: { customer: { key: ['Id'], columns } } });
  const customer = entities.get('customer');
  if (customer === undefined) throw new Error('no entity');
  const exact = { ...customer, node: { ...customer.node, exactColumns: ['Id', 'eMail', 'id2', 'select'] } };
  const { sql } = compileEntity({ ...store, entities: new Map([['customer', exact]]) }, exact, dialect, dbtTarget);
  return sql.slice(sql.indexOf('\nfrom ') + 6).trim();
}

test('a column whose name is in quotes is read by that name, where its case counts, and has the name of all others behind it', () => {
  const reference = rowsIn(duckdbDialect).replace(' as customer', '');
  expect(reference).toMatch(/^\{\{ ref\('.*'\) \}\}$/);
  expect(rowsIn(bigqueryDialect)).toBe(`${reference} as customer`);
  const lower = NAMED.replace('"Country"', '"country"');
  expect(rowsIn(postgresDialect)).toBe(`${lower} from ${reference}) as customer`);
  const upper = `(select "Id" as "ID", "eMail" as "EMAIL", "select" as "SELECT", "id2" as id2, "COUNTRY"`;
  expect(rowsIn(snowflakeDialect)).toBe(`${upper} from ${reference}) as customer`);
});
