// What a script without an engine does: rows as objects, JSON.stringify, fetch; four requests under way.
// `row-objects.ts DATABASE URL`
import { DuckDBInstance } from '@duckdb/node-api';

const ROWS_PER_REQUEST = 1000;
const REQUESTS = 4;

const [database = '', url = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' });
const connection = await instance.connect();
const underWay = new Set<Promise<void>>();

async function post(records: readonly unknown[]): Promise<void> {
  const answer = await fetch(`${url}/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ records }),
  });
  await answer.text();
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
}

async function send(records: readonly unknown[]): Promise<void> {
  if (underWay.size >= REQUESTS) await Promise.race(underWay);
  const sent: Promise<void> = post(records).finally(() => underWay.delete(sent));
  underWay.add(sent);
}

const result = await connection.stream('select * from customers');
let records: unknown[] = [];
for await (const chunk of result.yieldRowObjectJson()) {
  for (const row of chunk) {
    records.push(row);
    if (records.length < ROWS_PER_REQUEST) continue;
    await send(records);
    records = [];
  }
}
if (records.length > 0) await send(records);
await Promise.all(underWay);
