import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ImpactWorld } from '../pipeline/impact/impact-world.ts';
import { observe } from '../privacy/observer.ts';
import { SimulatedGithub } from './simulated-github.ts';

const ROOT = join(import.meta.dirname, '../..');
const ACTION = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8')) as {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly description: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
};

interface Step {
  readonly id: string;
  readonly if?: string;
  readonly run: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly 'working-directory'?: string;
}

/** Runs the steps of the action as a runner does: expressions filled in, one bash each, outputs by file. */
async function runAction(
  folder: string,
  inputs: Readonly<Record<string, string>>,
  { program, runner = {} }: { readonly program: string; readonly runner?: Readonly<Record<string, string>> },
): Promise<Ran> {
  mkdirSync(join(folder, 'temp'), { recursive: true });
  const defaults = Object.entries(ACTION.inputs).map(([name, { default: value = '' }]) => [name, value] as const);
  const values: Record<string, string> = {};
  for (const [name, value] of [...defaults, ...Object.entries(inputs)]) values[`inputs.${name}`] = value;
  values['github.action_path'] = ROOT;
  const fill = (text: string): string =>
    text.replaceAll(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_, name: string) => values[name] ?? '');
  let log = '';
  for (const step of ACTION.runs.steps) {
    const wanted = (step.if ?? "x != ''").split('||').some((part) => {
      const name = part.split('!=')[0]?.trim() ?? '';
      return name === 'x' || (values[name] ?? '') !== '';
    });
    if (!wanted) continue;
    const output = join(folder, 'temp', `${step.id}.out`);
    writeFileSync(output, '');
    const env = Object.fromEntries(Object.entries(step.env ?? {}).map(([name, text]) => [name, fill(text)]));
    const done = await ended('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run], {
      cwd: join(folder, fill(step['working-directory'] ?? '.')),
      env: {
        PATH: `${program}:${process.env['PATH']}`,
        HOME: folder,
        GITHUB_ACTIONS: 'true',
        GITHUB_WORKSPACE: folder,
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: join(folder, 'temp/summary.md'),
        RUNNER_TEMP: join(folder, 'temp'),
        ...runner,
        ...env,
      },
    });
    log += done.printed;
    for (const line of readFileSync(output, 'utf8').split('\n')) {
      const [name = '', ...rest] = line.split('=');
      if (name !== '') values[`steps.${step.id}.outputs.${name}`] = rest.join('=');
    }
    if (done.code !== 0) return { code: done.code, log, values };
  }
  return { code: 0, log, values };
}

async function ended(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<{ readonly code: number; readonly printed: string }> {
  const child = spawn(command, args, options);
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      printed += String(chunk);
    });
  const [code] = await once(child, 'close');
  observe('action', printed);
  return { code: Number(code ?? -1), printed };
}

interface Ran {
  readonly code: number;
  readonly log: string;
  readonly values: Readonly<Record<string, string>>;
}

describe('action.yml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-action-run-'));
  const program = join(folder, 'bin');
  beforeAll(() => {
    mkdirSync(program);
    // Stands for the program: says how it was called, and ends as it is told.
    const text = `#!/bin/bash
printf '[%s]' "$@" >> "${folder}/calls"; echo >> "${folder}/calls"
if [ "$1" = impact ]; then echo "### the impact"; exit 1; fi
exit 0
`;
    writeFileSync(join(program, 'dinmo'), text);
    chmodSync(join(program, 'dinmo'), 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('documents every input, and writes none of them into a script', () => {
    for (const { description } of Object.values(ACTION.inputs)) expect(description).not.toBe('');
    for (const { run } of ACTION.runs.steps) expect(run).not.toContain('${{');
  });

  it('parses, checks, compares, reports and ends with the worse exit code, whatever the inputs hold', async () => {
    const inputs = {
      state: '../the base; echo $(id)',
      'dbt-parse': 'echo parsed > parsed.txt',
      target: 'ci',
      warehouse: 'true',
    };
    const { code, log, values } = await runAction(folder, inputs, { program });
    expect([code, log]).toEqual([1, expect.stringContaining('There is no pull request here')]);
    expect(values['steps.verdict.outputs.exit-code']).toBe('1');
    expect(readFileSync(join(folder, 'parsed.txt'), 'utf8')).toBe('parsed\n');
    expect(readFileSync(join(folder, 'temp/summary.md'), 'utf8')).toBe('### the impact\n\n');
    expect(readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')).toEqual([
      '[--version]',
      '[check][--output][github][--project-dir][.][--target][ci]',
      '[impact][--output][markdown][--project-dir][.][--state][../the base; echo $(id)][--target][ci][--warehouse]',
    ]);
  });

  it('only checks without a base', async () => {
    rmSync(join(folder, 'calls'));
    expect((await runAction(folder, {}, { program })).code).toBe(0);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).not.toContain('impact');
  });

  // Runs dbt four times: DINMO_ACTION_DBT=1 vitest run test/action
  it.skipIf(process.env['DINMO_ACTION_DBT'] === undefined)(
    'does all of it with dbt and the program itself',
    async () => {
      const world = new ImpactWorld({
        prod: '{type: duckdb, path: shop.duckdb}',
        ci: '{type: duckdb, path: shop.duckdb, schema: ci}',
      });
      const github = new SimulatedGithub();
      const bin = join(world.folder, 'bin');
      mkdirSync(bin);
      writeFileSync(
        join(bin, 'dinmo'),
        `#!/bin/bash\nexec "${process.execPath}" "${join(ROOT, 'dist/cli/main.js')}" "$@"\n`,
      );
      chmodSync(join(bin, 'dinmo'), 0o755);
      const dbt = `"${join(ROOT, '.venv/bin/dbt')}" parse -q --profiles-dir . --target`;
      const generate = async (dir: string, target: string): Promise<void> => {
        const script = `${dbt} ${target} && dinmo generate -q --target ${target} && ${dbt} ${target}`;
        const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: world.folder, DBT_SEND_ANONYMOUS_USAGE_STATS: '0' };
        expect(await ended('bash', ['-ec', script], { cwd: dir, env })).toEqual({
          code: 0,
          printed: expect.any(String),
        });
      };
      try {
        await generate(world.base, 'prod');
        world.fork();
        world.edit('dinmo/segments.yml', 'where: {attribute: country, eq: FR}', 'where: {attribute: country, eq: BE}');
        await generate(world.branch, 'ci');
        writeFileSync(join(world.folder, 'event.json'), JSON.stringify({ pull_request: { number: 7 } }));
        const inputs = {
          'project-dir': 'branch',
          state: 'base',
          target: 'ci',
          'dbt-parse': `${dbt} ci`,
          'github-token': 'token-that-writes',
        };
        const runner = {
          GITHUB_API_URL: await github.start(),
          GITHUB_REPOSITORY: 'shop/dbt',
          GITHUB_EVENT_PATH: join(world.folder, 'event.json'),
          DBT_SEND_ANONYMOUS_USAGE_STATS: '0',
        };
        const first = await runAction(world.folder, inputs, { program: bin, runner });
        expect([first.code, first.log]).toEqual([0, expect.stringContaining('A comment was posted')]);
        const second = await runAction(world.folder, inputs, { program: bin, runner });
        expect(second.log).toContain('was updated');
        expect(github.comments.length).toBe(1);
        expect(github.comments[0]?.body).toMatch(
          /^<!-- dinmo impact branch -->\n### dinmo impact: 1 activation and 2 segments are touched/,
        );
        expect(github.comments[0]?.body).toContain('- country eq FR\n+ country eq BE');
      } finally {
        await github.stop();
        world.remove();
      }
    },
  );
});
