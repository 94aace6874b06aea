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
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 150);

let sandbox: Sandbox;
let http: ClosableHttpClient;
beforeAll(async () => {
  sandbox = await startSandbox({ limits: { selligent: { requestsMax: 100_000, windowMs: 60_000 } } });
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

describe('dinmo sync to Selligent', () => {
  it('loads records, those with other fields apart, and a static segment', async () => {
    const shop = await Shop.open();
    try {
      shop.workspace.env['SELLIGENT_SECRET'] = secret('selligent-sync');
      shop.workspace.env['SELLIGENT_KEY'] = 's3cr3t-key-1';
      const destination = (name: string, service: string): string => `  ${name}:
    platform: selligent
    service: ${service}
    config: {host: shop.slgnt.eu, organization: Shop, list: CUSTOMERS}
    credentials: {api_key: "{{ env_var('SELLIGENT_KEY') }}", api_secret: "{{ env_var('SELLIGENT_SECRET') }}"}
    base_url: ${sandbox.baseUrl('selligent', name)}
`;
      shop.configure({
        vip: `      records: {to: engage, mapping: {MAIL: email, NAME: {column: name, nulls: skip}}}
      members: {to: segment, audience: VIP France}`,
        destinations: destination('engage', 'objects') + destination('segment', 'audiences'),
      });
      const [first, ...others] = people(1, 30, { name: 'Ann' });
      await shop.hold([{ ...first, id: 1, name: null }, ...others]);
      expect(await shop.json('sync')).toMatchObject({
        code: 0,
        activations: [{ accepted: { insert: 30 } }, { accepted: { insert: 30 } }],
      });
      expect(stateOf('engage')).toMatchObject({ requests: { rows: 30 }, objects: [{ size: 30, created: 30 }] });
      // The one without a name goes in a load of its own.
      expect(stateOf('engage').log.filter(({ method }) => method === 'POST')).toHaveLength(2);
      expect(stateOf('segment').audiences).toMatchObject([{ name: 'VIP_France', size: 30 }]);
    } finally {
      await shop.close();
    }
  });
});

const CONFIG: ServiceContext['config'] = {
  ...{ host: 'shop.slgnt.eu', organization: 'Shop', list: 'CUSTOMERS', id_field: 'CUSTOMER_ID' },
  ...{ match_by: 'external_id', create_segment: true, delete_existing: true },
};

/** A service on the bench; every process opens a session of its own, which finds the segment or makes it. */
async function activate(bench: EngineBench, service: ServiceKind, name: string): Promise<BenchActivation> {
  const found = await findService('selligent', service);
  let process: Promise<Session> | null = null;
  const open = (): Promise<Session> =>
    found.open(
      makeContext({
        ...{ config: CONFIG, credentials: { api_key: 's3cr3t-key-1', api_secret: secret('selligent-sync') } },
        ...{ baseUrl: sandbox.baseUrl('selligent', name), http, clock: bench.clock, audienceName: 'vip' },
      }),
    );
  const limits = { ...found.facts.limits, rowsPerRequestMax: 4, requestsPerMinuteMax: null };
  const { normaliser, validate, homogeneity } = found;
  return {
    ...{ id: `all.${name}`, facts: { ...found.facts, limits }, source: sourceOf(service), deleteExisting: true },
    operations: found.facts.operations,
    ...(normaliser === null ? {} : { normaliser }),
    ...(homogeneity === undefined ? {} : { homogeneity }),
    validate: (row, now) => validate?.(row, now, CONFIG) ?? null,
    send: async (batch, signal) => {
      process ??= open();
      return (await process).send(batch, signal);
    },
  };
}

function sourceOf(service: ServiceKind): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  return {
    sql: 'select id as k0, person as i0, name as f0 from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers:
      service === 'objects' ? [] : [{ ...text('external_id_1', 'i0'), kind: 'external_id', rank: 1, matching: true }],
    fields:
      service === 'audiences'
        ? []
        : [
            {
              mapped: {
                ...{ field: 'NAME', source: { kind: 'column', path: ['name'] }, nulls: 'skip', write: 'always' },
                origin: null,
              },
              column: text('NAME', 'f0'),
              constantJson: null,
            },
          ],
    eventTime: null,
    destinationKey: service === 'objects' ? text('CUSTOMER_ID', 'i0') : null,
  };
}

/** Who is in the segment, and under which name, in each round. */
function population(round: number): readonly { readonly id: number; readonly person: string; readonly name: string }[] {
  return Array.from({ length: 14 }, (_, i) => i + 1)
    .filter((id) => (id * 7 + round) % 4 !== 0)
    .map((id) => ({ id, person: `c-${id}`, name: id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}` }));
}

/** Dies ever later, syncs again, and checks. */
async function killed(service: ServiceKind, check: (round: number, name: string) => void): Promise<void> {
  const bench = new EngineBench();
  const name = `killed_${service}`;
  sandbox.configure('selligent', name, { selligent: { segments: [] } });
  try {
    for (let round = 0, done = false; !done; round++) {
      const rows = population(round).map(({ id, person, name: called }) => [id, person, called]);
      await bench.fill('rows', 'id bigint, person varchar, name varchar', rows);
      let step = 0;
      bench.mayDie = (where) => {
        if (++step > round * STRIDE + STRIDE / 2) throw new Death(where);
      };
      done = await bench.sync(await activate(bench, service, name)).then(
        () => true,
        () => false,
      );
      bench.mayDie = () => {};
      await bench.sync(await activate(bench, service, name));
      check(round, name);
    }
  } finally {
    await bench.close();
  }
}

describe('killed at any moment, run again', () => {
  it('records end equal to the segment', async () => {
    await killed('objects', (round, name) => {
      const records = stateOf(name).objects[0]?.records ?? [];
      const held = records.map(({ fields }) => `${fields['CUSTOMER_ID']} ${fields['NAME']}`).sort();
      expect(held).toEqual(
        population(round)
          .map((one) => `${one.person} ${one.name}`)
          .sort(),
      );
    });
  });

  it('a static segment, which a load makes, ends equal to the segment', async () => {
    await killed('audiences', (round, name) => {
      const held = stateOf(name).audiences.flatMap((one) => one.members.map((member) => member['CUSTOMER_ID']?.[0]));
      expect(held.sort()).toEqual(
        population(round)
          .map(({ person }) => person)
          .sort(),
      );
    });
  });
});
