import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Journal } from '../../src/record/journal.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.ts';
import { people, Shop } from './shop.ts';

/** Questions until a job has ended. A run asks about 95 of them in the time that it waits. */
const SLOW = 130;
/** Syncs of their own, some with processes: `DINMO_JOBS=1` runs them. */
const more = process.env['DINMO_JOBS'] === '1' ? test : test.skip;
const USERS =
  '      users: {to: desk, operations: [insert, update, delete], mapping: {name: {column: name}, email: email}}';

let sandbox: Sandbox;
let shop: Shop;
let desk = '';
let desks = 0;
/** Milliseconds that nobody waited for. */
let skipped = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ limits: { zendesk: { requestsMax: 100_000, windowMs: 60_000 } } });
});
afterAll(() => sandbox.close());

beforeEach(async () => {
  skipped = 0;
  const now = Date.now.bind(Date);
  vi.spyOn(systemClock, 'now').mockImplementation(() => now() + skipped);
  vi.spyOn(systemClock, 'sleep').mockImplementation(async (milliseconds) => {
    skipped += milliseconds;
    await setImmediate();
  });
  shop = await Shop.open();
  shop.workspace.env['ZENDESK_TOKEN'] = 's3cr3t-zendesk-token-7';
  desk = `desk_${++desks}`;
  configure(USERS);
  await shop.hold(people(1, 5, { name: 'Ann' }));
  sandbox.setFaults({ notReadyCalls: 0 });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await shop.close();
});

function configure(vip: string): void {
  shop.configure({
    vip,
    destinations: `  desk:
    platform: zendesk
    service: objects
    config: {subdomain: shop, requests_per_minute: 700}
    credentials: {access_token: "{{ env_var('ZENDESK_TOKEN') }}"}
    base_url: ${sandbox.baseUrl('zendesk', desk)}
`,
  });
}

function seen() {
  const found = sandbox.state().destinations.find(({ destination }) => destination === desk);
  expect(found?.violations.latest ?? []).toEqual([]);
  const asked = (found?.log ?? []).map(({ method, path }) => `${method} ${path}`);
  const [users] = found?.objects ?? [];
  return {
    jobs: asked.filter((line) => /create_or_update_many|destroy_many/.test(line)).length,
    names: (users?.records ?? []).map(({ fields }) => `${fields['email']} ${fields['name']}`).sort(),
  };
}

const named = (from: number, to: number, name = 'Ann') =>
  people(from, to).map(({ id }) => `p${id}@example.com ${name}`);
const OPEN = /a job is still open.*Run it again/;
const NOTE = /a job of an earlier run is open/;
const STILL = { code: 1, status: 'partial', planned: null, reason: expect.stringMatching(OPEN) };

/** A sync whose job is not done when nobody waits for it any more. */
async function leaveOpen(): Promise<void> {
  sandbox.setFaults({ notReadyCalls: SLOW });
  expect(await shop.one('sync')).toMatchObject({ code: 1, status: 'partial', reason: expect.stringMatching(OPEN) });
  sandbox.setFaults({ notReadyCalls: 0 });
  expect(seen().jobs).toBe(1);
}

async function clean(...args: readonly string[]) {
  const { code, stdout } = await shop.dinmo('clean', ...args, '--output', 'json');
  return { code, ...(JSON.parse(stdout) as { left_behind: readonly Record<string, unknown>[] }) };
}

test('a job that outlives its run: every command says so, none sends its rows again, and it is closed once it ended', async () => {
  sandbox.setFaults({ notReadyCalls: 2 * SLOW });
  expect(await shop.one('sync')).toMatchObject({ code: 1, status: 'partial', reason: expect.stringMatching(OPEN) });
  sandbox.setFaults({ notReadyCalls: 0 });
  await shop.hold(people(2, 5, { name: 'Bob' }));
  expect(await shop.one('plan')).toMatchObject({ code: 0, reason: expect.stringMatching(NOTE) });
  expect((await shop.one('clear', 'vip.users')).reason).toMatch(NOTE);
  const status = JSON.parse((await shop.dinmo('status', '--output', 'json')).stdout);
  expect(status.activations).toMatchObject([{ unfinished: true, open_jobs: 1, last_status: 'partial' }]);
  expect((await shop.dinmo('status')).stdout).toMatch(/a job is open at the platform/);
  expect(await shop.one('sync', '--full-refresh')).toMatchObject(STILL);
  expect(seen()).toEqual({ jobs: 1, names: named(1, 5) });
  expect(await shop.one('sync', '--full-refresh', '--allow-deletes')).toMatchObject({
    ...{ code: 0, accepted: { insert: 0, update: 4, delete: 1 } },
  });
  expect(seen()).toMatchObject({ jobs: 3, names: named(2, 5, 'Bob') });
  expect((await shop.runs('vip.users')).map((run) => run['status'])).toEqual(['interrupted', 'succeeded']);
  expect(await shop.rowsOf(shop.stored('jobs'))).toEqual([]);
  expect((await shop.one('plan')).reason).toBeNull();
});

more('what is forgotten or cleaned while a job is open is removed all the same', async () => {
  await leaveOpen();
  // Nothing but the open job knows of them.
  const asked = JSON.parse((await shop.dinmo('forget', 'person', '1', '--yes', '--output', 'json')).stdout);
  expect(asked.activations).toMatchObject([{ activation: 'vip.users' }]);
  expect(asked.activations[0].outcome).not.toBe('failed');
  expect(seen().names).toEqual(named(2, 5));
  await shop.hold(people(2, 6, { name: 'Ann' }));
  sandbox.setFaults({ notReadyCalls: 2 * SLOW });
  expect(await shop.one('sync')).toMatchObject({ code: 1, reason: expect.stringMatching(OPEN) });
  sandbox.setFaults({ notReadyCalls: 0 });
  configure('      hook: {to: hook}');
  expect(await clean()).toMatchObject({
    left_behind: [{ rows: 4, reason: expect.stringMatching(/A job .* is open.*--remove-members/) }],
  });
  expect(await clean('--yes', '--remove-members')).toMatchObject({
    ...{ code: 1, left_behind: [{ status: 'kept', reason: expect.stringMatching(OPEN) }] },
  });
  expect(await clean('--yes', '--remove-members')).toMatchObject({
    ...{ code: 0, left_behind: [{ status: 'removed', removed_rows: 5, reason: null }] },
  });
  expect(seen().names).toEqual([]);
});

more('a clear keeps its removal through jobs of others and of its own', async () => {
  await leaveOpen();
  sandbox.setFaults({ notReadyCalls: SLOW });
  // It asks for the job that is open, then makes one of its own, which it leaves open.
  expect(await shop.one('clear', 'vip.users', '--yes')).toMatchObject({
    ...{ code: 1, status: 'partial', planned: { delete: 5 }, reason: expect.stringMatching(OPEN) },
  });
  sandbox.setFaults({ notReadyCalls: 0 });
  expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'skipped' });
  expect((await shop.one('clear', 'vip.users')).reason).toMatch(NOTE);
  // All that was left to do was to ask.
  expect(await shop.one('clear', 'vip.users', '--yes')).toMatchObject({ code: 0 });
  expect(seen()).toEqual({ jobs: 2, names: [] });
  expect(await shop.one('clear', 'vip.users', '--yes')).toMatchObject({ code: 0, status: 'skipped' });
});

test('a handle that was not kept, and one that the platform has forgotten: the rows go out again', async () => {
  vi.spyOn(Journal.prototype, 'submitted').mockImplementationOnce(async () => {
    throw new Error('the process ended');
  });
  expect(await shop.one('sync')).toMatchObject({ code: 4 });
  expect(seen().jobs).toBe(1);
  expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { insert: 0, update: 5 } });
  expect(seen()).toEqual({ jobs: 2, names: named(1, 5) });
  await shop.hold(people(1, 5, { name: 'Bob' }));
  sandbox.setFaults({ notReadyCalls: SLOW });
  expect(await shop.one('sync')).toMatchObject({ code: 1, reason: expect.stringMatching(OPEN) });
  sandbox.setFaults({ notReadyCalls: 0 });
  skipped += 25 * 3_600_000;
  expect(await shop.one('sync', '--no-gate')).toMatchObject({ code: 0, accepted: { insert: 0, update: 5 } });
  expect(seen()).toEqual({ jobs: 4, names: named(1, 5, 'Bob') });
});

/** A process of its own, killed as soon as the platform has seen a request like this. */
async function killAt(path: RegExp): Promise<void> {
  const child = shop.workspace.start('sync', '--output', 'json');
  const ended = new Promise((done) => child.once('exit', done));
  const log = () => sandbox.state().destinations.find(({ destination }) => destination === desk)?.log ?? [];
  while (!log().some((one) => path.test(one.path)) && child.exitCode === null) await setImmediate();
  child.kill('SIGKILL');
  await ended;
  expect(child.signalCode).toBe('SIGKILL');
}

more('kill -9 right after the platform took the job: it goes out again at most once', async () => {
  sandbox.setFaults({ notReadyCalls: 3 });
  await killAt(/create_or_update_many/);
  expect(await shop.one('sync')).toMatchObject({ code: 0 });
  expect(seen().names).toEqual(named(1, 5));
  expect(seen().jobs).toBeLessThanOrEqual(2);
});

more('kill -9 while it asks: the next sync goes on asking, and nothing goes out again', async () => {
  sandbox.setFaults({ notReadyCalls: 3 });
  await killAt(/job_statuses/);
  expect((await shop.dinmo('status')).stdout).toMatch(/a job is open at the platform/);
  expect(await shop.one('sync')).toMatchObject({ code: 0, unchanged: 5 });
  expect(seen()).toEqual({ jobs: 1, names: named(1, 5) });
});
