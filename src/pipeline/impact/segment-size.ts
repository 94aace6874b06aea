import type { SizeChange } from '../../report/impact-report.ts';
import type { Row, Warehouse } from '../../warehouse/warehouse.ts';

/** A segment's relations on both sides, as far as they can be read, and the key columns of each. */
export interface Relations {
  readonly before: string | null;
  readonly after: string | null;
  readonly keys: readonly [before: readonly string[], after: readonly string[]];
}

/** Members before and after, and how many enter and leave, by the text of their keys. Counts only: no key leaves the warehouse. */
export async function measureSegment(warehouse: Warehouse, { before, after, keys }: Relations): Promise<SizeChange> {
  if (before === null && after === null) return { before: null, after: null, entering: null, leaving: null };
  const [was, is] = [await keysOf(warehouse, before, keys[0]), await keysOf(warehouse, after, keys[1])];
  const count = (relation: string | null): string =>
    relation === null ? `cast(null as ${warehouse.state.type('bigint')})` : `(select count(*) from ${relation})`;
  const missing = (one: string | null, other: string | null): string =>
    one === null || other === null
      ? `cast(null as ${warehouse.state.type('bigint')})`
      : `(select count(*) from (select distinct k from (${one}) as mine where k is not null) as one left join (select distinct k as other_k from (${other}) as theirs) as other on other.other_k = one.k where other.other_k is null)`;
  const [row] = await warehouse.query(
    `select ${count(before)} as size_before, ${count(after)} as size_after, ${missing(is, was)} as entering, ${missing(was, is)} as leaving`,
  );
  return {
    before: numberAt(row, 'size_before'),
    after: numberAt(row, 'size_after'),
    entering: numberAt(row, 'entering'),
    leaving: numberAt(row, 'leaving'),
  };
}

/** A query of the keys as text, `k`: the same for a key that only changed its type. Null where the key is not known. */
async function keysOf(warehouse: Warehouse, relation: string | null, key: readonly string[]): Promise<string | null> {
  if (relation === null || key.length === 0) return null;
  const described = new Map(
    (await warehouse.describe(`select * from ${relation}`)).map(({ name, dataType }) => [
      name.toLowerCase(),
      { name, dataType },
    ]),
  );
  const columns = key.map((name) => described.get(name.toLowerCase()));
  const typed = columns.flatMap((column) =>
    column === undefined
      ? []
      : [{ name: column.name, sql: warehouse.state.identifier(column.name), dataType: column.dataType }],
  );
  return typed.length < key.length ? null : `select ${warehouse.state.keyText(typed)} as k from ${relation}`;
}

function numberAt(row: Row | undefined, name: string): number | null {
  const value = row?.[name] ?? null;
  return value === null ? null : Number(value);
}
