import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

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
function runAction(folder: string, inputs: Readonly<Record<string, string>>, program: string): Ran {
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
    const done = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run], {
      cwd: join(folder, fill(step['working-directory'] ?? '.')),
      encoding: 'utf8',
      env: {
        PATH: `${program}:${process.env['PATH']}`,
        HOME: folder,
        GITHUB_ACTIONS: 'true',
        GITHUB_WORKSPACE: folder,
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: join(folder, 'temp/summary.md'),
        RUNNER_TEMP: join(folder, 'temp'),
        ...env,
      },
    });
    log += done.stdout + done.stderr;
    for (const line of readFileSync(output, 'utf8').split('\n')) {
      const [name = '', ...rest] = line.split('=');
      if (name !== '') values[`steps.${step.id}.outputs.${name}`] = rest.join('=');
    }
    if (done.status !== 0) return { code: done.status ?? -1, log, values };
  }
  return { code: 0, log, values };
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

  it('parses, checks, compares, reports and ends with the worse exit code, whatever the inputs hold', () => {
    const inputs = {
      state: '../the base; echo $(id)',
      'dbt-parse': 'echo parsed > parsed.txt',
      target: 'ci',
      warehouse: 'true',
    };
    const { code, log, values } = runAction(folder, inputs, program);
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

  it('only checks without a base', () => {
    rmSync(join(folder, 'calls'));
    expect(runAction(folder, {}, program).code).toBe(0);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).not.toContain('impact');
  });
});
