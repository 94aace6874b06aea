import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import { startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { people, Shop } from '../../rules/shop.ts';
import { makeContext } from '../rows.ts';
import { DATABASES, type TestDatabase } from './databases.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 40);

let database: TestDatabase;
beforeAll(async () => {
  database = await DATABASES.postgres();
});
afterAll(async () => {
  await database.close();
});

describe('dinmo sync to a table', () => {
  it('keeps a table of objects, an audience and a whole copy', async () => {
    const shop = await Shop.open();
    try {
      shop.workspace.env['PG_PASSWORD'] = 's3cr3t-pg-password-7';
      const { host, port, database: name } = database.config;
      const server = `host: ${host}, port: ${port}, database: ${name}, sslmode: disable, create_table: true`;
      const destination = (title: string, service: string, config: string): string => `  ${title}:
    platform: sql
    service: ${service}
    config: {${server}, ${config}}
    credentials: {user: "{{ env_var('PG_USER') }}", password: "{{ env_var('PG_PASSWORD') }}"}
`;
      shop.workspace.env['PG_USER'] = database.credentials['user'] ?? '';
      shop.configure({
        vip: `      rows: {to: warehouse, operations: [insert, update, delete]}
      list: {to: members, audience: vip_list}
      copy: {to: copies, mode: full, operations: [insert, update, delete]}`,
        destinations:
          destination('warehouse', 'objects', 'table: people, key_column: id, schema: crm') +
          destination('members', 'audiences', 'schema: crm') +
          destination('copies', 'objects', 'table: people_copy, key_column: email'),
      });
      await shop.hold(people(1, 50, { name: "O'Brien" }));
      expect(await shop.json('sync')).toMatchObject({
        code: 0,
        activations: [{ accepted: { insert: 50 } }, { accepted: { insert: 50 } }, { accepted: { insert: 50 } }],
      });
      await shop.hold([...people(1, 47, { name: "O'Brien" }), { id: 48, email: 'p48@example.com', name: 'Bea' }]);
      expect((await shop.json('sync', '--allow-deletes')).code).toBe(0);
      for (const table of ['crm.people', 'crm.vip_list', 'people_copy']) {
        const counted = await database.ask(
          `select count(*) as n, count(*) filter (where name = 'Bea') as changed, pg_typeof(max(id)) as type from ${table}`,
        );
        expect(counted, table).toMatchObject([{ n: '48', changed: '1', type: 'bigint' }]);
      }
    } finally {
      await shop.close();
    }
  });

  it('rehearses in a file of its own, and never reaches the server', async () => {
    const [shop, sandbox] = await Promise.all([Shop.open(), startSandbox()]);
    try {
      shop.configure({
        vip: '      rows: {to: warehouse}',
        destinations: `  warehouse:
    platform: sql
    service: objects
    config: {host: 127.0.0.1, port: 1, database: nowhere, table: people, key_column: id}
    credentials: {user: "{{ env_var('NOT_SET') }}", password: "{{ env_var('NOT_SET') }}"}
`,
      });
      await shop.hold(people(1, 3));
      const rehearsed = await shop.one('sync', '--sandbox', sandbox.url);
      expect(rehearsed).toMatchObject({ code: 0, accepted: { insert: 3 } });
    } finally {
      await sandbox.close();
      await shop.close();
    }
  });
});

const COLUMNS: ServiceContext['columns'] = [{ field: 'name', dataType: 'VARCHAR' }];

function sourceOf(): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  const field = (name: string, column: string): Source['fields'][number] => ({
    mapped: {
      ...{ field: name, source: { kind: 'column', path: [name] }, nulls: 'null', write: 'always' },
      origin: null,
    },
    column: text(name, column),
    constantJson: null,
  });
  return {
    sql: 'select id as k0, person as i0, name as f0 from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers: [],
    fields: [field('name', 'f0')],
    eventTime: null,
    destinationKey: text('person', 'i0'),
  };
}

/** Every process opens a session of its own, at its first batch. */
async function activate(bench: EngineBench, mode: 'delta' | 'full'): Promise<BenchActivation> {
  const service = await findService('sql', 'objects');
  const config = { ...database.config, table: `killed_${mode}`, key_column: 'person', create_table: true };
  const columns = [{ field: 'person', dataType: 'VARCHAR' }, ...COLUMNS];
  const open = () =>
    service.open(makeContext({ config, columns, mode, credentials: database.credentials, clock: bench.clock }));
  let session: ReturnType<typeof open> | null = null;
  bench.mayDie = () => {};
  return {
    ...{ id: `all.${mode}`, source: sourceOf(), mode },
    facts: { ...service.facts, limits: { ...service.facts.limits, rowsPerRequestMax: 4 } },
    operations: service.facts.operations,
    ...(mode === 'full' ? { acknowledges: 'finish' as const, everything: true } : {}),
    send: async (batch, signal) => {
      session ??= open();
      return await (await session).send(batch, signal);
    },
    finish: async () => {
      const opened = session ?? open();
      session = null;
      await (await opened).finish();
    },
  };
}

describe('killed at any moment, run again', () => {
  it.each(['delta', 'full'] as const)('the table ends equal to the segment (%s)', async (mode) => {
    const bench = new EngineBench();
    try {
      for (let round = 0, done = false; !done; round++) {
        const rows = Array.from({ length: 14 }, (_, i) => i + 1)
          .filter((id) => (id * 7 + round) % 4 !== 0)
          .map((id) => [id, `c-${id}`, id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}`] as const);
        await bench.fill('rows', 'id bigint, person varchar, name varchar', rows);
        const dying = await activate(bench, mode);
        let step = 0;
        bench.mayDie = (where) => {
          if (++step > round * STRIDE + STRIDE / 2) throw new Death(where);
        };
        done = await bench.sync(dying).then(
          () => true,
          () => false,
        );
        await bench.sync(await activate(bench, mode));
        const held = await database.ask(`select person, name from killed_${mode} order by person`);
        expect(held).toEqual(
          [...rows].sort((a, b) => (a[1] < b[1] ? -1 : 1)).map(([, person, name]) => ({ person, name })),
        );
      }
    } finally {
      await bench.close();
    }
  });
});
