import { afterAll, describe, expect, it } from 'vitest';
import { type SyncProcessFlags, syncArguments } from '../../src/cli/sync-process.ts';
import { secret } from '../privacy/canaries.ts';
import { runHere } from './here.ts';
import { writeProject } from './project.ts';

const project = writeProject();
afterAll(() => project.remove());

const env = {
  DBT_CLOUD_ACCOUNT_ID: '4711',
  DBT_CLOUD_ACCOUNT_HOST: 'http://127.0.0.1:1',
  DBT_CLOUD_TOKEN: secret('listen-cli-token'),
  DBT_CLOUD_WEBHOOK_SECRET: secret('listen-cli-webhook'),
};

describe('dinmo listen does not start', () => {
  it.each<[why: string, args: string, change: Readonly<Record<string, string>>, code: string]>([
    ['without the secret', 'listen', { DBT_CLOUD_WEBHOOK_SECRET: '' }, 'webhook-secret-missing'],
    ['without what a sync needs', 'listen', { DBT_CLOUD_TOKEN: ' ' }, 'dbt-cloud-setting-missing'],
    ['on a port that is none', 'listen --port 70000', {}, 'invalid-argument'],
    ['for a job that is no number', 'listen --job daily', {}, 'invalid-argument'],
    ['on an address that is not here', 'listen --host 192.0.2.1', {}, 'listener-port-taken'],
    ['outside of a project', 'listen --project-dir /nonexistent', {}, 'project-not-found'],
    ['with what is meant for one run', 'listen --allow-deletes', {}, 'unknown-option'],
  ])('%s', async (_why, args, change, code) => {
    const said = await runHere([...args.split(' '), '--output', 'json'], {
      cwd: project.dir,
      env: { ...env, ...change },
    });
    expect(JSON.parse(said.stdout).error.code).toBe(code);
    expect(said.code).toBe(2);
  });
});

it('a run of dbt Cloud that is no number is refused before anything is asked', async () => {
  const said = await runHere(['sync', '--dbt-cloud-run', '../1', '--output', 'json'], { cwd: project.dir, env });
  expect([said.code, JSON.parse(said.stdout).error.code]).toEqual([2, 'invalid-argument']);
});

it('a sync of the listener gets the options that the listener got, as values', () => {
  const flags: SyncProcessFlags = {
    ...{ output: 'text', color: true, logFormat: 'json' },
    ...{ select: ['--yes', 'vip.hook'], target: '-x', vars: '{a: 1}', sandbox: 'usual', due: true },
  };
  expect(syncArguments(flags, '12')).toEqual([
    ...['sync', '--dbt-cloud-run', '12', '--output', 'json', '--no-color', '--due', '--target=-x', '--vars={a: 1}'],
    ...['--lock-timeout=900', '--sandbox=usual', '--log-format=json', '--select=--yes', '--select=vip.hook'],
  ]);
});
