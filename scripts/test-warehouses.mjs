// npm run test:warehouses                                        every suite on every warehouse that runs on this machine
// npm run test:warehouses -- --on bigquery,snowflake --suites rules
import { parseArgs } from 'node:util';
import { lineOf, runSuite, SUITES } from './test-suites.mjs';

const WAREHOUSES = ['duckdb', 'postgres', 'snowflake', 'bigquery'];
/** Histories of each simulation, and worlds of segments: fewer where a statement takes longer. */
const SIZES = {
  duckdb: { DINMO_SIMULATED_HISTORIES: '200', SEGMENT_WORLDS: '12' },
  postgres: { DINMO_SIMULATED_HISTORIES: '100', SEGMENT_WORLDS: '6' },
  snowflake: { DINMO_SIMULATED_HISTORIES: '40', SEGMENT_WORLDS: '3' },
  bigquery: { DINMO_SIMULATED_HISTORIES: '40', SEGMENT_WORLDS: '3' },
};

/** For what hangs: on an emulator a statement takes tens of milliseconds, a sync up to forty of them, a test up to a hundred syncs. */
const PATIENCE = ['--testTimeout=1800000', '--hookTimeout=1800000'];

const { values } = parseArgs({
  options: {
    on: { type: 'string', default: WAREHOUSES.join(',') },
    suites: { type: 'string', default: Object.keys(SUITES).join(',') },
  },
});

const results = [];
for (const name of values.on.split(','))
  for (const suite of values.suites.split(',')) {
    if (SIZES[name] === undefined || SUITES[suite] === undefined) throw new Error(`no ${suite} on ${name}`);
    console.log(`\n${name}: ${suite}`);
    results.push(await runSuite(suite, name, { env: { ...SIZES[name], ...process.env }, args: PATIENCE }));
  }
console.log(`\n${results.map(lineOf).join('\n')}`);
process.exitCode = results.some(({ code }) => code !== 0) ? 1 : 0;
