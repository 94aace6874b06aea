import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { BigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';
import { startHonestProxy } from './honest-proxy.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PYTHON = join(ROOT, '.venvs/bqemulator/bin/python');
const START_MS_MAX = 30_000;

export const NOT_INSTALLED =
  'the emulator is not installed (it needs Python 3.11 to 3.13): npm run setup -- --with-versions';

export function isInstalled(): boolean {
  return existsSync(PYTHON);
}

/** An emulator of this process alone: it ends when this process does, however it ends. */
export interface TestEmulator {
  /** Where the API is: the honest proxy before the emulator. */
  readonly url: string;
  /** How to reach one of its projects, each of which is empty at first. */
  place(project: string): BigqueryPlace;
}

let running: Promise<TestEmulator> | null = null;

/** The emulator of this process, started when it is first asked for. */
export function testEmulator(): Promise<TestEmulator> {
  running ??= start();
  return running;
}

/** Ends with the process that started it: then its end of the pipe is closed. */
const GUARDED = '"$@" & server=$!; cat > /dev/null; kill -KILL $server 2> /dev/null';

async function start(): Promise<TestEmulator> {
  if (!isInstalled()) throw new Error(NOT_INSTALLED);
  const [rest, grpc] = [await freePort(), await freePort()];
  const program = [PYTHON, join(import.meta.dirname, 'start-emulator.py'), 'start', '--ephemeral'];
  const options = [
    '--rest-port',
    String(rest),
    '--grpc-port',
    String(grpc),
    '--log-level',
    'error',
    '--log-format',
    'json',
  ];
  const child = spawn('/bin/sh', ['-c', GUARDED, 'bigquery', ...program, ...options], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  const emulator = `http://127.0.0.1:${rest}`;
  await answering(emulator);
  const { url } = await startHonestProxy(emulator);
  return {
    url,
    place: (project) => ({
      project,
      executionProject: project,
      location: 'EU',
      apiEndpoint: url,
      quotaProject: null,
      priority: 'INTERACTIVE',
      maximumBytesBilled: null,
      jobTimeoutMs: null,
      retries: 1,
      reservation: null,
      scopes: [],
      auth: { kind: 'token', token: 'unused' },
      impersonate: null,
    }),
  };
}

async function answering(url: string): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    try {
      await (await fetch(`${url}/bigquery/v2/projects/p/datasets`)).text();
      return;
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address === null || typeof address === 'string' ? failed(new Error('no port')) : done(address.port),
      );
    });
  });
}
