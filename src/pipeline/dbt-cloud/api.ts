import type { CloudArtifact } from '../../artifacts/dbt-cloud-run.ts';
import type { Clock } from '../../clock.ts';
import { type ClosableHttpClient, createHttpClient, TransportError } from '../../destinations/http.ts';
import { createDownloader, type Downloader } from '../../destinations/http-download.ts';
import { DinmoError } from '../../errors.ts';
import { type Logger, scrub } from '../../log.ts';
import type { CloudAccess } from './access.ts';

/** How often one file is asked for before dbt Cloud counts as unreachable. */
const ATTEMPTS = 6;
/** The first wait, in milliseconds; each further one is twice as long. */
const FIRST_WAIT_MS = 1_000;
/** The longest wait that `Retry-After` may ask for. */
const WAIT_MS_MAX = 120_000;

export interface CloudApiOptions {
  readonly access: CloudAccess;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
  /** Time without a single byte, in milliseconds. */
  readonly idleMs?: number | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The Admin API v2 of dbt Cloud, as far as it is read. 429, 5xx, broken and cut answers are asked for again, `Retry-After`
 * honoured. Every method throws DinmoError `dbt-cloud-refused` (the token), `dbt-cloud-unreachable`, `interrupted`.
 */
export class CloudApi {
  readonly #options: CloudApiOptions;
  readonly #http: ClosableHttpClient;
  readonly #downloader: Downloader;

  constructor(options: CloudApiOptions) {
    this.#options = options;
    const idleMs = options.idleMs ?? 30_000;
    this.#http = createHttpClient({ connectionsMax: 2, timeoutMs: idleMs });
    this.#downloader = createDownloader({ idleMs });
  }

  /** The run with its steps, as JSON; null where there is no such run, or the token may not see it. */
  async run(runId: string): Promise<unknown> {
    const query = new URLSearchParams({ include_related: '["run_steps"]' });
    let body: unknown;
    const answer = await this.#insist(`run ${runId}`, async () => {
      const { url, headers } = this.#request(`runs/${runId}/?${query}`);
      const got = await this.#http.request({ method: 'GET', url, headers, ...this.#stop() });
      body = got.status === 200 ? got.json() : null;
      if (body === undefined) throw new TransportError('no-json', 'The answer is not JSON', 'no');
      return got;
    });
    return answer.status === 404 ? null : body;
  }

  /** Fetches a file of a run, chunk by chunk. False where the step has none. */
  async artifact(runId: string, { step, path }: CloudArtifact, file: string): Promise<boolean> {
    const answer = await this.#insist(`${path} of step ${step}`, async () => {
      const { url, headers } = this.#request(`runs/${runId}/artifacts/${path}?step=${step}`);
      const got = await this.#downloader.download({ url, headers, file, ...this.#stop() });
      if (got.status === 200 && !(await isWholeJson(file)))
        throw new TransportError('cut', 'The file ends too early', 'no');
      return got;
    });
    return answer.status === 200;
  }

  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#downloader.close()]);
  }

  #request(path: string): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
    const { origin, accountId, token } = this.#options.access;
    return { url: `${origin}/api/v2/accounts/${accountId}/${path}`, headers: { authorization: `Token ${token}` } };
  }

  #stop(): { readonly signal?: AbortSignal } {
    const { signal } = this.#options;
    return signal === undefined ? {} : { signal };
  }

  /** Asks until the answer is 200 or 404. */
  async #insist(what: string, ask: () => Promise<Answer>): Promise<Answer> {
    const { clock, logger, signal, access } = this.#options;
    let why = '';
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (signal?.aborted) throw interrupted();
      let asked: string | undefined;
      try {
        const answer = await ask();
        if (answer.status === 200 || answer.status === 404) return answer;
        if (!isPassing(answer.status)) throw refused(answer, access);
        why = `it answered with ${answer.status}`;
        asked = answer.headers['retry-after'];
      } catch (thrown) {
        if (!(thrown instanceof TransportError)) throw thrown;
        if (signal?.aborted) throw interrupted();
        why = thrown.message;
      }
      logger.warn('dbt_cloud.request_failed', { what, attempt, reason: why });
      if (attempt < ATTEMPTS) await clock.sleep(waitMs(asked, attempt, clock.now()), signal);
    }
    throw new DinmoError({
      kind: 'artifact',
      code: 'dbt-cloud-unreachable',
      message: `dbt Cloud at ${access.origin} did not give ${what}: ${why}.`,
      fix: 'Run it again later; check DBT_CLOUD_ACCOUNT_HOST, and that this machine may reach it.',
    });
  }
}

function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** `Retry-After` in seconds or as a date; without it, twice as long each time. */
function waitMs(asked: string | undefined, attempt: number, nowMs: number): number {
  const seconds = asked === undefined || asked.trim() === '' ? Number.NaN : Number(asked);
  const stated = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(asked ?? '') - nowMs;
  const wait = Number.isFinite(stated) ? Math.max(stated, 0) : FIRST_WAIT_MS * 2 ** (attempt - 1);
  return Math.min(wait, WAIT_MS_MAX);
}

function refused({ status, headers, body }: Answer, { origin, accountId }: CloudAccess): DinmoError {
  if (status >= 300 && status < 400) {
    const place = URL.canParse(headers['location'] ?? '') ? new URL(headers['location'] ?? '').host : 'another place';
    return new DinmoError({
      kind: 'configuration',
      code: 'dbt-cloud-wrong-host',
      message: `${origin} sends on to ${place}, which the token is not sent to.`,
      fix: 'Set DBT_CLOUD_ACCOUNT_HOST to the host of the account’s own access URL (Account settings of dbt Cloud).',
    });
  }
  return new DinmoError({
    kind: 'configuration',
    code: 'dbt-cloud-refused',
    message: `dbt Cloud refused the request for account ${accountId} with ${status}: ${scrub(vendorText(body))}`,
    fix: 'Check DBT_CLOUD_TOKEN (a service token that may read runs of the project), DBT_CLOUD_ACCOUNT_ID and DBT_CLOUD_ACCOUNT_HOST.',
  });
}

/** dbt Cloud says it in `status.user_message`. */
function vendorText(body: string): string {
  const found = /"user_message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1];
  return found ?? (body.trim().startsWith('<') ? 'an HTML page' : body.trim() || 'without a word');
}

function interrupted(): DinmoError {
  return new DinmoError({
    kind: 'stopped',
    code: 'interrupted',
    message: 'Stopped while artifacts of dbt Cloud were fetched; nothing was sent.',
    fix: 'Run the command again.',
  });
}

/** Whether the file begins and ends as a JSON object does: a proxy may cut one that is said to be whole. */
async function isWholeJson(file: string): Promise<boolean> {
  const { open } = await import('node:fs/promises');
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(size, 64));
    const tail = Buffer.alloc(Math.min(size, 64));
    await handle.read(head, 0, head.length, 0);
    await handle.read(tail, 0, tail.length, size - tail.length);
    return /^\uFEFF?\s*\{/.test(head.toString('utf8')) && /\}\s*$/.test(tail.toString('utf8'));
  } finally {
    await handle.close();
  }
}
