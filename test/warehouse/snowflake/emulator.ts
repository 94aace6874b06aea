import { join } from 'node:path';
import type { SnowflakeAccount } from '../../../src/warehouse/snowflake/profile.ts';
import { secret } from '../../privacy/canaries.ts';
import { emulatorPython, freePort, startEmulator } from '../emulator-process.ts';

const PYTHON = emulatorPython('fakesnow');

export const NOT_INSTALLED =
  'the emulator is not installed (it needs Python 3.10 to 3.13): npm run setup -- --with-versions';

export function isInstalled(): boolean {
  return PYTHON !== null;
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

async function start(): Promise<TestEmulator> {
  if (PYTHON === null) throw new Error(NOT_INSTALLED);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await startEmulator([PYTHON, join(import.meta.dirname, 'start-emulator.py'), String(port)], () =>
    fetch(`${url}/telemetry/send`, { method: 'POST' }),
  );
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
