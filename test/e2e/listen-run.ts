import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SimulatedCloud, type SimulatedStep } from '../dbt-cloud/simulated-cloud.ts';
import { secret } from '../privacy/canaries.ts';
import type { Workspace } from './workspace.ts';

interface Heard {
  /** Events of the listener that was killed, and of the one after it. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  readonly code: number | null;
  readonly stderr: string;
}

/** The lines that a listener logs, one after another. */
class Ear {
  readonly events: string[] = [];
  readonly lines: string[] = [];
  readonly #listener: ChildProcess;
  #waiting: (() => void) | null = null;
  pid: number | null = null;

  constructor(listener: ChildProcess) {
    this.#listener = listener;
    if (listener.stderr === null) throw new Error('no stderr');
    createInterface(listener.stderr).on('line', (line) => {
      this.lines.push(line);
      const { event, dbt_run_id: run, pid } = JSON.parse(line.startsWith('{') ? line : '{}');
      if (/^(event|sync)\./.test(event ?? '')) this.events.push(`${event} ${run}`);
      if (event === 'sync.started') this.pid = pid;
      this.#waiting?.();
    });
    listener.once('close', () => this.#waiting?.());
  }

  async until(event: string): Promise<void> {
    while (!this.events.includes(event)) {
      if (this.#listener.exitCode !== null) throw new Error(`it ended:\n${this.lines.join('\n')}`);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
}

/** What one `dbt build` left, as a job leaves it that runs and tests in two steps, under a target of its own, and writes docs last. */
function stepsOf(workspace: Workspace): readonly SimulatedStep[] {
  const manifest = JSON.parse(workspace.read('target/manifest.json'));
  const built = JSON.parse(workspace.read('target/run_results.json'));
  const generated_at = new Date().toISOString();
  const part = (which: string, invocation_id: string, results: readonly unknown[]): Record<string, string> => ({
    'manifest.json': JSON.stringify({ ...manifest, metadata: { ...manifest.metadata, generated_at, invocation_id } }),
    'run_results.json': JSON.stringify({
      metadata: { ...built.metadata, invocation_id },
      args: { which, target: 'default' },
      results,
    }),
  });
  const isTest = ({ unique_id }: { readonly unique_id: string }): boolean => unique_id.startsWith('test.');
  const models = built.results.filter((result: { unique_id: string }) => !isTest(result));
  return [
    { name: 'Clone git repository' },
    { name: 'Invoke dbt with `dbt run --exclude tag:dinmo`', artifacts: part('run', 'first', models) },
    { name: 'Invoke dbt with `dbt build`', artifacts: part('build', 'second', built.results.filter(isTest)) },
    { name: 'Invoke dbt with `dbt docs generate`', artifacts: part('generate', 'third', []) },
  ];
}

/**
 * A job of dbt Cloud built the project; its webhook is taken, listener and sync are killed before anything was sent, both
 * start again, and the delivery comes once more. The project has no artifacts of its own.
 */
export async function listenThroughDeath(workspace: Workspace): Promise<Heard> {
  const cloud = await SimulatedCloud.start({ token: secret('cloud-token'), webhookSecret: secret('cloud-webhook') });
  const started: ChildProcess[] = [];
  const listen = async (): Promise<{ listener: ChildProcess; ear: Ear; url: string }> => {
    Object.assign(workspace.env, cloud.env);
    const flags = ['--port', '0', '--select', 'loyal.hook', '--output', 'json', '--log-format', 'json'];
    const listener = workspace.start('listen', ...flags, '--queue', 'events');
    started.push(listener);
    const ear = new Ear(listener);
    const stdout = listener.stdout?.setEncoding('utf8');
    let text = '';
    while (stdout && !text.includes('}')) {
      const [chunk] = await Promise.race([once(stdout, 'data'), once(listener, 'close')]);
      if (typeof chunk !== 'string') throw new Error(`it did not start:\n${ear.lines.join('\n')}`);
      text += chunk;
    }
    return { listener, ear, url: JSON.parse(text).url };
  };
  try {
    cloud.runs.set(1, { steps: stepsOf(workspace) });
    workspace.remove('target');
    // A fresh checkout, as the listener's machine has it.
    for (const path of readdirSync(workspace.folder, { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('.sql')) utimesSync(join(workspace.folder, path), new Date(), new Date());
    const first = await listen();
    const event = cloud.event(1);
    const asked = new Promise<void>((resolve) => {
      cloud.fault = () => {
        resolve();
        return { kind: 'silence' };
      };
    });
    await cloud.deliver(first.url, event, { timeoutMs: 1_000, attempts: 1 });
    await first.ear.until('sync.started 1');
    await asked;
    first.listener.kill('SIGKILL');
    if (first.ear.pid !== null) process.kill(first.ear.pid, 'SIGKILL');
    await once(first.listener, 'close');
    cloud.fault = () => null;
    const second = await listen();
    await second.ear.until('sync.finished 1');
    await cloud.deliver(second.url, event);
    await second.ear.until('event.duplicate 1');
    second.listener.kill('SIGTERM');
    const [code] = await once(second.listener, 'close');
    return { first: first.ear.events, second: second.ear.events, code, stderr: second.ear.lines.join('\n') };
  } finally {
    for (const listener of started) listener.kill('SIGKILL');
    await cloud.close();
  }
}
