import { createHash } from 'node:crypto';
import { request } from 'undici';
import type { Clock } from '../../src/clock.ts';
import type { DestinationState } from '../../src/sandbox/sandbox-state.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/start.ts';

/** 2026-06-15T12:00:00Z. */
export const NOON = 1_781_524_800_000;

/** A clock that stands still until it is moved; sleeping moves it. */
export function stoppedClock(): Clock & { move(milliseconds: number): void } {
  let now = NOON;
  return {
    now: () => now,
    move: (milliseconds) => {
      now += milliseconds;
    },
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // Tests look at answers of many shapes; what they expect is in the assertion.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly json: any;
}

export interface Ask {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** One plain HTTP request, as any client would make it. */
export async function ask(
  method: string,
  url: string,
  { token = 'good', headers = {}, body }: Ask = {},
): Promise<Reply> {
  const response = await request(url, {
    method: method as 'GET',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.body.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.statusCode, headers: response.headers, text, json };
}

export async function withSandbox(options: SandboxOptions, use: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  const sandbox = await startSandbox(options);
  try {
    await use(sandbox);
  } finally {
    await sandbox.close();
  }
}

export function stateOf(sandbox: Sandbox, destination: string): DestinationState {
  const found = sandbox.state().destinations.find((one) => one.destination === destination);
  if (!found) throw new Error(`nothing was sent to ${destination}`);
  return found;
}

export function rulesBroken(sandbox: Sandbox, destination: string): readonly string[] {
  return stateOf(sandbox, destination).violations.latest.map((violation) => violation.rule);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
