import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { eventId } from '../../../src/destinations/event-id.ts';
import { audienceNormaliser } from '../../../src/destinations/google/normalise.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import { tableSuffix } from '../../../src/diff/state-tables.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench, type Synced } from '../../pipeline/engine-bench.ts';
import { people, Shop } from '../../rules/shop.ts';
import { makeBatch, makeRow } from '../rows.ts';
import { AUDIENCE, CONVERSION, World } from './world.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 200);

const SOURCE: Source = {
  sql: 'select id as k0, email as i0, happened as t from rows',
  keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
  identifiers: [{ name: 'email_1', sql: 'i0', dataType: 'VARCHAR', kind: 'email', rank: 1, matching: true }],
  fields: [],
  eventTime: null,
  destinationKey: null,
};

/** Google on the bench: each sync is a process of its own, with a session of its own. */
class Activation {
  readonly bench = new EngineBench();
  readonly world = new World(this.bench.clock);
  readonly service: ServiceKind;
  #audienceId: string | null = null;

  constructor(service: ServiceKind) {
    this.service = service;
    this.world.notReadyCalls = 1;
  }

  async sync(change: Partial<BenchActivation> & { readonly replace?: string } = {}): Promise<Synced> {
    const { facts, normaliser, validate } = await findService('google', this.service);
    const base = this.service === 'events' ? CONVERSION : AUDIENCE;
    const { replace = 'delta', ...settings } = change;
    const config = { ...base, replace, ...settings.config } as ServiceContext['config']; // a test’s own
    const session = await this.world.open(this.service, {
      ...{ config, audienceId: this.#audienceId, mode: change.mode ?? facts.defaultMode, activation: 'all.google' },
    });
    this.#audienceId = session.audienceId;
    const eventTime = { name: 'event_time', sql: 't', dataType: 'TIMESTAMP' };
    return await this.bench.sync({
      ...{ id: 'all.google', facts: { ...facts, limits: { ...facts.limits, rowsPerRequestMax: 4 } } },
      source: this.service === 'events' ? { ...SOURCE, eventTime } : SOURCE,
      ...(normaliser === null ? {} : { normaliser }),
      validate: (row, now) => validate?.(row, now, config) ?? null,
      send: (batch, signal) => session.send(batch, signal),
      poll: (job, signal) => session.poll?.(job, signal) ?? Promise.reject(new Error('it has jobs')),
      finish: () => session.finish(),
      ...settings,
    });
  }

  hold(emails: ReadonlyMap<number, string>): Promise<void> {
    const rows = [...emails].map(([id, email]) => [id, email, '2026-03-01 11:00:00'] as const);
    return this.bench.fill('rows', 'id bigint, email varchar, happened timestamp', rows);
  }

  /** Dies ever later, syncs again, and checks, until no death is met. */
  async killed(
    emailsOf: (round: number) => ReadonlyMap<number, string>,
    check: (round: number) => void,
  ): Promise<void> {
    for (let round = 0, ended = false; !ended; round++) {
      await this.hold(emailsOf(round));
      let step = 0;
      this.bench.mayDie = (where) => {
        if (++step > round * STRIDE) throw new Death(where);
      };
      ended = await this.sync().then(
        () => true,
        () => false,
      );
      this.bench.mayDie = () => {};
      await this.sync();
      check(round);
      expect(this.world.violations).toEqual([]);
    }
  }
}

const DAY_MS = 86_400_000;
const hashOf = (email: string): string => audienceNormaliser.normalise('email', email, {}) ?? '';

/** Some leave and some have another address with each round. */
function members(round: number): ReadonlyMap<number, string> {
  const ids = Array.from({ length: 14 }, (_, index) => index + 1).filter((id) => (id * 7 + round) % 4 !== 0);
  return new Map(ids.map((id) => [id, `p${id}.${id % 3 === 0 ? round : 0}@shop.example`]));
}

describe('killed at any moment, with jobs that take their time, and run again', () => {
  it('a list ends equal to the segment', async () => {
    const activation = new Activation('audiences');
    await activation.killed(members, (round) => {
      expect(activation.world.held()).toEqual([...members(round).values()].map(hashOf).sort());
    });
    await activation.bench.close();
  });

  it('each event is one conversion', async () => {
    const activation = new Activation('events');
    const events = (round: number): ReadonlyMap<number, string> =>
      new Map(Array.from({ length: 8 * (round + 1) }, (_, index) => [index + 1, `p${index + 1}@shop.example`]));
    await activation.killed(events, (round) => {
      const [set] = activation.world.simulated.holdings(1_000).events;
      const held = set?.events.map((event) => event['transactionId']).sort();
      expect(held).toEqual([...events(round).keys()].map((id) => eventId('all.google', '987', String(id))).sort());
    });
    await activation.bench.close();
  });

  it('a full sync by watermark leaves exactly the segment, without others’ members', async () => {
    const activation = new Activation('audiences');
    const { bench, world } = activation;
    await activation.hold(members(0));
    await activation.sync();
    const other = await world.open('audiences');
    const stranger = { kind: 'email', value: hashOf('stranger@shop.example'), rank: 1, recordId: null } as const;
    await other.send(makeBatch([makeRow({ seq: 1, identifiers: [stranger] })]), new AbortController().signal);
    expect(world.held()).toContain(stranger.value);
    await bench.clock.sleep(3_600_000);
    await activation.hold(members(1));
    await activation.sync({ mode: 'full', replace: 'watermark' });
    expect(world.held()).toEqual([...members(1).values()].map(hashOf).sort());
    await bench.close();
  });
});

describe('memberships of 60 days', () => {
  const config = { membership_days: 60 };
  const SNAPSHOT = `"DELTA"."snapshot_${tableSuffix('all.google')}"`;
  const crowd = new Map(Array.from({ length: 16 }, (_, index) => [index + 1, `p${index + 1}@shop.example`]));
  const everybody = [...crowd.values()].map(hashOf).sort();

  /** Members by now: Google looks at its clock when it is asked for something. */
  async function held({ world }: Activation): Promise<readonly string[]> {
    await world.open('audiences');
    return world.held();
  }

  /** A list after its first sync, and time that passes. */
  async function begin(): Promise<{ readonly list: Activation; readonly wait: (days: number) => Promise<void> }> {
    const list = new Activation('audiences');
    await list.hold(crowd);
    await list.sync({ config });
    return { list, wait: (days) => list.bench.clock.sleep(days * DAY_MS) };
  }

  it('are renewed before they end, not all on one day, and nothing else is sent', async () => {
    const { list, wait } = await begin();
    await wait(30);
    expect((await list.sync({ config })).plan).toMatchObject({ refreshed: 0, changes: 0, unchanged: 16 });
    const refreshed: number[] = [];
    await wait(18);
    for (let day = 48; day <= 117; day += 3) {
      if (day > 60 && day < 99) {
        await wait(3);
        continue;
      }
      const { plan, counts } = await list.sync({ config });
      refreshed.push(plan.refreshed);
      expect(plan.planned).toEqual({ insert: 0, update: plan.refreshed, delete: 0 });
      expect(counts?.accepted.update).toBe(plan.refreshed);
      expect(plan.unchanged).toBe(16 - plan.refreshed);
      expect(await held(list)).toEqual(everybody);
      await wait(3);
      expect(await held(list)).toEqual(everybody);
    }
    // Each of them once in each of two rounds.
    expect(refreshed[0]).toBe(0);
    expect(Math.max(...refreshed)).toBeLessThan(16);
    expect(refreshed.reduce((sum, some) => sum + some)).toBe(32);
    await list.bench.close();
  });

  it('of a snapshot that does not say when they were sent count from the day of the upgrade', async () => {
    const { list, wait } = await begin();
    await list.bench.run(`alter table ${SNAPSHOT} drop column sent_day`);
    await wait(20);
    expect((await list.sync({ config })).plan).toMatchObject({ refreshed: 0, changes: 0 });
    await wait(37);
    expect((await list.sync({ config })).plan.refreshed).toBe(0);
    await wait(20);
    expect((await list.sync({ config })).plan.refreshed).toBe(16);
    await list.bench.close();
  });

  it('are renewed as inserts where no update is allowed; who comes back after the end is sent again', async () => {
    const { list, wait } = await begin();
    await wait(57);
    const inserting = await list.sync({ config, operations: ['insert'] });
    expect(inserting.plan).toMatchObject({ refreshed: 16, planned: { insert: 16, update: 0 } });
    const few = new Map([...crowd].slice(1));
    await list.hold(few);
    await list.sync({ config, operations: ['insert', 'update'] });
    await wait(57);
    await list.sync({ config, operations: ['insert', 'update'] });
    await wait(10);
    expect(await held(list)).toHaveLength(15);
    await list.hold(crowd);
    await list.sync({ config, operations: ['insert', 'update'] });
    expect(await held(list)).toEqual(everybody);
    await list.bench.close();
  });
});

describe('dinmo sync to Google', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox();
  });
  afterAll(() => sandbox.close());

  const heldBy = (name: string): readonly string[] => {
    const found = sandbox.state().destinations.find(({ destination }) => destination === name);
    expect(found?.violations.count ?? 0).toBe(0);
    return (found?.audiences ?? [])
      .flatMap(({ members: some }) => some.flatMap((member) => member['emailAddress'] ?? []))
      .sort();
  };
  const hashesOf = (some: readonly { readonly id: number | null }[]): readonly string[] =>
    some.map(({ id }) => hashOf(`p${id}@example.com`)).sort();

  it('asks first, makes lists, accepts what has been processed, and sends nobody without consent', async () => {
    const shop = await Shop.open();
    try {
      shop.workspace.env['G_KEY'] = 's3cr3t-google-7';
      const destination = (name: string, config: string): string => `  ${name}:
    platform: google
    service: audiences
    config: {customer_id: 123-456-7890, terms_accepted: true, ${config}}
    credentials: {service_account_json: "{{ env_var('G_KEY') }}"}
    base_url: ${sandbox.baseUrl('google', name)}
`;
      const granted = 'consent_ad_user_data: granted, consent_ad_personalization: granted';
      shop.configure({
        vip: `      everybody: {audience: VIP France}
      consented: {mapping: {ad_user_data: name, ad_personalization: name}}`,
        destinations:
          destination('everybody', granted) + destination('consented', 'login_customer_id: 99, confirm: taken'),
      });
      const agreed = people(1, 20, { name: 'granted' });
      const others = [...people(21, 22, { name: 'denied' }), ...people(23, 24)];
      await shop.hold([...agreed, ...others]);
      const asked = await shop.json('plan', '--remote');
      expect(asked).toMatchObject({ code: 0, activations: [1, 2].map(() => ({ remote: { asked: true, ok: true } })) });
      expect(sandbox.state().destinations.flatMap(({ audiences }) => audiences)).toEqual([]);
      const { activations } = await shop.json('sync');
      expect(
        new Map(activations.map(({ activation, accepted, invalid }) => [activation, [accepted?.insert, invalid]])),
      ).toEqual(
        new Map([
          ['vip.everybody', [24, 0]],
          ['vip.consented', [20, 4]],
        ]),
      );
      expect(heldBy('everybody')).toEqual(hashesOf([...agreed, ...others]));
      expect(heldBy('consented')).toEqual(hashesOf(agreed));

      // The state is of a version that did not know when members were sent.
      const snapshot = shop.stored(`snapshot_${tableSuffix('vip.consented')}`);
      await shop.sql(`alter table ${snapshot} drop column sent_day`);
      // One withdraws consent, one joins, and the platform is shown both before anything is sent.
      await shop.hold([
        ...agreed.slice(1),
        ...people(1, 1, { name: 'denied' }),
        ...people(25, 25, { name: 'granted' }),
      ]);
      const select = ['--select', '*.consented', '--allow-deletes'];
      sandbox.setFaults({ poison: [hashOf('p25@example.com')] });
      expect(await shop.json('plan', '--remote', ...select)).toMatchObject({
        code: 1,
        activations: [{ remote: { ok: false, detail: expect.stringContaining('google-invalid-format') } }],
      });
      sandbox.setFaults({ poison: [] });
      expect(await shop.json('plan', '--remote', ...select)).toMatchObject({
        code: 0,
        activations: [{ planned: { insert: 1, delete: 1 }, remote: { detail: expect.stringContaining('1 shown') } }],
      });
      expect(heldBy('consented')).toEqual(hashesOf(agreed));
      expect(await shop.json('sync', ...select)).toMatchObject({
        activations: [{ accepted: { insert: 1, delete: 1 } }],
      });
      expect(heldBy('consented')).toEqual(hashesOf([...agreed.slice(1), { id: 25 }]));
      const [days] = await shop.sql(`select min(sent_day) as first, count(sent_day) as dated from ${snapshot}`);
      expect([Number(days?.['first']), Number(days?.['dated'])]).toEqual([Math.floor(Date.now() / DAY_MS), 20]);
    } finally {
      await shop.close();
    }
  });
});
