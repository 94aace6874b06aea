// The bare hash join on the key: `bare-join.ts DATABASE [MEMORY_LIMIT]`. Prints the count, and what it took without the
// start of the process.
import { performance } from 'node:perf_hooks';
import { DuckDBInstance } from '@duckdb/node-api';

const [database = '', memoryLimit] = process.argv.slice(2);
const before = process.cpuUsage();
const started = performance.now();
const instance = await DuckDBInstance.create(database, {
  access_mode: 'READ_ONLY',
  ...(memoryLimit ? { memory_limit: memoryLimit } : {}),
});
const connection = await instance.connect();
const reader = await connection.runAndReadAll(
  'select count(*) as rows from customers as c join known as k on c.key = k.key',
);
const { user, system } = process.cpuUsage(before);
const wallS = (performance.now() - started) / 1000;
process.stdout.write(JSON.stringify({ rows: Number(reader.getRowsJS()[0]?.[0]), cpuS: (user + system) / 1e6, wallS }));
