import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { SnowflakeAccount } from '../../../src/warehouse/snowflake/profile.ts';
import { secret } from '../../privacy/canaries.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PYTHON = join(ROOT, '.venvs/fakesnow/bin/python');
const START_MS_MAX = 60_000;

export const NOT_INSTALLED =
  'the emulator is not installed (it needs Python 3.10 to 3.13): npm run setup -- --with-versions';

export function isInstalled(): boolean {
  return existsSync(PYTHON);
}

/** An emulator of this process alone: it ends when this process does, however it ends. */
export interface TestEmulator {
  readonly url: string;
  /** How to reach one of its databases, which is there after the login. */
  account(database: string, more?: { readonly schema?: string }): SnowflakeAccount;
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
  const port = await freePort();
  const program = [PYTHON, join(import.meta.dirname, 'start-emulator.py'), String(port)];
  const child = spawn('/bin/sh', ['-c', GUARDED, 'snowflake', ...program], {
    stdio: ['pipe', 'ignore', process.env['DINMO_EMULATOR_LOG'] === undefined ? 'ignore' : 'inherit'],
    detached: true,
  });
  child.unref();
  const url = `http://127.0.0.1:${port}`;
  await answering(url);
  return { url, account: (database, more) => accountAt(url, { database, ...more }) };
}

/** An account that is served at an address of this machine. */
export function accountAt(
  url: string,
  { database, schema = 'WORLD' }: { readonly database: string; readonly schema?: string },
): SnowflakeAccount {
  // The driver reads host and port though its types do not have them.
  const address = { host: '127.0.0.1', port: Number(new URL(url).port), protocol: 'http' };
  return {
    options: {
      ...address,
      account: 'emulated',
      username: 'somebody',
      password: secret('snowflake'),
      accessUrl: url,
      database,
      schema,
      sfRetryMaxLoginRetries: 1,
    },
    refresh: null,
    interactive: false,
    insecure: true,
    queryTag: null,
    place: 'emulated',
  };
}

async function answering(url: string): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    try {
      await (await fetch(`${url}/telemetry/send`, { method: 'POST' })).text();
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
