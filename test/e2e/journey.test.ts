import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomChanges } from './bakery-changes.ts';
import { BakeryPlatforms, buildBakery, expectEqual, expectEvents, moveBakery } from './bakery-run.ts';
import type { Call, Fault } from './platforms/platform-server.ts';
import { randomNumbers, type Workspace } from './workspace.ts';

/** Of every random choice; set DINMO_E2E_SEED to repeat a history. */
const SEED = Number(process.env['DINMO_E2E_SEED'] ?? 20261122);
const ROUNDS = Number(process.env['DINMO_E2E_ROUNDS'] ?? 4);
const KILLS = Number(process.env['DINMO_E2E_KILLS'] ?? 3);
const ENOUGH_TIME = 600_000;

let platforms: BakeryPlatforms;
let workspace: Workspace;
let built: Workspace;

beforeAll(async () => {
  platforms = await BakeryPlatforms.start();
  built = await buildBakery(60);
  workspace = moveBakery(built, platforms.places);
  built.inProcess = true;
});
afterAll(async () => {
  await platforms?.close();
  workspace?.dispose();
  built?.dispose();
});

/** Now and then the mapping and the mode of the list change, too. */
function changeMapping(workspace: Workspace, below: (below: number) => number): readonly string[] {
  const kinds = [['email', 'phone'], ['email'], ['phone']][below(3)] ?? [];
  const mode = below(3) === 0 ? 'full' : 'delta';
  const file = workspace.read('dinmo/people.yml');
  const block = `meta_people: {audience: Loyal buyers, mode: ${mode}, identifiers: [${kinds.join(', ')}]}`;
  workspace.write('dinmo/people.yml', file.replace(/meta_people: \{.*\}/, block));
  return kinds;
}

describe('round after round of changed data', () => {
  let kinds: readonly string[] = ['email', 'phone'];
  const below = randomNumbers(SEED);

  test('the first sync fills the platforms, the second sends nothing', { timeout: ENOUGH_TIME }, async () => {
    const planned = await workspace.json('plan');
    expect(planned.code).toBe(0);
    expect(platforms.calls).toEqual([]);
    const first = await workspace.json('sync');
    expect(first, first.stderr).toMatchObject({ code: 0, error: null });
    expect(first.activations.map(({ accepted }) => accepted)).toEqual(planned.activations.map((one) => one.planned));
    await expectEqual(workspace, platforms);
    await expectEvents(workspace, platforms);
    workspace.inProcess = true;
    const sent = platforms.calls.length;
    expect((await workspace.json('sync')).code).toBe(0);
    expect(
      platforms.calls.slice(sent).filter(({ method, path }) => method !== 'GET' && !path.includes('/read')),
    ).toEqual([]);
  });

  test.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    'round %i leaves each platform equal to its segment',
    { timeout: ENOUGH_TIME },
    async (round) => {
      await workspace.sql(...randomChanges(below, round));
      if (round % 3 === 0) kinds = changeMapping(workspace, below);
      if (round % 2 === 0) {
        platforms.trouble(randomFaults(below));
        const troubled = await workspace.json('sync');
        expect([0, 1, 4], troubled.stderr).toContain(troubled.code);
        platforms.trouble(() => null);
      }
      const outcome = await workspace.json('sync');
      expect(outcome, outcome.stderr).toMatchObject({ code: 0, error: null });
      await expectEqual(workspace, platforms, kinds);
      await expectEvents(workspace, platforms);
    },
  );
});

describe('killed at any moment, and run again', () => {
  let restarted: BakeryPlatforms;
  let killed: Workspace;
  const below = randomNumbers(SEED + 1);

  beforeAll(async () => {
    restarted = await BakeryPlatforms.start();
    killed = moveBakery(built, restarted.places);
  });
  afterAll(async () => {
    await restarted?.close();
    killed?.dispose();
  });

  test(`${KILLS} deaths, and the platforms are right after each third`, { timeout: ENOUGH_TIME }, async () => {
    let kinds: readonly string[] = ['email', 'phone'];
    for (let death = 1; death <= KILLS; death += 1) {
      await killed.sql(...randomChanges(below, death));
      if (death % 4 === 0) kinds = changeMapping(killed, below);
      await endAtRandom(death % 6 === 0 ? 'SIGTERM' : 'SIGKILL');
      if (death % 3 !== 0 && death !== KILLS) continue;
      const outcome = await killed.json('sync');
      expect(outcome, `after death ${death}: ${outcome.stderr}`).toMatchObject({ code: 0, error: null });
      await expectEqual(killed, restarted, kinds);
      await expectEvents(killed, restarted);
    }
    // A death costs at most the batches in flight.
    const repeated = [...restarted.hook.inserts]
      .filter(([key]) => key.startsWith('bought.'))
      .map(([, count]) => count - 1);
    expect(repeated.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(KILLS * 4 * 7);
  });

  /** Ends a sync at a random request, or at a random time. */
  async function endAtRandom(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = killed.start('sync');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let left = below(14);
    const end = below(2) === 0 ? 'cut-before' : 'cut-after';
    const timer = below(3) === 0 ? setTimeout(() => child.kill(signal), 300 + below(1700)) : null;
    restarted.trouble(() => {
      left -= 1;
      if (timer !== null || left !== 0) return null;
      child.kill(signal);
      return signal === 'SIGKILL' ? end : null;
    });
    await ended;
    if (timer !== null) clearTimeout(timer);
    restarted.trouble(() => null);
  }
});

function randomFaults(below: (below: number) => number): (call: Call) => Fault {
  return () => {
    switch (below(12)) {
      case 0:
        return { status: 429, headers: { 'retry-after': '0' }, body: { status: 'error', category: 'RATE_LIMITS' } };
      case 1:
        return { status: 503, body: {} };
      case 2:
        return 'cut-before';
      case 3:
        return 'cut-after';
      default:
        return null;
    }
  };
}
