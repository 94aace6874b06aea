import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { secret } from '../../privacy/canaries.ts';
import { people, Shop } from '../../rules/shop.ts';
import { makeContext } from '../rows.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 80);

let sandbox: Sandbox;
let http: ClosableHttpClient;
beforeAll(async () => {
  sandbox = await startSandbox({ limits: { zendesk: { requestsMax: 100_000, windowMs: 60_000 } } });
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

describe('dinmo sync to Zendesk', () => {
  it('writes users by jobs, and tags an audience', async () => {
    const shop = await Shop.open();
    try {
      shop.workspace.env['ZENDESK_TOKEN'] = 's3cr3t-zendesk-token-7';
      const destination = (name: string, service: string): string => `  ${name}:
    platform: zendesk
    service: ${service}
    config: {subdomain: shop, requests_per_minute: 700}
    credentials: {access_token: "{{ env_var('ZENDESK_TOKEN') }}"}
    base_url: ${sandbox.baseUrl('zendesk', name)}
`;
      shop.configure({
        vip: `      users: {to: desk, operations: [insert, update, delete], mapping: {name: {column: name}, email: email}}
      tag: {to: tags, audience: VIP France}`,
        destinations: destination('desk', 'objects') + destination('tags', 'audiences'),
      });
      await shop.hold([...people(1, 29, { name: 'Ann' }), { id: 30, email: 'p30@example.com', name: '' }]);
      // A new user needs a name.
      expect(await shop.json('sync')).toMatchObject({
        code: 1,
        activations: [{ accepted: { insert: 29 }, rejected: 1 }, { accepted: { insert: 30 } }],
      });
      expect(stateOf('desk').objects).toMatchObject([{ type: 'users', size: 29 }]);
      expect(stateOf('tags').audiences).toMatchObject([{ name: 'vip_france', size: 30 }]);
      await shop.hold(people(1, 28, { name: 'Ann' }));
      const { activations } = await shop.json('sync', '--allow-deletes');
      expect(activations).toMatchObject([
        { accepted: { insert: 0, update: 0, delete: 1 } },
        { accepted: { insert: 0, update: 0, delete: 2 } },
      ]);
      expect(stateOf('desk').objects).toMatchObject([{ size: 28, created: 29, deleted: 1 }]);
      expect(stateOf('tags').audiences).toMatchObject([{ size: 28, removed: 2 }]);
    } finally {
      await shop.close();
    }
  });
});

const CONFIG: ServiceContext['config'] = {
  ...{ subdomain: 'shop', object_type: 'users', id_field: 'external_id', delete_existing: true },
  ...{ requests_per_minute: 180, create_users: true },
};

/** A service on the bench; every process opens a session of its own. */
async function activate(bench: EngineBench, service: ServiceKind, name: string): Promise<BenchActivation> {
  const found = await findService('zendesk', service);
  const open = (): Promise<Session> =>
    found.open(
      makeContext({
        ...{
          config: CONFIG,
          credentials: { access_token: secret('zendesk') },
          baseUrl: sandbox.baseUrl('zendesk', name),
        },
        ...{ http, clock: bench.clock, audienceName: 'vip', identifierKinds: [{ kind: 'email', rank: 1 }] },
      }),
    );
  const limits = { ...found.facts.limits, rowsPerRequestMax: 4, requestsPerMinuteMax: null };
  const { normaliser, validate } = found;
  return {
    ...{ id: `all.${name}`, facts: { ...found.facts, limits }, source: sourceOf(service), deleteExisting: true },
    operations: found.facts.operations,
    ...(normaliser === null ? {} : { normaliser }),
    validate: (row, now) => validate?.(row, now, CONFIG) ?? null,
    send: async (batch, signal) => (await open()).send(batch, signal),
    ...(service === 'objects'
      ? {
          poll: async (job, signal) =>
            (await (await open()).poll?.(job, signal)) ?? Promise.reject(new Error('no poll')),
        }
      : {}),
  };
}

function sourceOf(service: ServiceKind): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  return {
    sql: 'select id as k0, person as i0, name as f0 from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers: service === 'objects' ? [] : [{ ...text('email_1', 'i0'), kind: 'email', rank: 1, matching: true }],
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
    eventTime: null,
    destinationKey: service === 'objects' ? text('external_id', 'i0') : null,
  };
}

/** Who is in the segment, and under which name, in each round. */
function population(round: number): readonly { readonly id: number; readonly person: string; readonly name: string }[] {
  return Array.from({ length: 14 }, (_, i) => i + 1)
    .filter((id) => (id * 7 + round) % 4 !== 0)
    .map((id) => ({ id, person: `c${id}@shop.example`, name: id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}` }));
}

/** Dies ever later, syncs again, and checks. */
async function killed(service: ServiceKind, check: (round: number, name: string) => void): Promise<void> {
  const bench = new EngineBench();
  const name = `killed_${service}`;
  try {
    const activation = await activate(bench, service, name);
    for (let round = 0, done = false; !done; round++) {
      const rows = population(round).map(({ id, person, name: called }) => [id, person, called]);
      await bench.fill('rows', 'id bigint, person varchar, name varchar', rows);
      let step = 0;
      bench.mayDie = (where) => {
        if (++step > round * STRIDE + STRIDE / 2) throw new Death(where);
      };
      done = await bench.sync(activation).then(
        () => true,
        () => false,
      );
      bench.mayDie = () => {};
      await bench.sync(activation);
      check(round, name);
    }
  } finally {
    await bench.close();
  }
}

describe('killed at any moment, run again', () => {
  it('users end equal to the segment, and jobs of the dead are asked for, not sent again', async () => {
    // Jobs take a while, so that processes die in between.
    sandbox.setFaults({ notReadyCalls: 1 });
    await killed('objects', (round, name) => {
      const records = stateOf(name).objects[0]?.records ?? [];
      const held = records.map(({ fields }) => `${fields['external_id']} ${fields['name']}`).sort();
      expect(held).toEqual(
        population(round)
          .map((one) => `${one.person} ${one.name}`)
          .sort(),
      );
    });
    sandbox.setFaults({ notReadyCalls: null });
  });

  it('a tag ends equal to the segment', async () => {
    await killed('audiences', (round, name) => {
      const held = stateOf(name).audiences.flatMap((one) => one.members.map((member) => member['email']?.[0]));
      expect(held.sort()).toEqual(
        population(round)
          .map(({ person }) => person)
          .sort(),
      );
    });
  });
});
