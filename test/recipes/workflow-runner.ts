import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { ran } from './shop.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly 'continue-on-error'?: boolean;
  readonly 'working-directory'?: string;
}

interface Job {
  readonly env?: Readonly<Record<string, unknown>>;
  readonly steps: readonly Step[];
}

export interface WorkflowRun {
  readonly failed: boolean;
  readonly log: string;
  readonly summary: string;
}

export interface World {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** `secrets.X`, `vars.X`, `inputs.X`, `github.X`. */
  readonly values: Readonly<Record<string, string>>;
}

/** What GitHub's runner brings or fetches from elsewhere. */
const FOREIGN = /^actions\/(checkout|setup-node|setup-python|upload-artifact)@v\d+$/;

/**
 * The one job of a workflow as GitHub's runner goes through it: expressions filled in, a bash for each step, `if`,
 * `continue-on-error` and outcomes, our own action step by step. Throws at what it does not know.
 */
export class WorkflowRunner {
  readonly #world: World;
  readonly #values: Record<string, string>;
  #env: Record<string, string>;
  #log = '';
  #failed = false;
  #steps = 0;

  constructor(world: World) {
    this.#world = world;
    this.#values = { ...world.values, 'runner.temp': join(world.folder, 'runner') };
    this.#env = {
      ...world.env,
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: world.folder,
      GITHUB_STEP_SUMMARY: join(world.folder, 'runner/summary.md'),
      RUNNER_TEMP: join(world.folder, 'runner'),
    };
    mkdirSync(join(world.folder, 'runner'), { recursive: true });
    writeFileSync(join(world.folder, 'runner/summary.md'), '');
  }

  async run(workflow: string): Promise<WorkflowRun> {
    const { jobs } = parse(readFileSync(resolve(ROOT, workflow), 'utf8')) as {
      readonly jobs: Readonly<Record<string, Job>>;
    };
    const [job, ...others] = Object.values(jobs);
    if (job === undefined || others.length > 0) throw new Error(`${workflow} is not one job`);
    this.#env = { ...this.#env, ...this.#fillAll(job.env) };
    for (const step of job.steps) await this.#step(step, this.#env);
    const summary = readFileSync(join(this.#world.folder, 'runner/summary.md'), 'utf8');
    return { failed: this.#failed, log: this.#log, summary };
  }

  async #step(step: Step, env: Readonly<Record<string, string>>): Promise<void> {
    const condition = step.if ?? 'success()';
    if (this.#failed && !/\b(always|success)\(\)/.test(condition)) return;
    if (!this.#holds(condition)) return;
    if (step.uses !== undefined) return await this.#use(step, env);
    if (step.run === undefined) throw new Error('a step that does nothing');
    const output = join(this.#world.folder, `runner/output-${this.#steps++}`);
    writeFileSync(output, '');
    const { code, printed } = await ran(
      ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c', this.#fill(step.run)],
      {
        cwd: join(this.#world.folder, this.#fill(step['working-directory'] ?? '.')),
        env: { ...env, ...this.#fillAll(step.env), GITHUB_OUTPUT: output },
      },
    );
    this.#log += `## ${step.name ?? step.run}: ${code}\n${printed}\n`;
    for (const line of readFileSync(output, 'utf8').split('\n').filter(Boolean)) {
      const [name, ...rest] = line.split('=');
      this.#values[`steps.${step.id}.outputs.${name}`] = rest.join('=');
    }
    this.#values[`steps.${step.id}.outcome`] = code === 0 ? 'success' : 'failure';
    if (code !== 0 && step['continue-on-error'] !== true) this.#failed = true;
  }

  async #use(step: Step, env: Readonly<Record<string, string>>): Promise<void> {
    if (FOREIGN.test(step.uses ?? '')) return;
    if (!/\/dbt-dinmo@v/.test(step.uses ?? '')) throw new Error(`${step.uses} is not known here`);
    const action = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8')) as {
      readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
      readonly runs: Job;
    };
    const given = this.#fillAll(step.with);
    const unknown = Object.keys(given).filter((name) => action.inputs[name] === undefined);
    if (unknown.length > 0) throw new Error(`action.yml has no ${unknown.join(', ')}`);
    for (const [name, { default: usual = '' }] of Object.entries(action.inputs))
      this.#values[`inputs.${name}`] = given[name] ?? this.#fill(usual);
    this.#values['github.action_path'] = ROOT;
    for (const inner of action.runs.steps) await this.#step(inner, env);
  }

  #fillAll(values: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
    return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, this.#fill(String(value))]));
  }

  #fill(text: string): string {
    return text.replaceAll(/\$\{\{\s*(.*?)\s*\}\}/g, (_, expression: string) => this.#value(expression));
  }

  #holds(expression: string): boolean {
    return !['', 'false'].includes(this.#value(expression));
  }

  /** `a || b`, `a && b`, `a == b`, `a != b`, `'text'`, a name, `always()`, `success()`; no brackets. */
  #value(expression: string): string {
    const text = expression.trim();
    const [or, ...moreOr] = text.split('||');
    if (moreOr.length > 0) return this.#value(or ?? '') || this.#value(moreOr.join('||'));
    const [and, ...moreAnd] = text.split('&&');
    if (moreAnd.length > 0) return this.#holds(and ?? '') ? this.#value(moreAnd.join('&&')) : '';
    const [, left = '', operator, right = ''] = /^(.*?)\s*(==|!=)\s*(.*)$/.exec(text) ?? [];
    if (operator !== undefined) return (this.#value(left) === this.#value(right)) === (operator === '==') ? 'true' : '';
    if (text === 'always()') return 'true';
    if (text === 'success()') return this.#failed ? '' : 'true';
    if (/^'.*'$/.test(text)) return text.slice(1, -1);
    if (!/^[\w.-]+$/.test(text)) throw new Error(`${expression} is not understood here`);
    return this.#values[text] ?? '';
  }
}
