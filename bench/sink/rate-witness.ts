import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { median } from '../run/usage.ts';

/** A platform's published limit. */
export interface Limit {
  readonly requestsMax: number;
  readonly windowMs: number;
}

/** What came of a sync, as the platform's side saw it. */
export interface RateReport {
  readonly requests: number;
  /** Of them, those that carry rows. */
  readonly batches: number;
  readonly throttled: number;
  /** Requests beyond the limit in the window that ended with them. */
  readonly above: number;
  /** Requests that came while a Retry-After had not passed. */
  readonly tooEarly: number;
  /** Seconds from the first batch to the last, less the pauses that were asked for. */
  readonly activeS: number;
  /** Between one request and the next. */
  readonly gapMedianMs: number;
  /** The longest, pauses that were asked for left out. */
  readonly gapMaxMs: number;
}

interface WitnessOptions {
  readonly latencyMs: number;
  /** The requests of these numbers are answered 429. */
  readonly throttleAt: readonly number[];
  readonly retryAfterS: number;
}

/** Requests that were on their way when the answer went out. */
const ON_THE_WAY_MS = 30;

/** Stands in front of a platform: takes note of when requests come, delays answers, and throttles now and then. */
export class RateWitness {
  readonly #server: Server;
  readonly #arrivals: number[] = [];
  readonly #batches: number[] = [];
  readonly #pauses: { readonly from: number; readonly to: number }[] = [];
  readonly #options: WitnessOptions & { readonly target: URL };

  private constructor(options: WitnessOptions & { readonly target: URL }) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#take(request, response));
  }

  static async start(target: string, options: WitnessOptions): Promise<RateWitness> {
    const witness = new RateWitness({ ...options, target: new URL(target) });
    await new Promise<void>((resolve) => witness.#server.listen(0, '127.0.0.1', resolve));
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // it listens
  }

  report(limit: Limit): RateReport {
    const times = this.#arrivals;
    const batches = this.#batches;
    const gaps = batches.slice(1).map((time, index) => time - (batches[index] ?? 0));
    const asked = this.#options.retryAfterS * 1000;
    const paused = this.#pauses.reduce((sum, { from, to }) => sum + (to - from), 0);
    return {
      requests: times.length,
      batches: batches.length,
      throttled: this.#pauses.length,
      above: times.filter(
        (time, index) =>
          times.slice(0, index + 1).filter((other) => other > time - limit.windowMs).length > limit.requestsMax,
      ).length,
      tooEarly: times.filter((time) => this.#pauses.some(({ from, to }) => time > from + ON_THE_WAY_MS && time < to))
        .length,
      gapMedianMs: Math.round(median(gaps)),
      gapMaxMs: Math.round(Math.max(...gaps.filter((gap) => gap < asked))),
      activeS: ((batches.at(-1) ?? 0) - (batches[0] ?? 0) - paused) / 1000,
    };
  }

  end(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      // What the sandbox's own routes are asked is no request to a platform.
      const isPlatform = (request.url ?? '').startsWith('/hubspot');
      if (!isPlatform) return void this.#forward(request, response, Buffer.concat(parts));
      const now = performance.now();
      this.#arrivals.push(now);
      if (request.method === 'POST') this.#batches.push(now);
      if (this.#options.throttleAt.includes(this.#arrivals.length)) return void this.#throttle(response, now);
      setTimeout(() => this.#forward(request, response, Buffer.concat(parts)), this.#options.latencyMs);
    });
  }

  #throttle(response: ServerResponse, now: number): void {
    this.#pauses.push({ from: now, to: now + this.#options.retryAfterS * 1000 });
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(this.#options.retryAfterS) });
    response.end(
      '{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","category":"RATE_LIMITS"}',
    );
  }

  #forward(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { target } = this.#options;
    const headers = { ...request.headers, host: target.host, 'content-length': String(body.length) };
    const onward = send(
      { host: target.hostname, port: target.port, path: request.url, method: request.method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    onward.end(body);
  }
}
