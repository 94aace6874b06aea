// The least that can send a table in order: one query makes the bodies, one connection takes them, one after another.
// `one-by-one.ts DATABASE URL`
import { DuckDBInstance } from '@duckdb/node-api';
import { Pool } from 'undici';

const [database = '', url = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' });
const connection = await instance.connect();
const pool = new Pool(url, { connections: 1, pipelining: 1 });
const result = await connection.stream(`select '{"records":[' || string_agg(row, ',') || ']}' as body
  from (select to_json(customers)::varchar as row, row_number() over () // 1000 as batch from customers) group by batch`);
for await (const rows of result.yieldRowsJs()) {
  for (const [body] of rows) {
    const answer = await pool.request({
      path: '/batch',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: String(body),
    });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
  }
}
await pool.close();
