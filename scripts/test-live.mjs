// npm run test:live -- --target prod                             the suites on the account of a dbt profile
// npm run test:live -- --target prod --profiles-dir ~/.dbt --project-dir ../shop --suites contract,engine
//
// Makes schemas of its own, whose names nobody else has, and drops them at the end, also when a test fails or somebody
// stops it. Nothing else of the account is read or written.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { dropSchemas, liveProfile, makeSchema, openAccount } from '../test/warehouse/account.ts';
import { lineOf, runSuite, SUITES } from './test-suites.mjs';

const HISTORIES = 20;
const WORLDS = 2;

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    profile: { type: 'string' },
    'profiles-dir': { type: 'string' },
    'project-dir': { type: 'string', default: '.' },
    suites: { type: 'string', default: Object.keys(SUITES).join(',') },
  },
});

if (values.target === undefined) {
  console.log(
    'Skipped: no account is named. `npm run test:live -- --target <target of a dbt profile>` runs the suites on it.',
  );
} else {
  process.exitCode = await live();
}

async function live() {
  const projectDir = resolve(values['project-dir']);
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-live-'));
  const made = join(folder, 'schemas');
  writeFileSync(made, '');
  const run = {
    projectDir,
    profilesDir: values['profiles-dir'] === undefined ? null : resolve(values['profiles-dir']),
    profile: values.profile ?? null,
    target: values.target,
    projectProfile: profileOf(projectDir),
    prefix: `dinmo_live_${randomBytes(4).toString('hex')}`,
    made,
  };
  let account;
  try {
    account = { profile: liveProfile(run) };
    tell(account.profile, run.prefix);
    // Where there is one of that name, nothing was touched.
    await makeSchema(account, run.prefix);
  } catch (thrown) {
    console.error(thrown.message);
    if (thrown.fix) console.error(thrown.fix);
    rmSync(folder, { recursive: true, force: true });
    return 4;
  }
  const code = await suites(run);
  const left = await clean(account, run);
  rmSync(folder, { recursive: true, force: true });
  return Math.max(code, left);
}

function tell({ type, profileName, targetName, database, file }, prefix) {
  console.log(
    `Account: ${type}, database ${database ?? '(its own)'}, target ${targetName} of ${profileName} in ${file}.`,
  );
  console.log(
    `Made, and dropped at the end: schemas that begin with ${prefix}, a few for each test, with small tables.`,
  );
  console.log(
    `Nothing else is read or written. Minutes on a machine of one's own, hours on an account: stop it with Ctrl-C.`,
  );
}

/** The suites, one after another, until somebody stops them. */
async function suites(run) {
  let child = null;
  let stopped = false;
  const stop = () => {
    stopped = true;
    child?.kill('SIGINT');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  const env = {
    DINMO_LIVE_RUN: JSON.stringify(run),
    DINMO_SIMULATED_HISTORIES: String(HISTORIES),
    SEGMENT_WORLDS: String(WORLDS),
    ...process.env,
  };
  const args = ['--maxWorkers=1', '--testTimeout=1800000', '--hookTimeout=1800000'];
  const results = [];
  for (const suite of values.suites.split(',')) {
    if (stopped) break;
    console.log(`\n${suite}`);
    results.push(await runSuite(suite, 'live', { env, args, hear: (started) => (child = started) }));
  }
  console.log(`\n${results.map(lineOf).join('\n')}`);
  if (stopped) console.log('Stopped.');
  return stopped || results.some(({ code }) => code !== 0) ? 1 : 0;
}

/** Drops what is left; says how, where it cannot. */
async function clean(account, { prefix, made }) {
  const schemas = [...new Set(readFileSync(made, 'utf8').split('\n'))].filter((name) => name.startsWith(`${prefix}_`));
  const all = [...schemas, prefix];
  try {
    const warehouse = await openAccount(account, account.profile.schema);
    await dropSchemas(warehouse, all).finally(() => warehouse.close());
    console.log(`Dropped what was made: the schemas that begin with ${prefix}.`);
    return 0;
  } catch (thrown) {
    console.error(`The schemas that begin with ${prefix} could not be dropped: ${thrown.message}`);
    console.error(`Drop them yourself:\n${all.map((name) => `drop schema if exists ${name} cascade;`).join('\n')}`);
    return 4;
  }
}

/** `profile:` of dbt_project.yml, where there is one. */
function profileOf(projectDir) {
  try {
    const { profile } = parse(readFileSync(join(projectDir, 'dbt_project.yml'), 'utf8'));
    return typeof profile === 'string' ? profile : null;
  } catch {
    return null;
  }
}
