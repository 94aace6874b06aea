import { join } from 'node:path';
import type { BigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';
import { emulatorPython, freePort, startEmulator } from '../emulator-process.ts';
import { startHonestProxy } from './honest-proxy.ts';

const PYTHON = emulatorPython('bqemulator');

export const NOT_INSTALLED =
  'the emulator is not installed (it needs Python 3.11 to 3.13): npm run setup -- --with-versions';

export function isInstalled(): boolean {
  return PYTHON !== null;
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

async function start(): Promise<TestEmulator> {
  if (PYTHON === null) throw new Error(NOT_INSTALLED);
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
  const emulator = `http://127.0.0.1:${rest}`;
  await startEmulator([...program, ...options], () => fetch(`${emulator}/bigquery/v2/projects/p/datasets`));
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
