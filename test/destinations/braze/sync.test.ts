import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { people, Shop } from '../../rules/shop.ts';
import { makeContext } from '../rows.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 60);

let sandbox: Sandbox;
let http: ClosableHttpClient;
beforeAll(async () => {
  sandbox = await startSandbox();
  http = createHttpClient();
});
afterEach(() => sandbox.setFaults({ next: [], poison: [] }));
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

describe('dinmo sync to Braze', () => {
  it('sends changed attributes of changed rows only, and keeps the flag of an audience', async () => {
    const shop = await Shop.open();
    try {
      shop.workspace.env['BRAZE_KEY'] = 's3cr3t-braze-key-7';
      const destination = (name: string, service: string, config: string): string => `  ${name}:
    platform: braze
    service: ${service}
    config: {rest_endpoint: rest.fra-01.braze.eu, ${config}}
    credentials: {api_key: "{{ env_var('BRAZE_KEY') }}"}
    base_url: ${sandbox.baseUrl('braze', name)}
`;
      shop.configure({
        vip: `      attributes: {to: braze_users, mapping: {external_id: id, email: email, first_name: name, is_fan: {value: true}}}
      members: {to: braze_list, audience: vip_france}`,
        destinations:
          destination('braze_users', 'objects', 'id_field: external_id') +
          destination('braze_list', 'audiences', 'id_field: email'),
      });
      await shop.hold(people(1, 100));
      expect(await shop.json('sync')).toMatchObject({
        code: 0,
        activations: [{ accepted: { insert: 100 } }, { accepted: { insert: 100 } }],
      });
      expect(stateOf('braze_users')).toMatchObject({
        requests: { total: 2, rows: 100 },
        objects: [{ size: 100, dataPoints: 200 }],
      });

      const [one, , ...others] = people(1, 100);
      await shop.hold([{ ...one, id: 1, name: 'Changed' }, ...others]);
      const { activations } = await shop.json('sync', '--allow-deletes');
      expect(new Map(activations.map(({ activation, accepted }) => [activation, accepted]))).toEqual(
        new Map([
          ['vip.attributes', { insert: 0, update: 1, delete: 0 }],
          ['vip.members', { insert: 0, update: 0, delete: 1 }],
        ]),
      );
      // Attributes are billed by what is sent: a change of nothing that is mapped sends nothing.
      await shop.hold([{ ...one, id: 1, name: 'Changed', agreed: false }, ...others]);
      const { activations: unchanged } = await shop.json('sync');
      expect(unchanged.map(({ accepted }) => accepted)).toEqual(Array(2).fill({ insert: 0, update: 0, delete: 0 }));
      // The row that changed, and nothing of the 98 others; of that row, what changed.
      expect(stateOf('braze_users')).toMatchObject({
        requests: { total: 3, rows: 101 },
        objects: [{ dataPoints: 201 }],
      });
      expect(stateOf('braze_list').audiences).toMatchObject([{ name: 'vip_france', size: 99, removed: 1 }]);
    } finally {
      await shop.close();
    }
  });
});

const CONFIG: ServiceContext['config'] = {
  ...{ rest_endpoint: 'rest.fra-01.braze.eu', id_field: 'external_id', update_existing_only: false },
  ...{ event_name: 'ordered', send_as: 'events', membership: 'attribute', delete_existing: true },
};

/** A service of Braze’s on the bench, and what it has to be told of the rows. */
async function activate(bench: EngineBench, service: ServiceKind, name: string): Promise<BenchActivation> {
  const found = await findService('braze', service);
  const session = await found.open(
    makeContext({
      ...{ config: CONFIG, credentials: { api_key: 'key' }, baseUrl: sandbox.baseUrl('braze', name) },
      ...{ http, clock: bench.clock, audienceName: 'vip' },
    }),
  );
  const limits = { ...found.facts.limits, rowsPerRequestMax: 4 };
  const { normaliser, validate } = found;
  return {
    ...{ id: `all.${name}`, facts: { ...found.facts, limits }, source: sourceOf(service), deleteExisting: true },
    operations: found.facts.operations,
    ...(normaliser === null ? {} : { normaliser }),
    validate: (row, now) => validate?.(row, now, CONFIG) ?? null,
    send: (batch, signal) => session.send(batch, signal),
  };
}

function sourceOf(service: ServiceKind): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  return {
    sql: 'select id as k0, person as i0, name as f0, happened as t from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers:
      service === 'objects' ? [] : [{ ...text('external_id_1', 'i0'), kind: 'external_id', rank: 1, matching: true }],
    fields:
      service === 'audiences'
        ? []
        : [
            {
              mapped: {
                ...{ field: 'name', source: { kind: 'column', path: ['name'] }, nulls: 'skip', write: 'always' },
                origin: null,
              },
              column: text('name', 'f0'),
              constantJson: null,
            },
          ],
    eventTime: service === 'events' ? { name: 'event_time', sql: 't', dataType: 'TIMESTAMP' } : null,
    destinationKey: service === 'objects' ? text('external_id', 'i0') : null,
  };
}

/** Dies ever later, syncs again, and checks. */
async function killed(
  service: ServiceKind,
  check: (round: number, name: string, activation: BenchActivation, bench: EngineBench) => Promise<void>,
): Promise<void> {
  const bench = new EngineBench();
  const name = `killed_${service}`;
  try {
    const activation = await activate(bench, service, name);
    for (let round = 0, ended = false; !ended; round++) {
      await hold(bench, service, round);
      let step = 0;
      bench.mayDie = (where) => {
        if (++step > round * STRIDE + STRIDE / 2) throw new Death(where);
      };
      ended = await bench.sync(activation).then(
        () => true,
        () => false,
      );
      bench.mayDie = () => {};
      await bench.sync(activation);
      await check(round, name, activation, bench);
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
  return service !== 'events' && id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}`;
}

async function hold(bench: EngineBench, service: ServiceKind, round: number): Promise<void> {
  await bench.fill(
    'rows',
    'id bigint, person varchar, name varchar, happened timestamp',
    population(service, round).map((id) => [id, `c-${id}`, nameOf(service, id, round), '2026-03-01 11:00:00']),
  );
}

describe('killed at any moment, run again', () => {
  it('profiles end equal to the segment', async () => {
    await killed('objects', async (round, name) => {
      const records = stateOf(name).objects[0]?.records ?? [];
      const held = records.map(({ fields }) => `${fields['external_id']} ${fields['name']}`).sort();
      const wanted = population('objects', round).map((id) => `c-${id} ${nameOf('objects', id, round)}`);
      expect(held).toEqual(wanted.sort());
    });
  });

  it('an audience ends equal to the segment', async () => {
    await killed('audiences', async (round, name) => {
      const held = stateOf(name).audiences.flatMap((one) => one.members.map((member) => member['external_id']?.[0]));
      expect(held.sort()).toEqual(
        population('audiences', round)
          .map((id) => `c-${id}`)
          .sort(),
      );
    });
  });

  it('no event comes twice, and those that did not come for sure are parked', async () => {
    let missing = 0;
    await killed('events', async (round, name, activation, bench) => {
      const all = stateOf(name).events.flatMap(({ events }) => events.map((event) => String(event['external_id'])));
      expect(new Set(all).size).toBe(all.length);
      const lost = population('events', round).filter((id) => !all.includes(`c-${id}`));
      missing = lost.length;
      // Nothing more is planned for them.
      expect((await bench.plan(activation)).changes).toBe(0);
    });
    // Batches in flight when the process died: of each round at most those of all connections.
    expect(missing).toBeLessThan(40);
  });
});
