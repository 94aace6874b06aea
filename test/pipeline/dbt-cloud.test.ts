import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { DinmoError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { readCloudAccess } from '../../src/pipeline/dbt-cloud/access.ts';
import { fetchCloudRun } from '../../src/pipeline/dbt-cloud/fetch-run.ts';
import { type CloudFault, SimulatedCloud } from '../dbt-cloud/simulated-cloud.ts';
import { secret } from '../privacy/canaries.ts';

let cloud: SimulatedCloud;
let folder: string;
let waits: number[];

const clock: Clock = {
  now: () => Date.parse('2026-01-31T00:00:00Z'),
  sleep: async (milliseconds) => {
    waits.push(milliseconds);
  },
};

beforeEach(async () => {
  cloud = await SimulatedCloud.start({ token: secret('dbt-cloud-token'), webhookSecret: secret('dbt-cloud-webhook') });
  folder = mkdtempSync(join(tmpdir(), 'dinmo-cloud-'));
  waits = [];
  cloud.runs.set(1, {
    steps: [
      { name: 'Clone git repository' },
      { name: 'Source freshness', artifacts: { 'sources.json': '{"metadata": {}, "step": 2}' } },
      { name: 'Invoke dbt with `dbt run`', artifacts: artifacts(3) },
      { name: 'Invoke dbt with `dbt test`', artifacts: artifacts(4) },
      { name: 'Invoke dbt with `dbt docs generate`', artifacts: artifacts(5) },
    ],
  });
});
afterEach(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true });
});

function artifacts(step: number): Record<string, string> {
  const text = JSON.stringify({ metadata: {}, step, filling: 'x'.repeat(200_000) });
  return { 'manifest.json': text, 'run_results.json': text };
}

async function fetchRun(runId = '1', env: Readonly<Record<string, string>> = {}) {
  const access = readCloudAccess({ ...cloud.env, ...env });
  return await fetchCloudRun({ runId, access, folder, clock, logger: silentLogger, idleMs: 150 });
}

async function failure(work: Promise<unknown>): Promise<{ code: string; exitCode: number; message: string }> {
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof DinmoError)) throw new Error(`no DinmoError: ${String(thrown)}`);
  return { code: thrown.code, exitCode: thrown.exitCode, message: thrown.message };
}

const stepOf = (path: string): number => JSON.parse(readFileSync(path, 'utf8')).step;

/** The first requests of each path meet these. */
function trouble(...faults: readonly CloudFault[]): void {
  const met = new Map<string, number>();
  cloud.fault = (path) => {
    const count = met.get(path) ?? 0;
    met.set(path, count + 1);
    return faults[count] ?? null;
  };
}

describe('the artifacts of a run', () => {
  test('are those of the steps that built and tested, not of the last one; and are fetched once', async () => {
    const { dir, runResults, sources } = await fetchRun();
    expect(stepOf(join(dir, 'manifest.json'))).toBe(3);
    expect(runResults.map(stepOf)).toEqual([3, 4]);
    expect(sources.map(stepOf)).toEqual([2]);
    const asked = cloud.requests.length;
    expect((await fetchRun()).runResults).toEqual(runResults);
    expect(cloud.requests.length).toBe(asked);
    // What is not whole any more is fetched again, and so is the run of another account.
    writeFileSync(join(dir, 'manifest.json'), '{');
    await fetchRun();
    expect(stepOf(join(dir, 'manifest.json'))).toBe(3);
    expect((await failure(fetchRun('1', { DBT_CLOUD_ACCOUNT_ID: '9' }))).code).toBe('dbt-cloud-refused');
  });

  test('outlive 429, 5xx, cut, short and stalled answers, and Retry-After is honoured', async () => {
    trouble(
      { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
      { kind: 'status', status: 503 },
      { kind: 'cut' },
      { kind: 'short' },
      { kind: 'stall' },
    );
    // The wait for a stalled body is a real one: once is enough.
    const answers = cloud.fault;
    cloud.fault = (path) => {
      const fault = answers(path);
      return fault?.kind === 'stall' && !path.includes('manifest') ? null : fault;
    };
    const { runResults } = await fetchRun();
    expect(runResults.map(stepOf)).toEqual([3, 4]);
    expect(waits.slice(4, 9)).toEqual([7000, 2000, 4000, 8000, 16_000]);
  });

  test('of a failed run are there as far as it came', async () => {
    cloud.runs.set(2, {
      status: 20,
      steps: [
        { name: 'Invoke dbt with `dbt run`', artifacts: artifacts(1) },
        { name: 'Invoke dbt with `dbt build`', status: 20 },
        { name: 'Invoke dbt with `dbt test`', status: 30 },
      ],
    });
    const { dir, runResults } = await fetchRun('2');
    expect(stepOf(join(dir, 'manifest.json'))).toBe(1);
    expect(runResults.map(stepOf)).toEqual([1]);
  });

  test('of the newest few runs are kept, and nothing half fetched', async () => {
    for (let id = 1; id <= 8; id++) {
      cloud.runs.set(id, { steps: [{ name: 'dbt build', artifacts: artifacts(1) }] });
      const { dir } = await fetchRun(String(id));
      utimesSync(dir, id, id);
    }
    expect(
      readdirSync(folder)
        .filter((name) => name !== '.gitignore')
        .sort(),
    ).toEqual(['4', '5', '6', '7', '8']);
    cloud.fault = (path) => (path.includes('run_results') ? { kind: 'status', status: 500 } : null);
    cloud.runs.set(9, { steps: [{ name: 'dbt build', artifacts: artifacts(1) }] });
    expect(await failure(fetchRun('9'))).toMatchObject({ code: 'dbt-cloud-unreachable', exitCode: 3 });
    expect(readdirSync(folder).filter((name) => name.startsWith('9'))).toEqual([]);
  });
});

describe('what stops it says what to do', () => {
  test.each<[what: string, failed: string, run: string, env: Readonly<Record<string, string>>]>([
    ['no such run', 'dbt-cloud-run-not-found 3', '404', {}],
    ['no id', 'dbt-cloud-run-invalid 2', '../1', {}],
    ['a wrong token', 'dbt-cloud-refused 2', '1', { DBT_CLOUD_TOKEN: secret('dbtc-wrong') }],
    ['another account', 'dbt-cloud-refused 2', '1', { DBT_CLOUD_ACCOUNT_ID: '12' }],
    ['no account', 'dbt-cloud-setting-missing 2', '1', { DBT_CLOUD_ACCOUNT_ID: ' ' }],
    ['an account by name', 'dbt-cloud-account-invalid 2', '1', { DBT_CLOUD_ACCOUNT_ID: 'acme' }],
    ['a path', 'dbt-cloud-host-invalid 2', '1', { DBT_CLOUD_ACCOUNT_HOST: 'ab123.us1.dbt.com/api' }],
    ['http elsewhere', 'dbt-cloud-host-invalid 2', '1', { DBT_CLOUD_ACCOUNT_HOST: 'http://ab123.us1.dbt.com' }],
    ['nobody there', 'dbt-cloud-unreachable 3', '1', { DBT_CLOUD_ACCOUNT_HOST: 'http://127.0.0.1:1' }],
  ])('%s', async (_what, wanted, run, env) => {
    const failed = failure((async () => await fetchRun(run, env))());
    const { code, exitCode, message } = await failed;
    expect(`${code} ${exitCode}`).toBe(wanted);
    expect(message).not.toContain(cloud.token);
  });

  test('a run under way, one without a manifest, one without results, and another host', async () => {
    cloud.runs.set(3, { status: 3, steps: [] });
    cloud.runs.set(4, { status: 20, steps: [{ name: 'Clone git repository', status: 20 }] });
    cloud.runs.set(5, { steps: [{ name: 'dbt build', artifacts: { 'manifest.json': '{}' } }] });
    expect(await failure(fetchRun('3'))).toMatchObject({ code: 'dbt-cloud-run-under-way', exitCode: 3 });
    expect(await failure(fetchRun('4'))).toMatchObject({ code: 'dbt-cloud-artifact-missing', exitCode: 3 });
    expect(await failure(fetchRun('5'))).toMatchObject({ code: 'dbt-cloud-artifact-missing', exitCode: 3 });
    trouble({ kind: 'status', status: 302, headers: { location: 'https://ab123.us1.dbt.com/login' } });
    expect((await failure(fetchRun())).message).toContain('ab123.us1.dbt.com');
  });

  test('a regional host is reached by https', () => {
    expect(readCloudAccess({ ...cloud.env, DBT_CLOUD_ACCOUNT_HOST: 'ab123.us1.dbt.com' }).origin).toBe(
      'https://ab123.us1.dbt.com',
    );
  });
});
