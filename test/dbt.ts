import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PYTHON = join(import.meta.dirname, '../.venv/bin/python');
const FORKS = join(import.meta.dirname, 'dbt-forks.py');

/** What a command of dbt said, and its exit code. */
export interface DbtOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface DbtCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A process that has read dbt's modules; it ends with this one. */
class DbtForks {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#process = spawn(PYTHON, [FORKS], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error('dbt has no voice');
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
    // Whoever waits for an answer waits; nothing else does.
    this.#hold(false);
  }

  #hold(waits: boolean): void {
    for (const one of [this.#process, this.#process.stdin, this.#process.stdout])
      (one as { ref(): void; unref(): void })[waits ? 'ref' : 'unref'](); // pipes are sockets
  }

  /** One command after another. */
  async run(command: DbtCommand): Promise<DbtOutcome> {
    const turn = this.#last.then(() => this.#runNow(command));
    this.#last = turn.catch(() => undefined);
    return await turn;
  }

  async #runNow(command: DbtCommand): Promise<DbtOutcome> {
    const folder = mkdtempSync(join(tmpdir(), 'dinmo-dbt-said-'));
    const [stdout, stderr] = [join(folder, 'stdout'), join(folder, 'stderr')];
    this.#hold(true);
    try {
      this.#process.stdin?.write(`${JSON.stringify({ ...command, stdout, stderr })}\n`);
      const { value, done } = await this.#answers.next();
      if (done) throw new Error('the process that runs dbt ended');
      return { code: Number(value), stdout: readFileSync(stdout, 'utf8'), stderr: readFileSync(stderr, 'utf8') };
    } finally {
      this.#hold(false);
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

let forks: DbtForks | null = null;

/** Runs the dbt of the project's own environment, as a shell would. */
export async function runDbt(command: DbtCommand): Promise<DbtOutcome> {
  forks ??= new DbtForks();
  return await forks.run(command);
}
