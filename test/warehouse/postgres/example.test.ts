import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import { Workspace } from '../../e2e/workspace.ts';
import { secret } from '../../privacy/canaries.ts';
import { testServer } from './server.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** It runs dbt twice, half a minute in all: DINMO_TEST_DBT=postgres. */
const wanted = process.env['DINMO_TEST_DBT']?.split(',').includes('postgres') ?? false;

it.skipIf(!wanted)(
  'builds, plans and syncs the example with dbt-postgres, and a second time changes nothing',
  async () => {
    const server = await testServer();
    const administrator = await openPostgres(server.at('postgres'));
    await administrator.run('create database shop');
    await administrator.close();
    const folder = mkdtempSync(join(tmpdir(), 'dinmo-example-'));
    const leaveOut = /(^|\/)(target|logs|dbt_packages|exports|models\/dinmo)$|\.duckdb(\.wal)?$/;
    cpSync(join(ROOT, 'example-dbt-project'), folder, { recursive: true, filter: (file) => !leaveOut.test(file) });
    const workspace = new Workspace(folder, {
      DBT_TARGET: 'postgres',
      DBT_PROFILES_DIR: folder,
      PGHOST: '127.0.0.1',
      PGPORT: String(server.port),
      PGPASSWORD: secret('postgres'),
      META_ACCESS_TOKEN: secret('meta'),
      HUBSPOT_ACCESS_TOKEN: secret('hubspot'),
      CRM_HOOK_SECRET: secret('crm'),
    });
    onTestFinished(() => workspace.dispose());
    workspace.edit('packages.yml', 'local: ..', `local: ${ROOT}`);
    const seeds = ['scripts/make-seeds.mjs', '--out', join(folder, 'seeds')];
    expect((await ended(spawn(process.execPath, seeds, { cwd: ROOT }))).code).toBe(0);
    const works = async (outcome: Promise<{ readonly code: number | null; readonly all: string }>): Promise<void> => {
      const { code, all } = await outcome;
      expect(code, all.slice(-3000)).toBe(0);
    };
    await works(workspace.dbt('deps'));
    await works(workspace.dbt('build'));
    await works(workspace.dinmo('generate'));
    await works(workspace.dbt('build'));
    workspace.env['DINMO_SANDBOX_URL'] = await sandbox(workspace);
    const grants = await workspace.dinmo('doctor', '--grants');
    expect(grants.code, grants.all).toBe(0);
    expect(grants.stdout).toContain('grant usage, create on schema "DINMO_DELTA_STORAGE" to "postgres";');
    const planned = await workspace.json('plan', '--sandbox');
    const first = await workspace.json('sync', '--sandbox');
    expect([planned.code, first.code], first.stderr).toEqual([0, 0]);
    expect(first.activations.map(({ status }) => status)).toEqual(first.activations.map(() => 'succeeded'));
    expect(first.activations.map(({ accepted }) => accepted)).toEqual(planned.activations.map((one) => one.planned));
    expect(first.activations.length).toBeGreaterThan(10);
    const second = await workspace.json('sync', '--sandbox');
    expect(second.code).toBe(0);
    const changed = second.activations.filter(({ mode, accepted }) => {
      const { insert = 0, update = 0, delete: removed = 0 } = accepted ?? {};
      return mode !== 'full' && insert + update + removed > 0;
    });
    expect(changed).toEqual([]);
  },
);

async function sandbox(workspace: Workspace): Promise<string> {
  const child = workspace.start('sandbox', '--port', '0');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended(child);
  });
  return await new Promise((found, failed) => {
    let printed = '';
    const look = (chunk: Buffer): void => {
      printed += chunk.toString();
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
      if (url !== undefined) found(url);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.on('exit', () => failed(new Error(printed)));
  });
}

async function ended(child: ChildProcess): Promise<{ readonly code: number | null }> {
  if (child.exitCode !== null) return { code: child.exitCode };
  return await new Promise((done) => child.on('close', (code) => done({ code })));
}
