import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench, StillOpen } from '../../pipeline/engine-bench.ts';
import { people, Shop } from '../../rules/shop.ts';
import { makeContext } from '../rows.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 120);

let sandbox: Sandbox;
let http: ClosableHttpClient;
beforeAll(async () => {
  sandbox = await startSandbox({ limits: { klaviyo: { requestsMax: 1_000_000, windowMs: 1_000 } } });
  http = createHttpClient();
});
afterAll(async () => {
  await http.close();
  await sandbox.close();
});

function stateOf(name: string): DestinationState {
  const found = sandbox.state().destinations.find((one) => one.destination === name);
  if (found === undefined) throw new Error(`${name} was never reached`);
  expect(found.violations.latest).toEqual([]);
  return found;
}

describe('dinmo sync to Klaviyo', () => {
  it('sends profiles by a job, or one by one in a small run, and keeps a list', async () => {
    const shop = await Shop.open();
    try {
      shop.workspace.env['KLAVIYO_KEY'] = 's3cr3t-klaviyo-key-7';
      const destination = (name: string, service: string): string => `  ${name}:
    platform: klaviyo
    service: ${service}
    credentials: {api_key: "{{ env_var('KLAVIYO_KEY') }}"}
    base_url: ${sandbox.baseUrl('klaviyo', name)}
`;
      shop.configure({
        vip: `      profiles: {to: klaviyo_profiles, mapping: {email: email, first_name: name, is_fan: {value: true}}}
      members: {to: klaviyo_list, audience: VIP in France}`,
        destinations: destination('klaviyo_profiles', 'objects') + destination('klaviyo_list', 'audiences'),
      });
      await shop.hold(people(1, 60));
      expect(await shop.json('sync')).toMatchObject({
        code: 0,
        activations: [{ accepted: { insert: 60 } }, { accepted: { insert: 60 } }],
      });
      const posts = (name: string): readonly string[] =>
        stateOf(name)
          .log.filter(({ method }) => method !== 'GET')
          .map(({ method, path }) => `${method} ${path.replace(/SbL\d+/, '{id}')}`);
      expect(posts('klaviyo_profiles')).toEqual(['POST /api/profile-bulk-import-jobs']);
      expect(posts('klaviyo_list')).toEqual(['POST /api/lists', 'POST /api/profile-bulk-import-jobs']);
      expect(stateOf('klaviyo_list').audiences).toMatchObject([{ name: 'VIP in France', size: 60 }]);

      // One moves to another address, in place; one leaves.
      const [one, , ...others] = people(1, 60);
      await shop.hold([{ ...one, id: 1, email: 'moved@shop.example' }, ...others]);
      expect(await shop.json('sync', '--allow-deletes')).toMatchObject({ code: 0 });
      const { objects } = stateOf('klaviyo_profiles');
      expect(objects).toMatchObject([{ size: 60, created: 60, updated: 1 }]);
      expect(objects[0]?.records.some(({ fields }) => fields['email'] === 'moved@shop.example')).toBe(true);
      const members = stateOf('klaviyo_list').audiences[0]?.members.map((member) => member['email']?.[0]);
      expect(members).toHaveLength(59);
      expect(members).toContain('moved@shop.example');
      expect(members).not.toContain(one?.email);
    } finally {
      await shop.close();
    }
  });
});

const CONFIG: ServiceContext['config'] = {
  ...{ id_property: 'external_id', delete_existing: true },
  ...{ match_by: 'external_id', metric: 'Placed Order', backfill: false },
};

/** A service of Klaviyo’s on the bench; more changes than go one by one, so that it takes jobs. */
async function activate(bench: EngineBench, service: ServiceKind, name: string): Promise<BenchActivation> {
  const found = await findService('klaviyo', service);
  const session = await found.open(
    makeContext({
      ...{ config: CONFIG, credentials: { api_key: 'key' }, baseUrl: sandbox.baseUrl('klaviyo', name) },
      ...{ http, clock: bench.clock, audienceName: 'vip', changes: 1_000 },
    }),
  );
  const limits = { ...found.facts.limits, rowsPerRequestMax: 4 };
  const { normaliser, validate, homogeneity } = found;
  return {
    ...{ id: `all.${name}`, facts: { ...found.facts, limits }, source: sourceOf(service), deleteExisting: true },
    operations: found.facts.operations,
    ...(normaliser === null ? {} : { normaliser }),
    ...(homogeneity === undefined ? {} : { homogeneity }),
    validate: (row, now) => validate?.(row, now, CONFIG) ?? null,
    send: (batch, signal) => session.send(batch, signal),
    poll: async (job, signal) => (await session.poll?.(job, signal)) ?? { kind: 'accepted' },
  };
}

function sourceOf(service: ServiceKind): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  const mapped = { field: 'plan', source: { kind: 'column', path: ['name'] }, nulls: 'skip', write: 'always' } as const;
  return {
    sql: 'select id as k0, person as i0, name as f0, happened as t from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers:
      service === 'objects' ? [] : [{ ...text('external_id_1', 'i0'), kind: 'external_id', rank: 1, matching: true }],
    fields:
      service === 'audiences'
        ? []
        : [{ mapped: { ...mapped, origin: null }, column: text('name', 'f0'), constantJson: null }],
    eventTime: service === 'events' ? { name: 'event_time', sql: 't', dataType: 'TIMESTAMP' } : null,
    destinationKey: service === 'objects' ? text('external_id', 'i0') : null,
  };
}

/** Dies ever later, syncs again until no job is open, and checks. */
async function killed(service: ServiceKind, check: (round: number, name: string) => void): Promise<void> {
  const bench = new EngineBench();
  const name = `killed_${service}`;
  try {
    const activation = await activate(bench, service, name);
    for (let round = 0, ended = false; !ended; round++) {
      const rows = population(service, round).map((id) => [
        id,
        `c-${id}`,
        nameOf(service, id, round),
        '2026-03-01 11:00:00',
      ]);
      await bench.fill('rows', 'id bigint, person varchar, name varchar, happened timestamp', rows);
      let step = 0;
      bench.mayDie = (where) => {
        if (++step > round * STRIDE) throw new Death(where);
      };
      ended = await bench.sync(activation).then(
        () => true,
        () => false,
      );
      bench.mayDie = () => {};
      for (let tries = 0, isOpen = true; isOpen && tries < 5; tries++) {
        isOpen = await bench.sync(activation).then(
          ({ openJobs }) => openJobs > 0,
          (thrown: unknown) => {
            if (thrown instanceof StillOpen) return true;
            throw thrown;
          },
        );
      }
      check(round, name);
    }
  } finally {
    await bench.close();
  }
}

/** Objects and members change with each round; of events there are ever more. */
function population(service: ServiceKind, round: number): readonly number[] {
  if (service === 'events') return Array.from({ length: 10 * (round + 1) }, (_, i) => i + 1);
  return Array.from({ length: 14 }, (_, i) => i + 1).filter((id) => (id * 7 + round) % 4 !== 0);
}

function nameOf(service: ServiceKind, id: number, round: number): string {
  return service !== 'events' && id % 2 === 0 ? `plan ${id} of ${round}` : `plan ${id}`;
}

describe('killed at any moment, run again', () => {
  it('profiles end equal to the segment', async () => {
    await killed('objects', (round, name) => {
      const records = stateOf(name).objects[0]?.records ?? [];
      const held = records.map(({ fields }) => `${fields['external_id']} ${fields['plan']}`).sort();
      const wanted = population('objects', round).map((id) => `c-${id} ${nameOf('objects', id, round)}`);
      expect(held).toEqual(wanted.sort());
    });
  });

  it('a list ends equal to the segment', async () => {
    await killed('audiences', (round, name) => {
      const held = stateOf(name).audiences.flatMap((one) =>
        one.members.map((member) => String(member['external_id']?.[0])),
      );
      expect(held.sort()).toEqual(
        population('audiences', round)
          .map((id) => `c-${id}`)
          .sort(),
      );
    });
  });

  it('every event is there, and once', async () => {
    await killed('events', (round, name) => {
      const [events] = stateOf(name).events;
      const held = events?.events.map((event) => String((event['properties'] as { plan: string }).plan)) ?? [];
      expect(held.sort()).toEqual(
        population('events', round)
          .map((id) => nameOf('events', id, round))
          .sort(),
      );
    });
  });
});
