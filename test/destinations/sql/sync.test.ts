import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox } from '../../../src/sandbox/start.ts';
import { people, Shop } from '../../rules/shop.ts';
import { DATABASES, type TestDatabase } from './databases.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await DATABASES.duckdb();
});
afterAll(async () => {
  await database.close();
});

describe('dinmo sync to a table', () => {
  it('keeps a table of objects, an audience and a whole copy', async () => {
    const shop = await Shop.open();
    try {
      const file = `database_type: duckdb, path: "${database.config['path']}", create_table: true`;
      const destination = (title: string, service: string, config: string): string => `  ${title}:
    platform: sql
    service: ${service}
    config: {${file}, ${config}}
`;
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
          `select count(*) as n, count(*) filter (where name = 'Bea') as changed, typeof(max(id)) as type from ${table}`,
        );
        expect(counted, table).toMatchObject([{ n: 48, changed: 1, type: 'BIGINT' }]);
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
