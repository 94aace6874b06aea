import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { secret } from '../../privacy/canaries.ts';
import { people, Shop } from '../../rules/shop.ts';
import { makeContext } from '../rows.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 200);
const HOUR = 3_600_000;

function stateOf(sandbox: Sandbox, name: string): DestinationState {
  const found = sandbox.state().destinations.find((one) => one.destination === name);
  if (found === undefined) throw new Error(`${name} was never reached`);
  expect(found.violations.latest).toEqual([]);
  return found;
}

describe('dinmo sync to Meta', () => {
  it('writes items by jobs, and replaces an audience where it was told to', async () => {
    const sandbox = await startSandbox();
    const shop = await Shop.open();
    try {
      const destination = (name: string, service: string, config: string): string => `  ${name}:
    platform: meta
    service: ${service}
    config: {${config}}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: ${sandbox.baseUrl('meta', name)}
`;
      const constant = (value: string): string => `{value: "${value}"}`;
      const mapping = `{id: id, title: {column: name}, description: ${constant('A card')}, availability: ${constant('in stock')}, condition: ${constant('new')}, price: ${constant('5')}, link: ${constant('https://shop.example/c')}, image_link: ${constant('https://shop.example/i')}}`;
      shop.configure({
        vip: `      cards: {to: meta_items, mapping: ${mapping}}
      list: {to: meta_list, mode: full}`,
        destinations:
          destination('meta_items', 'objects', 'catalog_id: "42", currency: EUR') +
          destination('meta_list', 'audiences', 'ad_account_id: "7", replace: session'),
      });
      await shop.hold([...people(1, 9, { name: 'Ann' }), { id: 10, email: 'p10@example.com', name: null }]);
      // An item without a title is refused by Meta.
      expect(await shop.json('sync')).toMatchObject({
        code: 1,
        activations: [{ accepted: { insert: 9 }, rejected: 1 }, { accepted: { insert: 10 } }],
      });
      const [items] = stateOf(sandbox, 'meta_items').objects;
      expect(items).toMatchObject({ type: 'PRODUCT_ITEM', size: 9 });
      expect(items?.records[0]?.fields['price']).toBe('5 EUR');
      expect(stateOf(sandbox, 'meta_list').audiences).toMatchObject([{ size: 10, added: 10 }]);
      await shop.hold(people(1, 8, { name: 'Ann' }));
      const { activations } = await shop.json('sync', '--allow-deletes');
      expect(activations).toMatchObject([{ accepted: { insert: 0 } }, { accepted: { update: 8, delete: 2 } }]);
      expect(stateOf(sandbox, 'meta_list').audiences).toMatchObject([{ size: 8, removed: 2 }]);
    } finally {
      await shop.close();
      await sandbox.close();
    }
  });
});

const CONFIG: Readonly<Partial<Record<ServiceKind, ServiceContext['config']>>> = {
  audiences: { ad_account_id: '7', replace: 'session' },
  objects: { catalog_id: '42', item_type: 'PRODUCT_ITEM', id_field: 'id', delete_existing: true },
};
const FIELDS = ['title', 'description', 'availability', 'condition', 'price', 'link', 'image_link'] as const;

function sourceOf(service: ServiceKind): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  const constants: Readonly<Record<string, string>> = {
    ...{ description: '"d"', availability: '"in stock"', condition: '"new"', price: '"1 EUR"' },
    ...{ link: '"https://shop.example/c"', image_link: '"https://shop.example/i"' },
  };
  return {
    sql: 'select id as k0, person as i0, name as f0 from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers: service === 'objects' ? [] : [{ ...text('email_1', 'i0'), kind: 'email', rank: 1, matching: true }],
    fields:
      service === 'audiences'
        ? []
        : FIELDS.map((field) => ({
            mapped: {
              ...{ field, source: { kind: 'column', path: [field] }, nulls: 'skip', write: 'always' },
              origin: null,
            },
            column: field === 'title' ? text('title', 'f0') : null,
            constantJson: constants[field] ?? null,
          })),
    eventTime: null,
    destinationKey: service === 'objects' ? text('id', 'i0') : null,
  };
}

interface Member {
  readonly id: number;
  readonly person: string;
  readonly name: string;
}

/** Who is in the segment, and under which name, in each round; some are known otherwise in each. */
function population(round: number): readonly Member[] {
  return Array.from({ length: 14 }, (_, i) => i + 1)
    .filter((id) => (id * 7 + round) % 4 !== 0)
    .map((id) => ({
      id,
      person: `c${id}.${id % 3 === 0 ? round : 0}@shop.example`,
      name: `name ${id % 2 === 0 ? round : 0}`,
    }));
}

/** A service of Meta on the bench: every sync is a process of its own, with a session of its own. */
class World {
  readonly http = createHttpClient();
  readonly service: ServiceKind;
  readonly sandbox: Sandbox;
  readonly bench: EngineBench;
  #syncs = 0;
  #audienceId: string | null = null;

  constructor(service: ServiceKind, sandbox: Sandbox, bench: EngineBench) {
    this.service = service;
    this.sandbox = sandbox;
    this.bench = bench;
  }

  async sync(): Promise<string | null> {
    const found = await findService('meta', this.service);
    const config = CONFIG[this.service] ?? {};
    let opened: Promise<Session> | null = null;
    const open = async (): Promise<Session> => {
      opened ??= found.open(
        makeContext({
          ...{ config, http: this.http, clock: this.bench.clock, audienceName: 'vip', syncId: `sync-${this.#syncs}` },
          ...{ credentials: { access_token: secret('meta') }, baseUrl: this.sandbox.baseUrl('meta', 'killed') },
          ...{ identifierKinds: [{ kind: 'email', rank: 1 }], audienceId: this.#audienceId },
          mode: this.service === 'audiences' ? 'full' : 'delta',
        }),
      );
      this.#audienceId = (await opened).audienceId;
      return opened;
    };
    this.#syncs += 1;
    const { facts, normaliser, validate } = found;
    const activation: BenchActivation = {
      ...{ id: 'all.killed', source: sourceOf(this.service), operations: facts.operations, deleteExisting: true },
      facts: { ...facts, limits: { ...facts.limits, rowsPerRequestMax: 4 } },
      ...(normaliser === null ? {} : { normaliser }),
      ...(this.service === 'audiences' ? { mode: 'full', acknowledges: 'finish' } : {}),
      validate: (row, now) => validate?.(row, now, config) ?? null,
      send: async (batch, signal) => (await open()).send(batch, signal),
      poll: async (job, signal) => (await (await open()).poll?.(job, signal)) ?? Promise.reject(new Error('no poll')),
      finish: async () => (await open()).finish(),
    };
    return (await this.bench.sync(activation)).stop?.code ?? null;
  }

  async hold(round: number): Promise<void> {
    const rows = population(round).map(({ id, person, name }) => [id, person, name]);
    await this.bench.fill('rows', 'id bigint, person varchar, name varchar', rows);
  }

  /** Dies ever later, `stepOf` await points after the first one of that name; `afterwards` syncs again and checks. */
  async killed(
    { from, stepOf }: { readonly from: string; readonly stepOf: (round: number) => number },
    afterwards: (round: number) => Promise<void>,
  ): Promise<void> {
    for (let round = 0, done = false; !done; round++) {
      await this.hold(round);
      let step = -1;
      this.bench.mayDie = (where) => {
        if (step >= 0 || where.startsWith(from)) step += 1;
        if (step > stepOf(round)) throw new Death(where);
      };
      done = await this.sync().then(
        () => true,
        () => false,
      );
      this.bench.mayDie = () => {};
      await afterwards(round);
    }
  }
}

/** The platform lives by the clock of the bench. */
async function inWorld(service: ServiceKind, check: (world: World) => Promise<void>): Promise<void> {
  const bench = new EngineBench();
  const sandbox = await startSandbox({ clock: bench.clock });
  const world = new World(service, sandbox, bench);
  try {
    await check(world);
  } finally {
    await bench.close();
    await world.http.close();
    await sandbox.close();
  }
}

describe('killed at any moment, run again', () => {
  it('a catalog ends equal to the segment, and jobs of the dead are asked for, not sent again', async () => {
    await inWorld('objects', async (world) => {
      world.sandbox.setFaults({ notReadyCalls: 1 });
      await world.killed({ from: '', stepOf: (round) => round * STRIDE + STRIDE / 2 }, async (round) => {
        await world.sync();
        const records = stateOf(world.sandbox, 'killed').objects[0]?.records ?? [];
        expect(records.map(({ id, fields }) => `${id} ${fields['title']}`).sort()).toEqual(
          population(round)
            .map(({ person, name }) => `${person} ${name}`)
            .sort(),
        );
      });
    });
  });

  it('an audience is the old one or the new one, never half of it, and ends equal to the segment', async () => {
    await inWorld('audiences', async (world) => {
      const wanted = (round: number): string =>
        population(round)
          .map(({ person }) => hash('sha256', person))
          .sort()
          .join();
      const held = (): string =>
        stateOf(world.sandbox, 'killed')
          .audiences.flatMap((one) => one.members.map((member) => member['EMAIL']?.[0] ?? ''))
          .sort()
          .join();
      let before = '';
      let brokeOff = 0;
      await world.killed({ from: 'after request', stepOf: (round) => 6 * round ** 3 }, async (round) => {
        const reached = world.sandbox.state().destinations.length > 0;
        if (reached) expect([before, wanted(round)]).toContain(held());
        // A session that broke off is in the way until Meta has given it up.
        const stop = await world.sync();
        if (stop !== null) {
          brokeOff += 1;
          expect(stop).toBe('meta-2650-1870145');
          expect(held()).toBe(before);
          await world.bench.clock.sleep(1.6 * HOUR);
          expect(await world.sync()).toBeNull();
        }
        before = wanted(round);
        expect(held()).toBe(before);
      });
      expect(brokeOff).toBeGreaterThan(0);
    });
  });
});
