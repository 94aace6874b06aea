import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readAbout } from '../../src/about.ts';
import { dinmo } from './dinmo.ts';
import { writeProject } from './project.ts';

const HOOK = fileURLToPath(new URL('./log-packages.ts', import.meta.url));
const settings = `version: 1
destinations:
  export_csv: {platform: files, service: audiences, config: {path: exports, format: csv}}
  hook: {platform: webhook, service: objects, config: {url: "http://127.0.0.1:9/"}}
`;
const project = writeProject({ settings });
afterAll(() => project.remove());

/** The packages that a command loads, and its exit code. */
async function loaded(
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly packages: readonly string[] }> {
  const file = join(project.dir, 'loaded.txt');
  const { code } = await dinmo(args, {
    cwd: project.dir,
    env: { LOADED_PACKAGES: file },
    node: ['--disable-warning=ExperimentalWarning', '--import', HOOK],
  });
  return {
    code,
    packages: readFileSync(file, 'utf8')
      .split('\n')
      .filter((name) => name !== ''),
  };
}

/** What reading a project and deriving its Knowledge Store takes. */
const CORE = ['commander', 'kysely', 'p-queue', 'eventemitter3', 'p-timeout', 'yaml'];

describe('a command loads what it uses', () => {
  it.each<[command: string, code: number, allowed: readonly string[]]>([
    ['--version', 0, []],
    ['-V', 0, []],
    ['--help', 0, ['commander']],
    ['help sync', 0, ['commander']],
    ['sync --help', 0, ['commander']],
    ['', 2, ['commander']],
    ['chek', 2, ['commander']],
    ['check --nope', 2, ['commander']],
    ['sync --lock-timeout soon', 2, ['commander']],
    ['show platforms', 0, CORE],
    ['generate', 0, CORE],
  ])('dinmo %s', expectLoaded);

  // No database is there yet: nothing to look at, so that no driver is needed.
  it.each<[command: string, code: number, allowed: readonly string[]]>([
    ['check', 0, CORE],
    ['plan', 4, CORE],
    ['sync', 4, CORE],
    ['status', 4, CORE],
  ])('dinmo %s, before the first build', expectLoaded);
});

async function expectLoaded(command: string, code: number, allowed: readonly string[]): Promise<void> {
  const found = await loaded(command.split(' ').filter((word) => word !== ''));
  expect(found.code).toBe(code);
  expect(found.packages.filter((name) => !allowed.includes(name))).toEqual([]);
}

it('the version is that of package.json, however it is asked for', async () => {
  const { version, node } = readAbout();
  expect(node).toMatch(/^>=22/);
  for (const args of [['--version'], ['-V'], ['check', '--version'], ['--version', 'check']]) {
    const { stdout, code } = await dinmo(args, { cwd: project.dir });
    expect([code, stdout]).toEqual([0, `${version}\n`]);
  }
});
