import { open } from 'node:fs/promises';
import type { Agent } from 'undici';
import { TransportError, transportError } from './http.ts';

/** A file to fetch. */
export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Where its bytes go; written anew. Absolute. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
}

/** What came back. The file holds the body where the status is 200; else `body` is its beginning, at most 4 KiB. */
export interface Downloaded {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly body: string;
}

export interface DownloaderOptions {
  /** Time without a single byte, in milliseconds. Default 30 s. */
  readonly idleMs?: number;
  /** Time for the whole file, in milliseconds. Default 15 minutes. */
  readonly timeoutMs?: number;
  /** Default 4 GiB. */
  readonly bytesMax?: number;
}

/** Fetches files that may be larger than memory: chunk by chunk to disk, no redirects, no retry of its own. */
export interface Downloader {
  /** Throws TransportError, also where the body ended before its end, and what the disk throws. */
  download(download: Download): Promise<Downloaded>;
  close(): Promise<void>;
}

const BODY_SHOWN = 4096;

export function createDownloader(options: DownloaderOptions = {}): Downloader {
  const { idleMs = 30_000, timeoutMs = 900_000, bytesMax = 4 * 1024 ** 3 } = options;
  let agent: Promise<Agent> | null = null;
  const load = async (): Promise<Agent> => {
    const undici = await import('undici');
    return new undici.Agent({ connections: 4, allowH2: false, connect: { timeout: 10_000 } });
  };
  return {
    async download({ url, headers, file, signal }) {
      const deadline = AbortSignal.timeout(timeoutMs);
      const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
      try {
        agent ??= load();
        const dispatcher = await agent;
        const target = new URL(url);
        const answer = await dispatcher.request({
          origin: target.origin,
          path: `${target.pathname}${target.search}`,
          method: 'GET',
          headers: { 'user-agent': 'dbt-dinmo', ...headers },
          signal: stop,
          headersTimeout: idleMs,
          bodyTimeout: idleMs,
        });
        const names = Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), String(value ?? '')]);
        const result = { status: answer.statusCode, headers: Object.fromEntries(names) };
        if (answer.statusCode !== 200) return { ...result, bytes: 0, body: await beginning(answer.body) };
        return { ...result, bytes: await save(answer.body, file, bytesMax), body: '' };
      } catch (thrown) {
        if (isOfDisk(thrown)) throw thrown;
        throw transportError(thrown, deadline.aborted);
      }
    },
    async close() {
      await (await agent)?.close();
    },
  };
}

async function save(body: AsyncIterable<Uint8Array>, file: string, bytesMax: number): Promise<number> {
  const handle = await open(file, 'w', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw new TransportError('too-large', `The file is larger than ${bytesMax} bytes`, 'no');
      await handle.writeFile(chunk);
    }
    await handle.sync();
    return bytes;
  } finally {
    await handle.close();
  }
}

async function beginning(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= BODY_SHOWN) break;
  }
  return Buffer.concat(chunks).subarray(0, BODY_SHOWN).toString('utf8');
}

/** A full disk is not the platform's fault, and asking again does not help. */
function isOfDisk(thrown: unknown): boolean {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
  return /^(ENOSPC|EDQUOT|EACCES|EPERM|EROFS|EIO|ENOENT|EISDIR|EMFILE)$/.test(code);
}
