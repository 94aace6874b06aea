import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { dinmo, ended, environment, MAIN, start } from './dinmo.ts';
import { type ProjectFiles, writeProject } from './project.ts';

const projects: { remove(): void }[] = [];
afterEach(() => {
  for (const project of projects.splice(0)) project.remove();
});

function project(files: ProjectFiles = {}): string {
  const made = writeProject(files);
  projects.push(made);
  return made.dir;
}

const SEGMENT =
  'segments:\n  reachable:\n    entity: customer\n    where: {attribute: email, is_null: false}\n    activations: {export_csv: {}}\n';
const BROKEN =
  'segments:\n  reachable:\n    entity: customer\n    where: {attribute: emial, is_null: false}\n    activations: {export_csv: {modus: delta}}\n  lost: {entity: custmer}\n';

describe('exit codes', () => {
  test('0 for a sound project', async () => {
    const { code, stdout, stderr } = await dinmo(['check'], { cwd: project({ segments: SEGMENT }) });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'No problems found.\n', stderr: '' });
  });

  test('1 for findings, all of them at once with their places', async () => {
    const { code, stdout, stderr } = await dinmo(['check'], { cwd: project({ segments: BROKEN }) });
    expect(code).toBe(1);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/dinmo\/segments\.yml:4:\d+ {2}error {2}unknown-property\n.*emial/);
    expect(stdout).toMatch(/dinmo\/segments\.yml:5:\d+ {2}error {2}unknown-key\n.*modus/);
    expect(stdout).toMatch(/dinmo\/segments\.yml:6:\d+ {2}error {2}unknown-entity\n/);
    expect(stdout).toMatch(/\d errors?.*\.\n$/);
  });

  test('2 for an option that does not exist, with the nearest one', async () => {
    const { code, stdout, stderr } = await dinmo(['check', '--projct-dir', '.'], { cwd: project() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Did you mean --project-dir?');
  });

  test('2 for a command that does not exist, with the nearest one', async () => {
    const { code, stderr } = await dinmo(['cheque'], { cwd: project() });
    expect(code).toBe(2);
    expect(stderr).toContain('unknown-command');
    expect(stderr).toContain('Did you mean check?');
  });

  test('2 without a command, with the help on stderr', async () => {
    const { code, stdout, stderr } = await dinmo([], { cwd: project() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: dinmo');
  });

  test('3 without a manifest', async () => {
    const { code, stdout, stderr } = await dinmo(['check'], { cwd: project({ withManifest: false }) });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('manifest-missing');
    expect(stderr).toContain('dbt parse');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('4 when the warehouse cannot be opened', async () => {
    const cwd = project({ segments: SEGMENT });
    const { code, stderr } = await dinmo(['plan'], { cwd });
    expect(code).toBe(4);
    expect(stderr).toContain('duckdb-missing');
    expect(existsSync(join(cwd, 'shop.duckdb'))).toBe(false);
  });
});

describe('--output json', () => {
  test.each([
    ['an unknown option', ['sync', '--selct', 'x', '--output', 'json'], 2, 'unknown-option'],
    ['a bad value', ['plan', '--lock-timeout', 'soon', '--output=json'], 2, 'invalid-argument'],
    ['a missing argument', ['clear', '--output', 'json'], 2, 'missing-argument'],
    ['a selection that matches nothing', ['plan', '--select', 'nobody', '--output', 'json'], 2, 'nothing-selected'],
    ['a sandbox elsewhere', ['sync', '--sandbox', 'http://example.com', '--output', 'json'], 2, 'sandbox-not-local'],
    ['a warehouse that is not there', ['sync', '--output', 'json'], 4, null],
  ] as const)('is one object on stdout for %s', async (_what, args, exitCode, error) => {
    const { code, stdout } = await dinmo(args, { cwd: project({ segments: SEGMENT }) });
    const answer = JSON.parse(stdout);
    expect(Object.keys(answer)).toEqual(['activations', 'error']);
    if (error === null) expect([1, 3, 4]).toContain(code);
    else expect({ code, error: answer.error.code }).toEqual({ code: exitCode, error });
    if (answer.error !== null) expect(answer.activations).toEqual([]);
  });

  test('lists findings with file, line and column', async () => {
    const { code, stdout } = await dinmo(['check', '--output', 'json', '--explain'], {
      cwd: project({ segments: BROKEN }),
    });
    const answer = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(Object.keys(answer)).toEqual(['findings', 'summary', 'error', 'explanation']);
    const keys = ['code', 'severity', 'message', 'fix', 'file', 'path', 'line', 'column', 'node'];
    for (const finding of answer.findings) expect(Object.keys(finding)).toEqual(keys);
    expect(answer.explanation[0]).toMatchObject({
      entity: 'customer',
      facts: [{ subject: 'primary key', source: 'test' }, {}, {}, {}, {}, {}],
    });
  });
});

describe('what a command says', () => {
  test('show names what there is and is not', async () => {
    const cwd = project({ segments: SEGMENT });
    const [all, one, none] = await Promise.all([
      dinmo(['show'], { cwd }),
      dinmo(['show', 'segment', 'reachable'], { cwd }),
      dinmo(['show', 'entity', 'custmer'], { cwd }),
    ]);
    expect(all.stdout).toMatch(/customer +dimension +customers +customer_id/);
    expect(one.stdout).toContain('  email is_null false');
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('Did you mean customer?');
  });

  test('doctor looks on after a failure, and says what to do', async () => {
    const cwd = project({ segments: SEGMENT });
    const { code, stdout } = await dinmo(['doctor', '--output', 'json'], { cwd });
    const lines = Object.fromEntries(
      JSON.parse(stdout).lines.map((line: { name: string; status: string }) => [line.name, line.status]),
    );
    expect(code).toBe(1);
    expect(lines).toMatchObject({ profile: 'ok', annotations: 'ok', warehouse: 'fail', export_csv: 'ok' });
    expect(existsSync(join(cwd, 'shop.duckdb'))).toBe(false);
  });

  test('no colour where nobody watches, and none with NO_COLOR', async () => {
    const { stdout, stderr } = await dinmo(['check'], {
      cwd: project({ segments: BROKEN }),
      env: { FORCE_COLOR: '1' },
    });
    expect(stdout + stderr).not.toContain('\u001b');
  });
});

describe('the process', () => {
  const trace = `import { registerHooks } from 'node:module';
    registerHooks({ load(url, context, next) { process.stderr.write('LOAD ' + url + '\\n'); return next(url, context); } });`;

  test.each([[['--help']], [['--version']], [['sync', '--help']]])(
    '%s loads no driver and reads no project',
    async (args) => {
      const node = ['--import', `data:text/javascript,${encodeURIComponent(trace)}`];
      const { code, stderr } = await dinmo(args, { cwd: project(), node });
      const loaded = stderr.split('\n').filter((line) => line.startsWith('LOAD '));
      expect(code).toBe(0);
      expect(loaded.length).toBeGreaterThan(2);
      const heavy =
        /duckdb|\/zod\/|kysely|undici|p-queue|libphonenumber|execa|\/yaml\/|\/src\/(artifacts|knowledge|pipeline|destinations|sandbox)\//;
      expect(loaded.filter((line) => heavy.test(line))).toEqual([]);
    },
  );

  test('the sandbox ends with the first signal', async () => {
    const child = start(['sandbox', '--port', '0', '--output', 'json'], { cwd: project() });
    const end = ended(child);
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await end;
    expect(code).toBe(0);
    expect(JSON.parse(stdout).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test('a second signal ends it at once', async () => {
    const signals = fileURLToPath(new URL('../../src/cli/signals.ts', import.meta.url));
    const script = `import { listenToSignals } from ${JSON.stringify(signals)};
      listenToSignals(() => process.stdout.write('first')); setInterval(() => {}, 1000); process.stdout.write('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: environment() });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
  });

  test('the executable says which interpreter runs it', () => {
    expect(readFileSync(MAIN, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
  });
});
