// The quickest way known from a table to a webhook: SQL makes whole bodies, in windows that are read while the last one is
// sent; a pool of four connections. `sql-bodies.ts DATABASE URL`
import { DuckDBInstance } from '@duckdb/node-api';
import { Pool } from 'undici';

const ROWS_PER_REQUEST = 1000;
const WINDOW = 50 * ROWS_PER_REQUEST;
const CONNECTIONS = 4;

const [database = '', url = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' });
const connection = await instance.connect();
const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
const underWay = new Set<Promise<void>>();

async function post(body: string): Promise<void> {
  const answer = await pool.request({
    path: '/batch',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
}

async function readWindow(from: number): Promise<readonly string[]> {
  const reader =
    await connection.runAndReadAll(`select '{"records":[' || string_agg(to_json(c)::varchar, ',') || ']}' as body
    from customers as c where rowid between ${from} and ${from + WINDOW - 1} group by rowid // ${ROWS_PER_REQUEST}`);
  return reader.getRowsJS().map(([body]) => String(body));
}

const [[rows] = []] = (await connection.runAndReadAll('select count(*) from customers')).getRowsJS();
let next = readWindow(0);
for (let from = 0; from < Number(rows); from += WINDOW) {
  const bodies = await next;
  if (from + WINDOW < Number(rows)) next = readWindow(from + WINDOW);
  for (const body of bodies) {
    if (underWay.size >= CONNECTIONS) await Promise.race(underWay);
    const sent: Promise<void> = post(body).finally(() => underWay.delete(sent));
    underWay.add(sent);
  }
}
await Promise.all(underWay);
await pool.close();
