// @ts-check
// Writes the seeds of the example project: the same day gives the same files, whoever runs it.
//
//   node scripts/make-seeds.mjs [--day 1|2] [--today YYYY-MM-DD] [--customers 300] [--out example-dbt-project/seeds]
//
// Day 1 is the shop as it stood when yesterday began. Day 2 is the same shop one day later: customers have joined, left,
// moved, changed their e-mail address or withdrawn their consent; orders and events have come in. No row lies in the
// future, and the latest events are young enough for platforms that refuse old ones.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { toCsv } from './csv.mjs';
import { makeShop } from './seed-shop.mjs';

const { values } = parseArgs({
  options: {
    day: { type: 'string', default: '1' },
    today: { type: 'string', default: new Date().toISOString().slice(0, 10) },
    customers: { type: 'string', default: '300' },
    out: { type: 'string', default: fileURLToPath(new URL('../example-dbt-project/seeds', import.meta.url)) },
  },
});
const today = Date.parse(`${values.today}T00:00:00Z`);
if (!/^[12]$/.test(values.day) || Number.isNaN(today) || !/^[1-9]\d*$/.test(values.customers)) {
  process.stderr.write('usage: make-seeds.mjs [--day 1|2] [--today YYYY-MM-DD] [--customers N] [--out FOLDER]\n');
  process.exit(2);
}

const tables = makeShop({ day: values.day === '2' ? 2 : 1, today, customers: Number(values.customers) });
mkdirSync(values.out, { recursive: true });
for (const [name, rows] of Object.entries(tables)) {
  writeFileSync(join(values.out, `raw_${name}.csv`), toCsv(rows));
}
