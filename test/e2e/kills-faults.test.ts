import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildClub, ClubPlatforms, differences, keysOf, moveClub } from './kills/club-run.ts';
import {
  FAULT_CONNECTIONS,
  FAULT_ROWS,
  type FaultName,
  type FaultRow,
  faultCase,
  POISON_ROWS,
} from './kills/fault-table.ts';
import type { Fault } from './platforms/platform-server.ts';
import { endOf, must, type Workspace } from './workspace.ts';

let built: Workspace;

beforeAll(async () => {
  built = await buildClub();
});
afterAll(() => built?.dispose());

describe.concurrent('10,000 rows and a destination in trouble', () => {
  const cases: Readonly<Record<FaultName, (row: FaultRow) => void>> = {
    poison(row) {
      expect(row).toMatchObject({ delivered: FAULT_ROWS - POISON_ROWS, sentAgain: 0, exitCodes: [1, 1] });
      expect(row.lastRunRows).toBeLessThanOrEqual(POISON_ROWS);
      expect(row.extraRequests).toBeLessThanOrEqual(1.2 * POISON_ROWS * Math.log2(row.batchRows));
    },
    'down twice'(row) {
      expect(row).toMatchObject({ delivered: FAULT_ROWS, sentAgain: 0, exitCodes: [4, 4, 0] });
    },
    terminated(row) {
      expect(row).toMatchObject({ delivered: FAULT_ROWS, sentAgain: 0, exitCodes: [1, 0] });
      expect(row.said).toContain(`${row.lastRunRows} rows put off to the next run`);
    },
    killed(row) {
      expect(row).toMatchObject({ delivered: FAULT_ROWS, exitCodes: [null, 0] });
      expect(row.sentAgain).toBeLessThanOrEqual(FAULT_CONNECTIONS * row.batchRows);
    },
    'killed at full speed'(row) {
      expect(row).toMatchObject({ delivered: FAULT_ROWS, exitCodes: [null, 0] });
      expect(row.sentAgain).toBeLessThanOrEqual(FAULT_CONNECTIONS * row.batchRows);
    },
    'faulty requests'(row) {
      expect(row).toMatchObject({ delivered: FAULT_ROWS, exitCodes: [0] });
      // Every fault costs a request; only what was applied and not answered is sent again.
      expect(row.requests).toBe(142);
      expect(row.sentAgain).toBe(14 * row.batchRows);
    },
  };
  for (const [name, check] of Object.entries(cases) as [FaultName, (row: FaultRow) => void][]) {
    test(`${name}: nothing is lost`, { timeout: 240_000 }, async () => {
      const row = await faultCase(name, built);
      expect(row.lost, row.said).toBe(0);
      check(row);
    });
  }
});

describe('one club and its webhook', () => {
  const BATCH = 20;
  const PEOPLE = 600;
  let platforms: ClubPlatforms;
  let workspace: Workspace;

  beforeEach(async () => {
    platforms = await ClubPlatforms.start(BATCH);
    workspace = await moveClub(built, platforms, { people: PEOPLE });
  });
  afterEach(async () => {
    await platforms.close();
    workspace.dispose();
  });

  /** Everything is at the destination, and this many rows came twice. */
  async function expectComplete(sentAgainMax: number): Promise<void> {
    expect(await differences(workspace, platforms)).toEqual([]);
    expect(platforms.accounts.hook.again).toBeLessThanOrEqual(sentAgainMax);
    expect(platforms.takeViolations()).toEqual([]);
  }

  /** Starts a sync, and resolves when its first request was applied; the answers wait until `release`. */
  async function startHeld(...args: readonly string[]) {
    let release = (): void => undefined;
    platforms.server.held = new Promise<void>((resolve) => {
      release = () => {
        platforms.server.held = null;
        resolve();
      };
    });
    const child = workspace.start('sync', ...args);
    const ended = endOf(child);
    await new Promise<void>((resolve) => {
      platforms.trouble(() => {
        resolve();
        return null;
      });
    });
    platforms.trouble(() => null);
    return { child, ended, release };
  }

  describe('a signal', () => {
    test('ends the sync after what is in flight, which is recorded; the rest goes out with the next', async () => {
      const { child, ended, release } = await startHeld();
      const heard = new Promise((resolve) => child.stderr?.once('data', resolve));
      child.kill('SIGINT');
      await heard;
      release();
      const { code, stdout, stderr } = await ended;
      expect(code).toBe(1);
      expect(stderr).toContain('Ending: what is under way is finished and recorded.');
      const sent = platforms.accounts.hook.applied.size;
      expect(sent).toBeLessThanOrEqual(4 * BATCH);
      expect(stdout).toContain(`${PEOPLE - sent} rows put off to the next run`);
      workspace.inProcess = true;
      const rest = await workspace.json('sync');
      expect(rest).toMatchObject({ code: 0, activations: [{ accepted: { insert: PEOPLE - sent } }] });
      await expectComplete(0);
    });

    test('given twice ends it at once, and nothing is lost', async () => {
      const { child, ended, release } = await startHeld();
      const heard = new Promise((resolve) => child.stderr?.once('data', resolve));
      child.kill('SIGINT');
      await heard;
      child.kill('SIGINT');
      expect((await ended).code).toBe(130);
      release();
      workspace.inProcess = true;
      await must(workspace.dinmo('sync', '--lock-timeout', '0'));
      await expectComplete(4 * BATCH);
    });
  });

  describe('two at once', () => {
    test('never both send: the second names the first, running or stopped', async () => {
      const { child, ended, release } = await startHeld();
      const second = await workspace.json('sync', '--lock-timeout', '0');
      expect(second).toMatchObject({ code: 1, error: { code: 'duckdb-locked' } });
      expect(second.error?.message).toContain(`PID ${child.pid}`);
      child.kill('SIGSTOP');
      release();
      const third = await workspace.json('sync', '--lock-timeout', '1');
      expect(third.error?.message).toContain(`PID ${child.pid}`);
      child.kill('SIGCONT');
      expect((await ended).code).toBe(0);
      await expectComplete(0);
    });

    test('a holder that crashed is taken over at once, though its lease has long to go', async () => {
      const { child, ended, release } = await startHeld();
      child.kill('SIGKILL');
      await ended;
      release();
      const [held] =
        await workspace.sql(`select lease_pid::integer as pid, lease_expires_at > now() + interval 1 minute as lasts
        from ${STORAGE}.activations`);
      expect(held).toEqual({ pid: child.pid, lasts: true });
      workspace.inProcess = true;
      await must(workspace.dinmo('sync', '--lock-timeout', '0'));
      await expectComplete(4 * BATCH);
    });

    test('a holder on another host is waited for until its lease ends, and named', async () => {
      workspace.inProcess = true;
      await must(workspace.dinmo('sync'));
      const requests = platforms.requests;
      await workspace.sql('update raw.people set active = false where id = 1', leaseElsewhere('1 hour'));
      const refused = await workspace.json('sync', '--lock-timeout', '0');
      expect(refused).toMatchObject({ code: 1, activations: [{ status: 'blocked' }] });
      expect(refused.activations[0]?.reason).toContain('elsewhere.example');
      expect(platforms.requests).toBe(requests);
      await workspace.sql(leaseElsewhere('2 seconds'));
      const [lease] = await workspace.sql(
        `select epoch_ms(lease_expires_at)::varchar as ends from ${STORAGE}.activations`,
      );
      let sentAt = 0;
      platforms.trouble(() => {
        sentAt = Date.now();
        return null;
      });
      await must(workspace.dinmo('sync', '--lock-timeout', '60'));
      expect(sentAt).toBeGreaterThanOrEqual(Number(lease?.['ends']));
      await expectComplete(0);
    });
  });

  describe('rows that the destination refuses', () => {
    const status = async () => await workspace.json('status', '--rejected');
    /** Answers 400 to a request with this text in it, and does not say why. */
    const refuse = (text: string, operation = 'insert'): void =>
      platforms.trouble(({ body }): Fault => {
        const isMeant = body.includes(text) && body.includes(`"operation":"${operation}"`);
        return isMeant ? { status: 400, body: { error: 'invalid request' } } : null;
      });

    beforeEach(async () => {
      workspace.inProcess = true;
      workspace.edit('dinmo/members.yml', 'hook: {', 'hook: {attempts: 2, ');
      await workspace.sql("update raw.people set name = 'BAD' where id in (17, 480)");
      refuse('"BAD"');
    });

    test('are parked when their attempts are used up, shown, and sent at once when they change', async () => {
      for (const parked of ['', '2 of them parked']) {
        const synced = await workspace.json('sync');
        expect(synced).toMatchObject({ code: 1, activations: [{ status: 'partial', rejected: 2 }] });
        expect(synced.activations[0]?.reason).toContain(parked);
      }
      const rejections = (await status()) as unknown as { readonly rejections: readonly Record<string, unknown>[] };
      expect(rejections.rejections).toMatchObject([
        { activation: 'members.hook', key: '17', operation: 'insert', code: 'http-400', attempts: 2, parked: true },
        { activation: 'members.hook', key: '480', parked: true },
      ]);
      const requests = platforms.requests;
      const quiet = await workspace.json('sync');
      expect(quiet).toMatchObject({ code: 0, activations: [{ status: 'succeeded' }] });
      expect(quiet.activations[0]?.reason).toContain('2 rows are parked');
      expect(platforms.requests).toBe(requests);
      await workspace.sql("update raw.people set name = 'Mended' where id = 17");
      expect(await workspace.json('sync')).toMatchObject({ code: 0, activations: [{ accepted: { insert: 1 } }] });
      platforms.trouble(() => null);
      expect(await workspace.json('retry')).toMatchObject({ code: 0, activations: [{ accepted: { insert: 1 } }] });
      expect(await status()).toMatchObject({ rejections: [] });
      await expectComplete(0);
    });

    test('are never parked as removals', async () => {
      platforms.trouble(() => null);
      await must(workspace.dinmo('sync'));
      platforms.newPage();
      await workspace.sql('update raw.people set active = false where id in (17, 480)');
      refuse('{"key":480}', 'delete');
      for (let run = 1; run <= 4; run += 1) {
        const synced = await workspace.json('sync');
        expect(synced, `run ${run}`).toMatchObject({ code: 1, activations: [{ rejected: 1 }] });
        const tried = platforms.server.calls.splice(0).flatMap(keysOf);
        expect(new Set(tried)).toEqual(new Set(run === 1 ? ['17', '480'] : ['480']));
      }
      platforms.trouble(() => null);
      await must(workspace.dinmo('sync'));
      await expectComplete(0);
    });
  });
});

const STORAGE = '"main_DINMO_DELTA_STORAGE"';

function leaseElsewhere(duration: string): string {
  return `update ${STORAGE}.activations set lease_owner = 'theirs', lease_host = 'elsewhere.example', lease_pid = 1,
    lease_started = null, lease_expires_at = now() + interval ${duration}, fence = fence + 1`;
}
