// A layout that keeps the whole segment of each run, as engines do that store a full copy: the new copy beside the last one,
// each row with what became of it. `whole-segment.ts DATABASE`
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from '../data/people.ts';

const [database = ''] = process.argv.slice(2);
const connection = await (await DuckDBInstance.create(database)).connect();
const cells = Object.keys(COLUMNS).filter((name) => name !== 'key');
const differs = cells.map((name) => `c.${name} is distinct from p.${name}`).join(' or ');
const taken = ['key', ...cells].map((name) => `coalesce(c.${name}, p.${name}) as ${name}`);
await connection.run(`create table run_2 as select ${taken.join(', ')},
    case when p.key is null then 'insert' when c.key is null then 'delete' when ${differs} then 'update' else 'unchanged' end as op
  from customers as c full join run_1 as p on p.key = c.key`);
const reader = await connection.runAndReadAll('select op, count(*) as rows from run_2 group by op');
await connection.run('checkpoint');
process.stdout.write(
  JSON.stringify(Object.fromEntries(reader.getRowsJS().map(([op, rows]) => [String(op), Number(rows)]))),
);
