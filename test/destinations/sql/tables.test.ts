import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { fieldsOf, makeBatch, makeContext, makeRow } from '../rows.ts';
import { DATABASES, type TestDatabase } from './databases.ts';
import { describeKilled } from './killed.ts';

const COLUMNS: ServiceContext['columns'] = [
  { field: 'id', dataType: 'BIGINT' },
  { field: 'name', dataType: 'VARCHAR' },
  { field: 'spent', dataType: 'DECIMAL(18,2)' },
  { field: 'tags', dataType: 'VARCHAR[]' },
  { field: 'extra', dataType: 'JSON' },
  { field: 'seen', dataType: 'TIMESTAMP WITH TIME ZONE' },
];
const ann = row(1, {
  id: 1,
  name: 'Ann',
  spent: '12.50',
  tags: ['a', 'b'],
  extra: { z: 1 },
  seen: '2026-06-15T12:00:00.000Z',
});
const bob = row(2, { id: 2, name: "O'Brien", spent: null, tags: null, extra: null, seen: null });

function row(seq: number, fields: Parameters<typeof fieldsOf>[0], part: Partial<OutgoingRow> = {}): OutgoingRow {
  const key = String(fields['id'] ?? seq);
  const { fields: _read, ...rest } = part;
  return makeRow({ seq, key, keyJson: key, fieldsJson: fieldsOf(fields), ...rest });
}

const gone = (seq: number, key: string, part: Partial<OutgoingRow> = {}): OutgoingRow => {
  const { fields: _read, ...rest } = part;
  return makeRow({ seq, key, keyJson: key, operation: 'delete', ...rest });
};

describe.each(['postgres', 'duckdb'] as const)('a table in %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await DATABASES[kind]();
  });
  afterAll(async () => {
    await database.close();
  });

  type Part = Partial<Omit<ServiceContext, 'config'>> & { readonly config: ServiceContext['config'] };
  const open = async (
    { config, ...part }: Part,
    name: 'objects' | 'audiences' | 'events' = 'objects',
  ): Promise<Session> =>
    (await findService('sql', name)).open(
      makeContext({
        credentials: database.credentials,
        columns: COLUMNS,
        ...part,
        config: { ...database.config, ...(name === 'objects' ? { key_column: 'id' } : {}), ...config },
      }),
    );
  const send = async (session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> =>
    await session.send(makeBatch(rows), new AbortController().signal);
  /** One session from the first row to its end. */
  const sync = async (part: Part, ...batches: (readonly OutgoingRow[])[]): Promise<readonly BatchOutcome[]> => {
    const session = await open(part);
    const outcomes: BatchOutcome[] = [];
    for (const rows of batches) outcomes.push(await send(session, rows));
    await session.finish();
    return outcomes;
  };

  it('is made with the types of the mapping, and holds what is sent, in any schema and under any name', async () => {
    const config = { schema: 'Odd Schema', table: 'select', create_table: true };
    const outcomes = await sync(
      { config },
      [ann, bob],
      [row(3, { id: 2, name: 'Bo' }, { operation: 'update' })],
      [gone(4, '1')],
    );
    expect(outcomes).toMatchObject([
      {
        receipts: [
          { seq: 1, status: 'accepted', created: true },
          { seq: 2, created: true },
        ],
      },
      { receipts: [{ seq: 3, status: 'accepted' }] },
      { receipts: [{ seq: 4, status: 'accepted' }] },
    ]);
    const at = '"Odd Schema"."select"';
    // A field that a row does not carry keeps its value.
    expect(await database.ask(`select name, cast(spent as varchar) as spent from ${at}`)).toEqual([
      { name: 'Bo', spent: null },
    ]);
    await sync({ config }, [ann]);
    const read = `select cast(spent as varchar) as spent, tags[2] as tag, cast(extra as varchar) as extra, cast(seen at time zone 'UTC' as varchar) as seen from ${at} where id = 1`;
    expect(await database.ask(read)).toEqual([
      { spent: '12.50', tag: 'b', extra: expect.stringMatching(/^\{"z": ?1\}$/), seen: '2026-06-15 12:00:00' },
    ]);
    expect(await database.ask(`select count(*) as n from ${at} where tags is null and extra is null`)).toEqual([
      { n: kind === 'postgres' ? '1' : 1 },
    ]);
  });

  it('gets the columns that it lacks where asked, and is refused with the statement to run where not', async () => {
    await database.ask('create table narrow (id bigint primary key)');
    await expect(open({ config: { table: 'narrow' } })).rejects.toMatchObject({
      code: 'column-missing',
      fix: expect.stringContaining('add column "name" text'),
    });
    await expect(open({ config: { table: 'nowhere' } })).rejects.toMatchObject({
      code: 'table-missing',
      fix: expect.stringContaining('create table'),
    });
    await sync({ config: { table: 'narrow', create_table: true } }, [ann]);
    expect(await database.ask('select name from narrow')).toEqual([{ name: 'Ann' }]);
    await expect(open({ config: { table: 'no"where' } })).rejects.toMatchObject({ code: 'invalid-setting' });
  });

  it('names the rows of a table of others that were there before, and leaves one of unknown age alone', async () => {
    await database.ask('create table theirs (id bigint primary key, name text)');
    await database.ask("insert into theirs values (1, 'Old'), (9, 'Nine')");
    const columns = COLUMNS.slice(0, 2);
    const rows = [row(1, { id: 1, name: 'Ann' }), row(2, { id: 2, name: 'Bo' })];
    const deletions = [gone(3, '2'), gone(4, '9', { createdSince: '2026-01-01T00:00:00Z' })];
    const [first] = await sync({ config: { table: 'theirs' }, columns }, rows, deletions);
    expect(first).toMatchObject({ receipts: [{ created: false }, { created: true }] });
    expect(await database.ask('select id, name from theirs order by id')).toMatchObject([
      { name: 'Ann' },
      { name: 'Nine' },
    ]);
  });

  it('takes nothing of a batch with a bad value, and says so without the value', async () => {
    await database.ask('create table strict (id bigint primary key, spent integer check (spent < 100))');
    const columns = [COLUMNS[0], COLUMNS[2]].flatMap((column) => column ?? []);
    const session = await open({ config: { table: 'strict' }, columns });
    const good = row(1, { id: 1, spent: 5 });
    const outcome = await send(session, [good, row(2, { id: 2, spent: 'Zebulon' })]);
    expect(outcome).toMatchObject({ kind: 'narrow' });
    expect(JSON.stringify(outcome)).not.toContain('Zebulon');
    expect(await send(session, [row(2, { id: 2, spent: 100 })])).toMatchObject({ kind: 'narrow' });
    expect(await send(session, [good])).toMatchObject({ receipts: [{ status: 'accepted' }] });
    await session.finish();
    expect(await database.ask('select id, spent from strict')).toMatchObject([{ spent: 5 }]);
  });

  it('keeps arrays of JSON, and takes nothing for an array that is none', async () => {
    const columns = [
      { field: 'id', dataType: 'BIGINT' },
      ...['tags', 'docs'].map((field) => ({ field, dataType: field === 'tags' ? 'BIGINT[]' : 'JSON[]' })),
    ];
    const config = { table: 'lists', create_table: true };
    const [kept] = await sync({ config, columns }, [
      row(1, { id: 1, tags: [2n ** 53n + 1n, null], docs: [{ a: 1 }, null, 'text'] }),
    ]);
    expect(kept).toMatchObject({ receipts: [{ status: 'accepted' }] });
    expect(
      await database.ask('select cast(docs as varchar) as docs, cast(tags[1] as varchar) as tag from lists'),
    ).toEqual([{ docs: expect.stringMatching(/a.*:.*1.*NULL.*text/), tag: '9007199254740993' }]);
    for (const tags of ['Zebulon', { a: 1 }] as const)
      expect((await sync({ config, columns }, [row(1, { id: 2, tags })]))[0]).toMatchObject({ kind: 'narrow' });
  });

  it('does not make the table of an audience again that somebody dropped, but where every member comes along', async () => {
    const config = { create_table: true };
    const part = { config, audienceName: 'dropped', columns: COLUMNS.slice(1, 2) };
    const first = await open(part, 'audiences');
    await first.finish();
    const { audienceId } = first;
    await database.ask('drop table dropped');
    await expect(open({ ...part, audienceId }, 'audiences')).rejects.toMatchObject({
      code: 'table-missing',
      fix: expect.stringMatching(/create table .*--full-refresh/),
    });
    await (await open({ ...part, audienceId, mode: 'full' }, 'audiences')).finish();
    await (await open({ ...part, audienceId }, 'audiences')).finish();
  });

  it('refuses a key column without a unique constraint', async () => {
    await database.ask('create table loose (id bigint, name text)');
    const [outcome] = await sync({ config: { table: 'loose' }, columns: COLUMNS.slice(0, 2) }, [
      row(1, { id: 1, name: 'Ann' }),
    ]);
    expect(outcome).toMatchObject({ kind: 'refused', fix: expect.stringContaining('unique constraint') });
  });

  it('is replaced at once by a full sync, and not at all by one that ends early', async () => {
    const part = { config: { table: 'whole', create_table: true }, mode: 'full' as const };
    await sync(part, [ann, bob]);
    const abandoned = await open(part);
    await send(abandoned, [row(1, { id: 7, name: 'Seven' })]);
    await abandoned.abandon();
    const crashed = await open(part);
    await send(crashed, [row(1, { id: 8, name: 'Eight' })]);
    if (kind === 'duckdb') await crashed.abandon();
    expect(await database.ask('select name from whole order by id')).toMatchObject([
      { name: 'Ann' },
      { name: "O'Brien" },
    ]);
    const rows = [row(1, { id: 2, name: 'Bo' }), row(2, { id: 3, name: 'Cy' })];
    // Sent twice: an answer was lost. Deletions have nothing to do.
    const outcomes = await sync(part, rows, rows, [gone(3, '1')]);
    expect(outcomes.at(-1)).toEqual({ kind: 'accepted' });
    expect(await database.ask('select name from whole order by id')).toMatchObject([{ name: 'Bo' }, { name: 'Cy' }]);
    const tables = `select table_name from information_schema.tables where table_name like 'whole%'`;
    expect(await database.ask(tables)).toHaveLength(1);
    // It is a table to go on with: its key is still one.
    await sync({ config: part.config }, [row(1, { id: 3, name: 'Cyd' })]);
    expect(await database.ask('select name from whole where id = 3')).toMatchObject([{ name: 'Cyd' }]);
    await crashed.abandon();
  });

  it('is rewritten by a full sync where a view depends on it, and keeps its indexes', async () => {
    const part = { config: { table: 'seen_by', create_table: true }, mode: 'full' as const };
    await sync(part, [ann, bob]);
    await database.ask('create view over_it as select name from seen_by');
    await sync(part, [row(1, { id: 5, name: 'Eve' })]);
    expect(await database.ask('select name from over_it')).toMatchObject([{ name: 'Eve' }]);
    await database.ask('drop view over_it');
    await database.ask('create index by_name on seen_by (name)');
    await sync(part, [row(1, { id: 5, name: 'Eva' })]);
    expect(await database.ask('select name from seen_by')).toMatchObject([{ name: 'Eva' }]);
    const indexes = kind === 'duckdb' ? 'duckdb_indexes() where table_name' : 'pg_indexes where tablename';
    const [found] = await database.ask(`select count(*) as n from ${indexes} = 'seen_by'`);
    // PostgreSQL lists that of the primary key, too.
    expect(Number(found?.['n'])).toBe(kind === 'duckdb' ? 1 : 2);
  });

  it('holds an audience under its name, by key, and events once', async () => {
    const members = await open(
      { config: { create_table: true }, audienceName: 'VIP France', columns: COLUMNS.slice(1, 2) },
      'audiences',
    );
    expect(members.audienceId).toMatch(/^vip_france_[0-9a-f]{8}$/);
    const keyed = { key: '{"a":1,"b":2}', keyJson: '{"a":1,"b":2}' };
    await send(members, [row(1, { name: 'Ann' }, keyed), row(2, { name: 'Bo' }, { key: 'k2', keyJson: '"k2"' })]);
    await send(members, [gone(3, 'k2', { keyJson: '"k2"' })]);
    await members.finish();
    expect(await database.ask(`select _key, name from ${members.audienceId}`)).toEqual([
      { _key: '{"a":1,"b":2}', name: 'Ann' },
    ]);
    const events = await open(
      { config: { table: 'happened', create_table: true }, columns: COLUMNS.slice(1, 2) },
      'events',
    );
    const event = row(1, { name: 'order' }, { key: 'e1', keyJson: '"e1"', eventTime: '2026-06-15T12:00:00.000Z' });
    await send(events, [event]);
    await send(events, [event]);
    await events.finish();
    expect(await database.ask('select name, length(_event_id) as n from happened')).toMatchObject([
      { name: 'order', n: 64 },
    ]);
  });

  it('shows doctor that it answers', async () => {
    const { verify } = await findService('sql', 'objects');
    const context = makeContext({ config: database.config, credentials: database.credentials });
    expect(await verify(context)).toMatchObject({ ok: true });
  });
});

describe('PostgreSQL', () => {
  let database: TestDatabase;
  describeKilled(() => database);
  beforeAll(async () => {
    database = await DATABASES.postgres();
  });
  afterAll(async () => {
    await database.close();
  });
  const open = async (config: ServiceContext['config'], part: Partial<ServiceContext> = {}): Promise<Session> =>
    (await findService('sql', 'objects')).open(
      makeContext({
        credentials: database.credentials,
        columns: COLUMNS.slice(0, 2),
        config: { ...database.config, key_column: 'id', ...config },
        ...part,
      }),
    );
  const send = async (session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> =>
    await session.send(makeBatch(rows), new AbortController().signal);
  const eve = row(1, { id: 1, name: 'Eve' });

  it('keeps grants and defaults of a table that is replaced', async () => {
    await database.ask('create role reader');
    await database.ask("create table granted (id bigint primary key, name text, kind text default 'new')");
    await database.ask('grant select on granted to reader');
    const session = await open({ table: 'granted' }, { mode: 'full' });
    await send(session, [eve]);
    await session.finish();
    expect(
      await database.ask(`select kind, has_table_privilege('reader', 'granted', 'select') as may from granted`),
    ).toEqual([{ kind: 'new', may: true }]);
    await database.ask('drop table granted; drop role reader');
  });

  it('keeps what a copy of a table would lack, and rejects the row that a trigger does not want', async () => {
    await database.ask('create table watched (id bigint primary key, name text)');
    await database.ask(`create function no_zebulon() returns trigger language plpgsql as
      $$ begin if new.name = 'Zebulon' then raise exception 'not %', new.name; end if; return new; end $$`);
    await database.ask(
      'create trigger guard before insert or update on watched for each row execute function no_zebulon()',
    );
    const session = await open({ table: 'watched' }, { mode: 'full' });
    await send(session, [eve]);
    await session.finish();
    const again = await open({ table: 'watched' });
    const outcome = await send(again, [row(1, { id: 2, name: 'Zebulon' })]);
    expect(outcome).toMatchObject({ kind: 'narrow', code: 'p0001', message: expect.not.stringContaining('Zebulon') });
    await again.finish();
    expect(await database.ask('select name from watched')).toEqual([{ name: 'Eve' }]);
  });

  it('refuses a name that the server would cut', async () => {
    const columns = [...COLUMNS.slice(0, 1), { field: 'c'.repeat(64), dataType: 'VARCHAR' }];
    await expect(open({ table: 'cut', create_table: true }, { columns })).rejects.toMatchObject({
      code: 'invalid-setting',
    });
  });

  it('starts a session with nothing that poolers refuse', async () => {
    const started: string[] = [];
    const pooler = createServer((socket) =>
      socket.once('data', (message) => {
        started.push(message.toString('latin1'));
        socket.destroy();
      }),
    );
    await new Promise<void>((done) => pooler.listen(0, '127.0.0.1', done));
    const { port } = pooler.address() as AddressInfo;
    await expect(open({ table: 'pooled', host: '127.0.0.1', port, sslmode: 'disable' })).rejects.toBeDefined();
    pooler.close();
    expect(started[0]).toContain('application_name');
    expect(started[0]).not.toContain('timeout');
  });

  it('says that a batch may have been taken when the connection breaks, and goes on with a new one', async () => {
    const session = await open({ table: 'broken', create_table: true });
    await database.ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dinmo'");
    expect(await send(session, [eve])).toMatchObject({ kind: 'retry', applied: 'maybe' });
    expect(await send(session, [eve])).toMatchObject({ receipts: [{ status: 'accepted' }] });
    await session.finish();
    expect(await database.ask('select id from broken')).toHaveLength(1);
  });

  it('says why it cannot connect', async () => {
    await expect(open({ table: 'broken', port: 1 })).rejects.toMatchObject({ code: 'econnrefused' });
    await expect(open({ table: 'broken', database: 'nowhere_at_all' })).rejects.toMatchObject({ code: '3d000' });
    await expect(open({ table: 'broken', sslmode: 'require' })).rejects.toMatchObject({ kind: 'destination' });
  });

  it('never reaches the server in a rehearsal, nor takes a base_url for one', async () => {
    await expect(open({ table: 'broken' }, { baseUrl: 'http://127.0.0.1:1/sql/x' })).rejects.toMatchObject({
      code: 'invalid-setting',
    });
  });
});
