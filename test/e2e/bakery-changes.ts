import { LOYAL } from './bakery-run.ts';

type Below = (below: number) => number;

/** One random change of the raw tables, as SQL. */
const CHANGES: readonly ((below: Below, round: number) => string)[] = [
  // join
  (
    below,
    round,
  ) => `insert into raw.people select ${1000 + round * 50} + i, 'new' || ${round} || '_' || i || '@example.com',
    case when i % 2 = 0 then '+4479460' || lpad((${round} * 20 + i)::varchar, 5, '0') end, 'New ' || i, 'FR', 50 + i * 40, 5, false,
    timestamp '2026-02-01 00:00:00' from range(1, ${2 + below(8)}) t(i)
    where not exists (select 1 from raw.people where id = ${1000 + round * 50} + i)`,
  // leave
  (below) => `delete from raw.people where id % 13 = ${below(13)}`,
  (below) =>
    `update raw.people set country = case country when 'DE' then 'GB' else 'DE' end where id % 9 = ${below(9)}`,
  // identifiers change
  (below, round) => `update raw.people set email = 'r${round}.' || id || '@Example.org' where id % 8 = ${below(8)}`,
  (below, round) =>
    `update raw.people set phone = '+3362${round % 10}' || lpad((id % 1000000)::varchar, 6, '0') where id % 8 = ${below(8)}`,
  (below) => `update raw.people set email = null where id % 12 = ${below(12)}`,
  (below) => `update raw.people set phone = null where id % 12 = ${below(12)}`,
  // shared by several
  (below) => shared('email', below),
  (below) => shared('phone', below),
  // two members swap theirs
  () => `update raw.people set email = other.email from (
    select id, email, lead(id) over (order by id) as next_id, lag(id) over (order by id) as last_id,
      row_number() over (order by id) as place from raw.people where ${LOYAL} and email is not null) as mine,
      raw.people as other
    where mine.place <= 2 and mine.id = people.id and other.id = case mine.place when 1 then mine.next_id else mine.last_id end`,
  // excluded, and not any more
  (below) => `update raw.people set opted_out = not coalesce(opted_out, false) where id % 10 = ${below(10)}`,
  // only what is mapped somewhere changes
  (below) => `update raw.people set spend = spend + 7.5, points = points + 1 where id % 6 = ${below(6)}`,
  (below) => `update raw.people set first_name = first_name || ' jr' where id % 15 = ${below(15)}`,
  // events, late ones too
  (below, round) => `insert into raw.purchases select ${100_000 + round * 100} + i, (1 + i * 7 % 40)::integer, 10 + i,
    (now() at time zone 'UTC') - to_hours(i * 24), 'late${round}_' || i || '@example.com' from range(1, ${2 + below(6)}) t(i)
    where not exists (select 1 from raw.purchases where purchase_id = ${100_000 + round * 100} + i)`,
];

function shared(column: string, below: Below): string {
  const start = below(30);
  return `update raw.people set ${column} = (select p.${column} from raw.people p where p.id >= ${start} and p.${column} is not null
    order by p.id limit 1) where id between ${start} and ${start + 4} and exists (
    select 1 from raw.people p where p.id >= ${start} and p.${column} is not null)`;
}

/** Some changes of one round. */
export function randomChanges(below: Below, round: number): readonly string[] {
  const count = 2 + below(4);
  return Array.from({ length: count }, () => CHANGES[below(CHANGES.length)]?.(below, round) ?? 'select 1');
}
