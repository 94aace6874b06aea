import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { DinmoError } from '../../src/errors.ts';
import { registerSecret, silentLogger } from '../../src/log.ts';
import { dinmo } from '../cli/dinmo.ts';
import { recordingLogger } from '../destinations/rows.ts';
import { findLeaks, secret } from './canaries.ts';
import { observe, observedCount, takeFindings } from './observer.ts';
import { findInState } from './state.ts';
import { observeErrors } from './watch.ts';

const ROOT = join(import.meta.dirname, '../..');
const SECRET = secret('of-the-watcher');
const EMAIL = 'person.7@shop.example';

describe('the search finds', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  test.each([
    ['a secret', `token ${SECRET}`],
    ['a secret in other case', SECRET.toUpperCase()],
    ['a secret in Base64', base64(`user:${SECRET}`)],
    ['the same a byte later', base64(`user::${SECRET}`)],
    ['the same two bytes later', base64(`user:::${SECRET}`)],
    ['a secret in the Base64 of URLs', Buffer.from(`u:${SECRET}`).toString('base64url')],
    ['an address', `cannot take ${EMAIL}`],
    ['an address in a URL', `/contacts/${encodeURIComponent(EMAIL)}?a=1`],
    ['an address in JSON in JSON', JSON.stringify(JSON.stringify({ key: EMAIL }))],
    ['an address escaped', 'person\\u0040example.com'],
    ['an address in Base64', base64(`"key":"jane.doe@example.com"`)],
    ['an address of letters beyond ASCII', 'zoë@example.org'],
    ['an address in capitals', 'ADA@EXAMPLE.COM'],
    ['a phone number', 'to +33612345678.'.slice(0, -1)],
    ['a phone number normalised', '{"phone":"33612345678"}'],
    ['a name', 'Dear ZEBULON3'],
  ])('%s', (_what, text) => {
    expect(findLeaks(`first line\n${text}\nlast line`)).not.toEqual([]);
    expect(findLeaks(`first line\n${text}\nlast line`)[0]?.line).toMatch(/^line 2: /);
  });

  test.each([
    ['what is masked', 'a…@example.com, +3…78, <email>, ***'],
    ['hashes', '973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b'],
    ['the mail of a team', 'growth@example.com'],
    ['addresses of the web', 'https://hooks.example/in and https://user.example.com'],
    ['instants and counts', '2026-11-22T10:15:14.336123Z 1763806514336 33,612,345'],
  ])('nothing in %s', (_what, text) => {
    expect(findLeaks(text)).toEqual([]);
  });
});

/** What the search finds while something is let out on purpose. */
function leaking(work: () => void): readonly string[] {
  takeFindings();
  work();
  observeErrors();
  return takeFindings();
}

describe('whatever leaves is searched:', () => {
  const shell = (): ConstructorParameters<typeof Output>[0] => ({
    argv: [],
    env: {},
    cwd: '/',
    stdout: { write: () => true },
    stderr: { write: () => true },
    signal: new AbortController().signal,
    setExitCode: () => {},
  });
  const output = (format: 'text' | 'json'): Output =>
    new Output(shell(), { output: format, quiet: false, colour: false });

  test('the log', () => {
    expect(leaking(() => silentLogger.debug('batch.sent', { key: EMAIL }))).toHaveLength(1);
    expect(leaking(() => recordingLogger().warn('batch.sent', { key: EMAIL }))).toHaveLength(1);
  });

  test('what commands print, after secrets were masked', () => {
    const json = () => ({ key: EMAIL });
    expect(leaking(() => output('text').result({ text: () => EMAIL, json }))[0]).toMatch(/^stdout: an e-mail/);
    expect(leaking(() => output('json').result({ text: () => '', json }))[0]).toMatch(/^stdout: an e-mail/);
    expect(leaking(() => output('text').problem(`token ${SECRET}`))[0]).toMatch(/^stderr: a secret, line 1: token/);
    registerSecret(secret('registered'));
    expect(leaking(() => output('text').problem(`token ${secret('registered')}`))).toEqual([]);
  });

  test('errors with their causes, thrown or not', () => {
    const make = (message: string, cause?: unknown) => () =>
      void new DinmoError({ kind: 'warehouse', code: 'a-code', message, cause });
    expect(leaking(make(`no ${EMAIL}`))[0]).toMatch(/^error a-code: an e-mail address/);
    const cause = new Error('outer', { cause: new Error(`could not convert "${EMAIL}"`) });
    expect(leaking(make('no', cause))[0]).toMatch(/^cause of error a-code: an e-mail address/);
    expect(leaking(make('no'))).toEqual([]);
  });

  test('other processes', async () => {
    const before = observedCount();
    takeFindings();
    const { stderr } = await dinmo(['sync', '--select', EMAIL], { cwd: ROOT });
    expect(observedCount()).toBeGreaterThan(before);
    expect(stderr).not.toBe('');
    takeFindings();
  });

  test('plans and reports of any form', () => {
    expect(leaking(() => observe('plan', { rows: 12n, by: [{ key: EMAIL }] }))[0]).toMatch(/^plan: an e-mail address/);
  });

  test('tables of the engine, but for the columns that have to identify', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const ask = async (sql: string) =>
      (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, string>[];
    await connection.run(`create schema "x_DINMO_DELTA_STORAGE"; use "x_DINMO_DELTA_STORAGE";
      create table runs (reason varchar, closing varchar);
      create table rejections (key varchar, message varchar);
      create table activations (table_suffix varchar, platform varchar);
      create table identifiers_vip_1 (key varchar, value varchar);
      create table identifiers_crm_2 (key varchar, value varchar);
      insert into activations values ('vip_1', 'meta'), ('crm_2', 'hubspot');
      insert into rejections values ('${EMAIL}', 'not valid');
      insert into identifiers_crm_2 values ('${EMAIL}', '${EMAIL}');
      insert into identifiers_vip_1 values ('${EMAIL}', '973dfe463ec8');`);
    expect(await findInState(ask)).toEqual([]);
    await connection.run(`insert into runs values ('Zebulon was refused', 'token ${SECRET}')`);
    await connection.run(`insert into rejections values ('1', 'no ${EMAIL}'), ('${SECRET}', null)`);
    await connection.run(`insert into identifiers_vip_1 values ('1', '${EMAIL}')`);
    expect((await findInState(ask)).map((finding) => finding.split(',')[0]).sort()).toEqual([
      'x_DINMO_DELTA_STORAGE.identifiers_vip_1.value: an e-mail address',
      'x_DINMO_DELTA_STORAGE.rejections.key: a secret',
      'x_DINMO_DELTA_STORAGE.rejections.message: an e-mail address',
      'x_DINMO_DELTA_STORAGE.runs.closing: a secret',
      'x_DINMO_DELTA_STORAGE.runs.reason: a name',
    ]);
    connection.closeSync();
  });
});

/** Files of the repository under these folders, with their text. */
function committed(...folders: readonly string[]): readonly (readonly [path: string, text: string])[] {
  const listed = execFileSync('git', ['ls-files', '--', ...folders], { cwd: ROOT, encoding: 'utf8' });
  const paths = listed.split('\n').filter((path) => path !== '' && !/\.(png|svg|csv|parquet)$/.test(path));
  return paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]);
}

describe('what is committed', () => {
  test('golden files, documentation and schemas hold no secret and nobody’s identifiers', () => {
    const files = committed('test/golden', '**/golden/**', 'docs', 'schemas', 'example-dbt-project', '*.md', 'macros');
    expect(files.length).toBeGreaterThan(60);
    const leaks = files.flatMap(([path, text]) => findLeaks(text).map(({ what, line }) => `${path}: ${what}, ${line}`));
    expect(leaks).toEqual([]);
  });

  test('secrets of tests can be told from everything else', () => {
    const literal =
      /(?:\b(?:access_token|secret|password|api_key)\b|[A-Z_]*(?:TOKEN|SECRET|PASSWORD))['"]?\s*[:=]\s*(['"`])([^'"`{}\n]{4,})\1/g;
    // Words that the simulated platforms take for tokens that they do not know.
    const magic = new Set(['invalid', 'expired', 'forbidden', 'integer', 'string']);
    const others = committed('test', 'example-dbt-project').flatMap(([path, text]) =>
      [...text.matchAll(literal)]
        .filter(([, , value = '']) => !magic.has(value) && findLeaks(value).length === 0)
        .map(([whole]) => `${path}: ${whole} is not made by secret() of test/privacy/canaries.ts`),
    );
    expect(others).toEqual([]);
  });

  test('every test that starts a process or opens a database lets it be searched', () => {
    const opens = /\b(?:spawn|execFile|execa|(?<!\.)fork|openDuckdb|DuckDBInstance\.create)\((?!\):)/;
    const unseen = committed('test')
      .filter(
        ([path, text]) => path.endsWith('.ts') && opens.test(text) && !/privacy\/(?:observer|state)\.ts/.test(text),
      )
      .map(([path]) => path)
      .filter((path) => !(path in SEARCHED_ELSEWHERE));
    expect(unseen).toEqual([]);
  });
});

/** Files that start something of which nothing of ours comes out, and why. */
const SEARCHED_ELSEWHERE: Readonly<Record<string, string>> = {
  'test/privacy/state.ts': 'reads what is to be searched',
  'test/privacy/privacy.test.ts': 'lets out what is to be found',
  'test/fuzz/project.ts': 'dbt only',
  'test/dbt.ts': 'dbt only',
  'test/cli/main.test.ts': 'a script that waits for signals',
  'test/e2e/contract.test.ts': 'a process that holds a file',
  'test/models/dbt-build.test.ts': 'dbt only, and tables without people',
  'test/artifacts/dbt-versions.test.ts': 'dbt only',
  'test/e2e/kills/file-witness.ts': 'reads copies of databases that the workspace hands over',
  'test/segment/asking.ts': 'segments only, nothing of the engine',
  'test/segment/golden.test.ts': 'segments only',
  'test/segment/property.test.ts': 'segments only',
  'test/destinations/files/files.test.ts': 'reads Parquet that was written',
  'test/pipeline/generate.test.ts': 'types of columns only',
  'test/diff/values.test.ts': 'canonical forms of values only',
  'test/warehouse/duckdb/contract.test.ts': 'sessions only, nothing of the engine',
  'test/warehouse/bench-warehouse.ts': 'databases of the bench, which it searches when it closes',
  'test/warehouse/postgres/server.ts': 'a server',
  'test/warehouse/example-workspace.ts':
    'a script that makes seeds, and reads of what was built; the rest goes through the workspace',
  'test/warehouse/emulator-process.ts': 'emulators',
  'test/destinations/files/stores.ts': 'stores of files, which hold what was sent to them',
  'test/destinations/sql/databases.ts': 'a destination of one’s own, which holds what was sent to it',
  'test/pipeline/impact/warehouse.test.ts': 'reads and writes of the test itself: what a command prints is searched',
  'test/pipeline/interruption.test.ts': 'the file of a shop, which it hands over when it closes',
  'test/schemas/language-server.ts': 'an editor’s server',
  'test/warehouse/dbt-target.ts': 'statements of tests: the file is handed over when its workspace goes',
  'test/warehouse/statements/moments.ts': 'the file of a shop, which it hands over when it closes',
};
