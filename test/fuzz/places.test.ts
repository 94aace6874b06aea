import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { dinmo } from '../cli/dinmo.ts';
import { runHere, type Said } from '../cli/here.ts';
import { writeProject } from '../cli/project.ts';
import { swapped } from './mutate.ts';
import { FuzzProject } from './project.ts';

/** What is no readable file at all, and files that are sound but for how they are written. */
const SEGMENTS =
  'segments:\n  reachable:\n    entity: customer\n    where: {attribute: country, eq: "Österreich"}\n    activations: {export_csv: {}}\n';
const RESULTS = '{"metadata": {"generated_at": "2026-01-01T00:00:00Z"}, "args": {"which": "build"}, "results": []}';
const COLUMNS =
  '{"customer_id": {"type": "INTEGER"}, "email": {"type": "VARCHAR"}, "country": {"type": "VARCHAR"}, "created_at": {"type": "TIMESTAMP"}}';
const CATALOG = `{"metadata": {}, "nodes": {"model.shop.customers": {"columns": ${COLUMNS}}}, "sources": {}}`;

let project: FuzzProject | null = null;
afterEach(() => project?.dispose());

function open(): FuzzProject {
  project = new FuzzProject(writeProject({ segments: SEGMENTS }).dir);
  project.write('target/run_results.json', RESULTS);
  project.write('target/catalog.json', CATALOG);
  return project;
}

const check = (folder: string): Promise<Said> => runHere(['check', '--output', 'json'], { cwd: folder });

/** The code of what stopped the command, or those of the findings. */
function codesOf({ stdout }: Said): readonly string[] {
  const answer = JSON.parse(stdout);
  return answer.error ? [answer.error.code] : answer.findings.map(({ code }: { readonly code: string }) => code);
}

const PLACES: Readonly<Record<string, (path: string) => void>> = {
  'an empty file': (path) => writeFileSync(path, ''),
  'white space': (path) => writeFileSync(path, ' \r\n\n\t'.replace('\t', '')),
  'nothing but NULs': (path) => writeFileSync(path, Buffer.alloc(64)),
  'bytes of no encoding': (path) => writeFileSync(path, Buffer.from([0xc3, 0x28, 0xa0, 0xa1, 0xfe, 0xff, 0x00])),
  'a folder': (path) => mkdirSync(path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a link to nothing': (path) => symlinkSync(`${path}.gone`, path),
  // Opens, and cannot be read: also by root, who may read any file.
  ...(process.platform === 'linux' ? { 'what cannot be read': (path) => symlinkSync('/proc/self/mem', path) } : {}),
};

/** dbt's optional files, and ours: a link that leads nowhere is none, and a YAML file may be empty. */
const TOLERATED: ReadonlySet<string> = new Set([
  ...['a link to itself', 'a link to nothing'].flatMap((what) =>
    ['target/run_results.json', 'target/catalog.json'].map((file) => `${what}: ${file}`),
  ),
  ...['an empty file', 'white space', 'a folder'].map((what) => `${what}: dinmo/segments.yml`),
]);

const EXPECTED: Readonly<Record<string, { readonly code: number; readonly said: RegExp }>> = {
  'target/manifest.json': { code: 3, said: /^manifest-(unreadable|missing)$/ },
  'target/run_results.json': { code: 3, said: /^run-results-unreadable$/ },
  'target/catalog.json': { code: 3, said: /^catalog-unreadable$/ },
  'dbt_project.yml': { code: 2, said: /^project-(unreadable|not-found)$/ },
  'dinmo.yml': { code: 1, said: /^(invalid-yaml|unknown-destination|wrong-type)$/ },
  'dinmo/segments.yml': { code: 1, said: /^(invalid-yaml|wrong-type)$/ },
};

describe.each(Object.keys(PLACES))('%s', (what) => {
  test.each(Object.entries(EXPECTED))('in place of %s', async (file, { code, said }) => {
    const { folder } = open();
    rmSync(join(folder, file));
    PLACES[what]?.(join(folder, file));
    const ended = await check(folder);
    expect(ended.stdout + ended.stderr).not.toMatch(/\n\s+at |unexpected/);
    const codes = codesOf(ended);
    if (TOLERATED.has(`${what}: ${file}`)) expect({ code: ended.code, codes }).toEqual({ code: 0, codes: [] });
    else
      expect({ code: ended.code, codes }).toEqual({
        code,
        codes: expect.arrayContaining([expect.stringMatching(said)]),
      });
  });

  test('in place of profiles.yml', async () => {
    const { folder } = open();
    rmSync(join(folder, 'profiles.yml'));
    PLACES[what]?.(join(folder, 'profiles.yml'));
    const { code, stdout } = await runHere(['plan', '--output', 'json'], { cwd: folder });
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error.code).toMatch(/^profile-(file-unreadable|file-missing|not-found)$/);
  });
});

describe('a file that is sound, as other editors and shells write it', () => {
  const WRITTEN: Readonly<Record<string, (text: string) => string | Buffer>> = {
    'with a byte order mark': (text) => `\ufeff${text}`,
    'as UTF-16, low byte first': (text) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
    'as UTF-16, high byte first': (text) => Buffer.concat([Buffer.from([0xfe, 0xff]), swapped(text)]),
    'with Windows lines': (text) => text.replaceAll('\n', '\r\n'),
    'without a last newline': (text) => text.trimEnd(),
    'with lines and spaces at the end': (text) => `${text.trimEnd()}   \n\n  \n`,
  };

  test.each(Object.keys(WRITTEN))('%s', async (how) => {
    const opened = open();
    for (const file of [...Object.keys(EXPECTED), 'profiles.yml', 'models/schema.yml'])
      opened.write(file, WRITTEN[how]?.(opened.read(file)) ?? '');
    // dbt read them as they are now. A second later: a file's time is finer than a Date's.
    const later = new Date(Date.now() + 1_000);
    utimesSync(join(opened.folder, 'target/manifest.json'), later, later);
    const ended = await check(opened.folder);
    expect({ code: ended.code, codes: codesOf(ended) }, ended.stdout).toEqual({ code: 0, codes: [] });
  });
});

describe('a process of its own', () => {
  const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  test.each([
    ['check', 'target/manifest.json', '{"metadata": {"dbt_schema', 3, 'manifest-unreadable'],
    ['sync --debug', 'target/manifest.json', `{"metadata": ${DEEP}}`, 3, 'manifest-unreadable'],
    ['plan', 'target/run_results.json', DEEP, 3, 'run-results-unreadable'],
    ['generate', 'dbt_project.yml', `name: shop\nx: ${DEEP}`, 2, 'project-unreadable'],
  ] as const)('%s says of %s what is wrong, once', async (...given) => {
    const [command, file, content, exit, error] = given;
    const opened = open();
    opened.write(file, content);
    const before = [...opened.files()];
    const { code, stdout, stderr } = await dinmo(command.split(' '), { cwd: opened.folder });
    expect({ code, stdout }, stderr).toEqual({ code: exit, stdout: '' });
    expect(stderr.match(/^error {2}/gm), stderr).toHaveLength(1);
    expect(stderr).toContain(`error  ${error}`);
    expect(stderr.replaceAll(/\n {4}→?/g, '')).toMatch(/ cannot be read.*\. (Run|Correct) .{5,}\n/);
    if (!command.includes('--debug')) {
      expect(stderr).not.toMatch(/\bat .*:\d+/);
      expect(stderr.length).toBeLessThan(1_000);
    }
    expect([...opened.files()]).toEqual(before);
  });
});
