import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { SimulatedCloud } from '../dbt-cloud/simulated-cloud.ts';
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
    const artifacts = Object.fromEntries(
      ['manifest.json', 'run_results.json'].map((name) => [name, workspace.read(`target/${name}`)]),
    );
    const worthless = JSON.stringify({ metadata: {}, args: { which: 'generate' }, results: [] });
    cloud.runs.set(1, {
      steps: [
        { name: 'Clone git repository' },
        { name: 'Invoke dbt with `dbt build`', artifacts },
        { name: 'Invoke dbt with `dbt docs generate`', artifacts: { ...artifacts, 'run_results.json': worthless } },
      ],
    });
    workspace.remove('target');
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
