import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { createProgram } from '../../src/cli/program.ts';
import { problemOf, readCommandLines } from './command-lines.ts';

const ROOT = join(import.meta.dirname, '../..');
const RECIPES = readdirSync(join(ROOT, 'recipes'), { recursive: true, encoding: 'utf8', withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.parentPath.includes('__pycache__'))
  .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
  .sort();
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const ending = (suffix: RegExp): readonly string[] => RECIPES.filter((file) => suffix.test(file));

const program = createProgram(
  {
    argv: [],
    env: {},
    cwd: ROOT,
    stdout: { write: () => true },
    stderr: { write: () => true },
    signal: new AbortController().signal,
    setExitCode: () => undefined,
  },
  '0.0.0',
);

describe('recipes', () => {
  it('have a page each', () => {
    const folders = [...new Set(RECIPES.map((file) => file.split('/')[1] ?? ''))];
    expect(
      folders.filter((folder) => !folder.includes('.') && !RECIPES.includes(`recipes/${folder}/README.md`)),
    ).toEqual([]);
    const jobs = read('docs/jobs.md');
    for (const folder of folders.filter((name) => !name.includes('.')))
      expect(jobs).toContain(`recipes/${folder}/README.md`);
  });

  it.each(ending(/\.ya?ml$/))('%s is YAML', (file) => {
    const { errors, warnings } = parseDocument(read(file), { merge: true });
    expect([...errors, ...warnings]).toEqual([]);
  });

  it('hold Python that compiles', async () => {
    const files = ending(/\.py$/).map((file) => join(ROOT, file));
    const script = 'import ast, sys\nfor file in sys.argv[1:]: ast.parse(open(file).read(), file)';
    await promisify(execFile)(join(ROOT, '.venv/bin/python'), ['-I', '-c', script, ...files]);
    expect(files.length).toBe(3);
  });

  it('hold a crontab that cron reads', () => {
    const lines = read('recipes/cron/crontab')
      .split('\n')
      .filter((line) => /^[*\d]/.test(line));
    expect(lines.length).toBe(3);
    for (const line of lines) {
      expect(line).not.toContain('%');
      expect(new Cron(line.split(/\s+/).slice(0, 5).join(' '), { paused: true }).nextRun()).not.toBeNull();
    }
  });

  it.each(ending(/\.(service|timer)$/))('%s has sections and keys only', (file) => {
    const odd = read(file)
      .split('\n')
      .filter((line) => !/^(#.*|\[\w+\]|[A-Z]\w+=.+|)$/.test(line));
    expect(odd).toEqual([]);
  });

  it('hold a Dockerfile without root, secrets, `latest` and ADD', () => {
    const lines = read('recipes/docker/Dockerfile').replaceAll('\\\n', ' ').split('\n');
    const stages = lines.filter((line) => line.startsWith('FROM '));
    expect(stages.every((line) => /^FROM [a-z]+:(?!latest)[\w.-]+( AS \w+)?$/.test(line))).toBe(true);
    const last = lines.slice(lines.lastIndexOf(stages.at(-1) ?? ''));
    expect(last.findLast((line) => line.startsWith('USER '))).toBe('USER node');
    expect(lines.filter((line) => /^ADD |^(ARG|ENV) .*(TOKEN|SECRET|PASSWORD|KEY)/i.test(line))).toEqual([]);
    const installs = lines.filter((line) => line.includes('apt-get install'));
    expect(
      installs.every((line) => line.includes('--no-install-recommends') && line.includes('rm -rf /var/lib/apt/lists')),
    ).toBe(true);
    const left = read('recipes/docker/.dockerignore').split('\n');
    expect(left).toEqual(expect.arrayContaining(['.env', 'target', 'node_modules', '*.p8', '.git']));
  });
});

describe('command lines', () => {
  const pages = [
    'README.md',
    'action.yml',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
  const lines = [...pages, ...RECIPES].flatMap((file) => readCommandLines(file, read(file)));

  it('are found', () => {
    const files = new Set(lines.map(({ file }) => file));
    for (const file of [
      'README.md',
      'docs/ci.md',
      'recipes/cron/crontab',
      'recipes/cron/dinmo-sync.service',
      'recipes/github-actions/dinmo-sync.yml',
    ])
      expect(files).toContain(file);
    expect(lines.length).toBeGreaterThan(150);
  });

  it('of documentation and recipes name commands and options that exist', () => {
    const wrong = lines.flatMap(({ file, line, words }) => {
      const problem = problemOf(program, words);
      return problem === null ? [] : [`${file}:${line}: dinmo ${words.join(' ')}: ${problem}`];
    });
    expect(wrong).toEqual([]);
  });

  it('of containers name commands and options that exist', () => {
    const cmd = /^CMD (.*)$/m.exec(read('recipes/docker/Dockerfile'))?.[1] ?? '';
    const { services } = parseDocument(read('recipes/docker/compose.yml'), { merge: true }).toJS();
    const commands: readonly (readonly string[])[] = [JSON.parse(cmd), services.job.command, services.listen.command];
    expect(commands.map(([name]) => name)).toEqual(['dinmo', 'dinmo', 'dinmo']);
    expect(commands.map(([, ...words]) => problemOf(program, words))).toEqual([null, null, null]);
  });

  it('that are wrong are seen', () => {
    const page =
      'Run `dinmo sync --duo`.\n\n    npx dinmo synk\n\n```sh\nnode_modules/.bin/dinmo plan --output=json --sandbox; dinmo clear --no-such\n```\n';
    const problems = readCommandLines('page.md', page).map(({ words }) => problemOf(program, words));
    expect(problems).toEqual(['--duo', 'no command synk', null, '--no-such']);
  });
});
