import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { compare } from '../data/differences.ts';
import { must } from '../run/must.ts';
import { ROOT } from '../run/places.ts';

/** What the sink counted since it was set. */
export interface SinkCounts {
  readonly requests: number;
  readonly bytes: number;
  /** Requests that were taken. */
  readonly ok: number;
  readonly refused: number;
  readonly connections: number;
  /** Rows of the requests that were taken. */
  readonly rows: number;
}

export interface SinkHeld {
  readonly held: number;
  readonly sent: number;
  readonly removals: number;
  /** Keys that came more than once. */
  readonly repeated: number;
}

export interface SinkSettings {
  readonly latencyMs?: number;
  readonly keep?: boolean;
  readonly poison?: readonly string[];
  readonly down?: boolean;
  readonly faultEvery?: number;
}

/** The same at every run: states that are kept remember their destination's address. */
const PORT = Number(process.env['BENCH_PORT'] ?? 48917);

/** The loopback destination, seen from the bench. */
export class Sink {
  readonly url: string;
  readonly #end: () => void;

  private constructor(url: string, end: () => void) {
    this.url = url;
    this.#end = end;
  }

  static async start(): Promise<Sink> {
    const script = join(ROOT, 'bench/sink/sink.ts');
    const child = spawn(process.execPath, ['--max-old-space-size=8192', script, String(PORT)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`The sink did not start: is port ${PORT} taken? BENCH_PORT names another.`);
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    ended.catch(() => {});
    return new Sink(`http://127.0.0.1:${PORT}`, () => child.stdin.end());
  }

  /** Empties it, and says how it behaves from now on. */
  async set(settings: SinkSettings = {}): Promise<void> {
    await this.#ask('/ctl', settings);
  }

  async counts(): Promise<SinkCounts> {
    return (await this.#ask('/stats', {})) as SinkCounts; // our own sink's answer
  }

  /** Writes what it holds as JSON lines. */
  async write(path: string): Promise<SinkHeld> {
    return (await this.#ask('/rows', { path })) as SinkHeld; // our own sink's answer
  }

  /** Throws unless it holds exactly the rows of this table. */
  async mustHold(place: string, database: string, table: string): Promise<void> {
    const file = join(place, 'held.jsonl');
    await this.write(file);
    const { missing, extra, stale } = await compare(file, database, table);
    must(missing + extra + stale === 0, `the destination differs: ${missing} missing, ${extra} extra, ${stale} stale`);
  }

  end(): void {
    this.#end();
  }

  async #ask(path: string, body: unknown): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    must(answer.ok, `the sink answered ${answer.status}`);
    return await answer.json();
  }
}
