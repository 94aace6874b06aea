// A diff row by row in Node, as engines outside the warehouse do it, and written to be quick: fingerprints of what was sent
// are kept in a database of their own and read into a Map, every row is read and hashed, what differs is sent by a pool of
// four connections. `row-by-row.ts DATABASE STATE URL`
import { hash } from 'node:crypto';
import { DuckDBInstance } from '@duckdb/node-api';
import { Pool } from 'undici';

const ROWS_PER_REQUEST = 1000;
const CONNECTIONS = 4;

const [database = '', statePath = '', url = ''] = process.argv.slice(2);
const source = await (await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' })).connect();
const state = await (await DuckDBInstance.create(statePath)).connect();
const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
const underWay = new Set<Promise<void>>();

async function post(operation: string, rows: readonly string[]): Promise<void> {
  const answer = await pool.request({
    path: '/batch',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"operation":"${operation}","rows":[${rows.join(',')}]}`,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
}

async function send(operation: string, rows: readonly string[]): Promise<void> {
  if (underWay.size >= CONNECTIONS) await Promise.race(underWay);
  const sent: Promise<void> = post(operation, rows).finally(() => underWay.delete(sent));
  underWay.add(sent);
}

await state.run('create table if not exists sent (key varchar, fingerprint varchar)');
const known = new Map<string, string>();
for await (const rows of (await state.stream('select key, fingerprint from sent')).yieldRowsJs())
  for (const [key, fingerprint] of rows) known.set(String(key), String(fingerprint));

await state.run('create temporary table news (key varchar, fingerprint varchar)');
const news = await state.createAppender('news', 'main', 'temp');
let changed: string[] = [];
for await (const rows of (await source.stream('select * from customers')).yieldRowObjectJson()) {
  for (const row of rows) {
    const text = JSON.stringify(row);
    const key = String(row['key']);
    const fingerprint = hash('sha1', text);
    const before = known.get(key);
    known.delete(key);
    if (before === fingerprint) continue;
    changed.push(text);
    news.appendVarchar(key);
    news.appendVarchar(fingerprint);
    news.endRow();
    if (changed.length < ROWS_PER_REQUEST) continue;
    await send('upsert', changed);
    changed = [];
  }
}
if (changed.length > 0) await send('upsert', changed);
const left = [...known.keys()];
for (let from = 0; from < left.length; from += ROWS_PER_REQUEST)
  await send(
    'delete',
    left.slice(from, from + ROWS_PER_REQUEST).map((key) => JSON.stringify({ key })),
  );
await Promise.all(underWay);
await pool.close();

for (const key of left) {
  news.appendVarchar(key);
  news.appendNull();
  news.endRow();
}
news.closeSync();
await state.run('begin');
await state.run('delete from sent where key in (select key from news)');
await state.run('insert into sent select key, fingerprint from news where fingerprint is not null');
await state.run('commit');
state.closeSync();
