import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/artifacts/profile.ts';
import { untilInterrupted } from '../../../src/pipeline/interruption.ts';
import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import { statementError } from '../../../src/warehouse/postgres/errors.ts';
import { postgresGrants } from '../../../src/warehouse/postgres/grants.ts';
import { postgresServer } from '../../../src/warehouse/postgres/profile.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import { secret } from '../../privacy/canaries.ts';
import { startServer, type TestServer } from './server.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'dinmo-certificates-'));
let server: TestServer;
let administrator: Warehouse;

/** Whom the server lets in, and how. */
const HBA = `local all all trust
hostssl all secured 127.0.0.1/32 trust
hostnossl all secured 127.0.0.1/32 reject
hostnossl all plain 127.0.0.1/32 trust
hostssl all plain 127.0.0.1/32 reject
host all locked 127.0.0.1/32 scram-sha-256
hostssl all certified 127.0.0.1/32 cert
host all all 127.0.0.1/32 trust
`;

beforeAll(async () => {
  const files: Record<string, string> = { 'pg_hba.conf': HBA };
  if (hasOpenssl) {
    authority('ca');
    authority('other');
    certificate('server', '/CN=localhost', 'subjectAltName=DNS:localhost');
    certificate('client', '/CN=certified', 'subjectAltName=DNS:client');
    for (const [name, from] of Object.entries({
      'server.crt': 'server.crt',
      'server.key': 'server.key',
      'ca.crt': 'ca.crt',
    }))
      files[name] = readFileSync(join(folder, from), 'utf8');
  }
  server = await startServer(hasOpenssl ? { ssl: 'on', ssl_ca_file: 'ca.crt' } : {}, files);
  administrator = await openPostgres(server.at('postgres'));
  await administrator.run("create role locked login password 'right'");
  for (const role of ['secured', 'plain', 'certified', 'reader', 'limited'])
    await administrator.run(`create role ${role} login`);
  await administrator.run('create role "Writers"; grant "Writers" to reader; create role others');
});

afterAll(async () => {
  await administrator.close();
  rmSync(folder, { recursive: true, force: true });
});

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

const KEY = ['-newkey', 'rsa:2048', '-nodes'];

function authority(name: string): void {
  openssl(
    'req',
    '-x509',
    ...KEY,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-days',
    '30',
    '-subj',
    `/CN=${name}`,
  );
}

function certificate(name: string, subject: string, extension: string): void {
  openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
  writeFileSync(join(folder, `${name}.ext`), extension);
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`, '-days', '30');
}

function profile(fields: Readonly<Record<string, unknown>>): Profile {
  return {
    file: '/home/me/profiles.yml',
    profileName: 'shop',
    targetName: 'prod',
    targetNames: ['prod'],
    type: 'postgres',
    schema: 'main',
    database: 'postgres',
    fields: { type: 'postgres', host: '127.0.0.1', port: server.port, user: 'reader', dbname: 'postgres', ...fields },
  };
}

/** Asks one thing of a session that a profile opens. */
async function ask(fields: Readonly<Record<string, unknown>>, sql: string): Promise<unknown> {
  const warehouse = await openPostgres(postgresServer(profile(fields)));
  try {
    return (await warehouse.query(sql))[0]?.['answer'];
  } finally {
    await warehouse.close();
  }
}

const ENCRYPTED = 'select ssl as answer from pg_stat_ssl where pid = pg_backend_pid()';

describe('a profile', () => {
  it('reaches a server by its socket, takes on a role, a search path and a name', async () => {
    expect(await ask({ host: server.folder, user: 'plain' }, 'select inet_client_addr() is null as answer')).toBe(true);
    expect(await ask({ role: 'Writers' }, 'select current_user as answer')).toBe('Writers');
    expect(await ask({ search_path: 'a, "B"' }, "select current_setting('search_path') as answer")).toBe('a, "B"');
    const named = "select current_setting('application_name') as answer";
    expect([await ask({}, named), await ask({ application_name: 'mine' }, named)]).toEqual(['dinmo', 'mine']);
    expect(await ask({ port: String(server.port), pass: 'right', user: 'locked' }, 'select 1 as answer')).toBe(1);
  });

  it('names the field that is wrong, and the file', async () => {
    const wrong: readonly (readonly [fields: Record<string, unknown>, code: string, field: string])[] = [
      [{ user: 'locked', password: secret('wrong') }, 'postgres-login-refused', 'password'],
      [{ user: 'locked' }, 'postgres-login-refused', 'password'],
      [{ user: 'nobody_at_all' }, 'postgres-login-refused', 'user'],
      [{ dbname: 'nowhere' }, 'postgres-login-refused', 'dbname'],
      [{ role: 'missing' }, 'postgres-login-refused', 'role'],
      [{ role: 'others' }, 'postgres-login-refused', 'role'],
      [{ port: 1 }, 'postgres-unreachable', 'port'],
      [{ host: join(folder, 'none') }, 'postgres-unreachable', 'host'],
    ];
    for (const [fields, code, field] of wrong) {
      const thrown = await ask(fields, 'select 1 as answer').catch((error: unknown) => error);
      expect(thrown, JSON.stringify(fields)).toMatchObject({ kind: 'warehouse', code });
      const { fix, message } = thrown as { readonly fix: string; readonly message: string }; // as matched above
      expect(fix).toContain(`\`${field}\``);
      expect(fix).toContain('the target prod of profile shop in /home/me/profiles.yml');
      expect(message).not.toContain(secret('wrong'));
    }
    for (const [fields, field] of [
      [{ host: undefined }, 'host'],
      [{ dbname: undefined }, 'dbname'],
      [{ port: 'many' }, 'port'],
      [{ sslmode: 'maybe' }, 'sslmode'],
      [{ sslrootcert: '/nowhere/ca.crt' }, 'sslrootcert'],
    ] as const) {
      await expect(ask(fields, 'select 1 as answer')).rejects.toMatchObject({
        code: 'profile-invalid',
        message: expect.stringMatching(
          new RegExp(`^Target prod of profile shop in /home/me/profiles.yml: \`${field}\` `),
        ),
      });
    }
  });
});

describe.skipIf(!hasOpenssl)('certificates', () => {
  const at = (name: string): string => join(folder, name);

  it('are asked for as sslmode says', async () => {
    const ways: readonly (readonly [sslmode: string | undefined, more: Record<string, unknown>, encrypted: boolean])[] =
      [
        [undefined, {}, true],
        ['disable', {}, false],
        ['allow', {}, false],
        ['allow', { user: 'secured' }, true],
        ['prefer', { user: 'plain' }, false],
        ['require', {}, true],
        ['require', { sslrootcert: at('ca.crt') }, true],
        ['verify-ca', { sslrootcert: at('ca.crt') }, true],
        ['verify-full', { host: 'localhost', sslrootcert: at('ca.crt') }, true],
        ['require', { user: 'certified', sslcert: at('client.crt'), sslkey: at('client.key') }, true],
      ];
    for (const [sslmode, more, encrypted] of ways)
      expect([sslmode, more, await ask({ sslmode, ...more }, ENCRYPTED)]).toEqual([sslmode, more, encrypted]);
  });

  it('that are not right keep the session shut', async () => {
    const ways: readonly (readonly [sslmode: string, more: Record<string, unknown>, code: string, field: string])[] = [
      ['verify-full', { sslrootcert: at('ca.crt') }, 'postgres-unreachable', 'sslmode'],
      ['verify-full', { host: 'localhost', sslrootcert: at('other.crt') }, 'postgres-unreachable', 'sslrootcert'],
      ['verify-ca', { sslrootcert: at('other.crt') }, 'postgres-unreachable', 'sslrootcert'],
      ['require', { sslrootcert: at('other.crt') }, 'postgres-unreachable', 'sslrootcert'],
      ['verify-ca', {}, 'postgres-unreachable', 'sslrootcert'],
      ['disable', { user: 'secured' }, 'postgres-login-refused', 'sslmode'],
      ['require', { user: 'plain' }, 'postgres-login-refused', 'sslmode'],
      ['require', { user: 'certified' }, 'postgres-unreachable', 'sslcert'],
    ];
    for (const [sslmode, more, code, field] of ways) {
      const thrown = await ask({ sslmode, ...more }, ENCRYPTED).catch((error: unknown) => error);
      expect(thrown, `${sslmode} ${JSON.stringify(more)}`).toMatchObject({
        fix: expect.stringContaining(`\`${field}\``),
      });
      if (field !== 'sslcert') expect(thrown).toMatchObject({ code });
    }
  });
});

describe('a session that cannot be used', () => {
  it('is closed: it would keep the process alive', async () => {
    const bad = [{ search_path: 'public, My Shop' }, { role: 'missing' }, { user: 'locked', password: null }];
    for (const fields of bad) {
      const thrown = await openPostgres(postgresServer(profile({ application_name: 'left behind', ...fields }))).catch(
        (error: unknown) => error,
      );
      expect(thrown).toMatchObject({ code: 'postgres-login-refused' });
      if ('search_path' in fields) expect(thrown).toMatchObject({ fix: expect.stringContaining('`search_path`') });
    }
    const left =
      "select count(*) as answer from pg_stat_activity where application_name = 'left behind' or usename = 'locked'";
    await expect.poll(() => administrator.query(left)).toEqual([{ answer: 0n }]);
  });

  it('of several hosts is refused by its field', () => {
    expect(() => postgresServer(profile({ host: 'a,b' }))).toThrow(
      expect.objectContaining({ code: 'profile-invalid', message: expect.stringContaining('`host`') }),
    );
  });
});

describe('rights', () => {
  it('to connect, to change rows and of an owner are named with their statement', async () => {
    await administrator.run('create database closed');
    await administrator.run('revoke all on database closed from public');
    await expect(openPostgres(postgresServer(profile({ user: 'limited', dbname: 'closed' })))).rejects.toMatchObject({
      fix: expect.stringContaining('grant connect on database "closed" to "limited"'),
    });
    await administrator.run(
      'create schema kept; grant usage on schema kept to limited; create table kept.runs (n int)',
    );
    const session = await openPostgres(postgresServer(profile({ user: 'limited' })));
    try {
      await expect(session.run('update "kept"."runs" set n = 1')).rejects.toMatchObject({
        fix: expect.stringContaining('grant select, insert, update, delete on table "kept"."runs" to "limited";'),
      });
      await expect(session.run('alter table "kept"."runs" add column m int')).rejects.toMatchObject({
        fix: expect.stringContaining('alter table "kept"."runs" owner to "limited";'),
      });
    } finally {
      await session.close();
    }
  });

  const places = {
    read: [{ database: 'postgres', schema: 'DINMO_SEGMENTS' }],
    write: [{ database: 'postgres', schema: 'DINMO_DELTA_STORAGE' }],
  };

  it('that are missing are named with the statement that gives them, and what is printed gives all', async () => {
    await administrator.run(`create schema "DINMO_SEGMENTS"; create table secret (n int);
      create view "DINMO_SEGMENTS".segment_vip as select * from secret; revoke temporary on database postgres from public`);
    const limited = postgresServer(profile({ user: 'limited' }));
    const session = await openPostgres(limited);
    const { state } = session;
    const work = async (): Promise<void> => {
      await session.query('select * from "DINMO_SEGMENTS".segment_vip');
      await session.run(state.createTemporary('dinmo_t', 'select 1 as n'));
      await session.run(state.createSchema({ database: 'postgres', schema: 'DINMO_DELTA_STORAGE' }));
      const table = { database: 'postgres', schema: 'DINMO_DELTA_STORAGE', name: 'runs' };
      await session.run(state.createTable(table, 'select 1 as n'));
      await session.run(state.createTable(table, 'select 2 as n'));
    };
    try {
      const fixes: string[] = [];
      const statement = /An administrator runs: (.+?;)/;
      // What each failure says is enough for that failure.
      for (let round = 0; round < 8; round++) {
        const thrown = await work().then(
          () => null,
          (error: unknown) => error,
        );
        if (thrown === null) break;
        expect(thrown).toMatchObject({ code: 'grant-missing', fix: expect.stringMatching(statement) });
        const [, sql = ''] = statement.exec((thrown as { readonly fix: string }).fix) ?? []; // as matched above
        fixes.push(sql);
        await administrator.run(sql);
      }
      expect(fixes).toEqual([
        'grant usage on schema "DINMO_SEGMENTS" to "limited";',
        'grant select on table "DINMO_SEGMENTS"."segment_vip" to "limited";',
        'grant temporary on database "postgres" to "limited";',
        'grant create on database "postgres" to "limited";',
      ]);
    } finally {
      await session.close();
    }
    const other = postgresServer(profile({ user: 'reader', role: 'Writers' }));
    for (const sql of postgresGrants(other, places)) if (!sql.startsWith('--')) await administrator.run(sql);
    await administrator.run('create view "DINMO_SEGMENTS".segment_later as select * from secret');
    const granted = await openPostgres(other);
    try {
      await granted.query('select * from "DINMO_SEGMENTS".segment_vip, "DINMO_SEGMENTS".segment_later');
      await granted.run(granted.state.createTemporary('dinmo_t', 'select 1 as n'));
      await granted.run(granted.state.createSchema({ database: 'postgres', schema: 'DINMO_DELTA_STORAGE' }));
      await granted.run(
        granted.state.createTable(
          { database: 'postgres', schema: 'DINMO_DELTA_STORAGE', name: 'mine' },
          'select 1 as n',
        ),
      );
      await expect(granted.query('select * from secret')).rejects.toMatchObject({ code: 'grant-missing' });
      await expect(granted.run('create table "DINMO_SEGMENTS".x (n int)')).rejects.toMatchObject({
        code: 'grant-missing',
      });
    } finally {
      await granted.close();
    }
  });
});

describe('a session', () => {
  it('says in the server’s own lists what its statements are for', async () => {
    const session = await openPostgres(server.at('postgres'));
    session.tag?.({ activation: 'vip.*/hook', run: '20260301' });
    const other = await session.another();
    try {
      for (const one of [session, other])
        expect(await one.query('select query as answer from pg_stat_activity where pid = pg_backend_pid()')).toEqual([
          { answer: expect.stringMatching(/^\/\* dinmo activation=vip\.__hook run=20260301 \*\/ select/) },
        ]);
    } finally {
      await Promise.all([session.close(), other.close()]);
    }
  });

  it('that may only read says why', async () => {
    const session = await openPostgres(server.at('postgres'));
    try {
      await session.run('set default_transaction_read_only to on');
      await expect(session.run('create table kept_out (n int)')).rejects.toMatchObject({
        fix: expect.stringContaining('default_transaction_read_only'),
      });
    } finally {
      await session.close();
    }
  });

  it('that the server ends says so, and how to go on', async () => {
    const session = await openPostgres(server.at('postgres'));
    const [row] = await session.query('select pg_backend_pid() as pid');
    await administrator.query(`select pg_terminate_backend(${row?.['pid']})`);
    for (let round = 0; round < 2; round++)
      await expect(session.query('select 1')).rejects.toMatchObject({ kind: 'warehouse', code: 'connection-lost' });
    await session.close();
  });

  it('says nothing of a value that is no number, in whatever language', async () => {
    const thrown = await administrator.query(`select cast('a"jane' as integer)`).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ message: 'PostgreSQL: invalid input syntax for type integer: … (22P02)' });
    for (const message of ['ungültige Eingabesyntax für Typ integer: »jane«', 'syntaxe invalide : « jane »'])
      expect(
        statementError(Object.assign(new Error(message), { code: '22P02' }), 'select 1', 'me').message,
      ).not.toContain('jane');
  });

  it('loses to another that changed the same row meanwhile, and says so', async () => {
    await administrator.run('create table contested as select 1 as n');
    const [mine, theirs] = [await openPostgres(server.at('postgres')), await openPostgres(server.at('postgres'))];
    try {
      const lost = mine.transaction(async () => {
        await mine.query('select * from contested');
        await theirs.run('update contested set n = 2');
        await mine.run('update contested set n = 3');
      });
      await expect(lost).rejects.toMatchObject({ code: 'changed-meanwhile' });
      expect(await mine.query('select n from contested')).toEqual([{ n: 2 }]);
    } finally {
      await Promise.all([mine.close(), theirs.close()]);
    }
  });
});

describe('a signal while a transaction is planned', () => {
  it('stops its statement, takes back what it did, and leaves the session as it was', async () => {
    const [planner, watcher] = [await openPostgres(server.at('postgres')), await openPostgres(server.at('postgres'))];
    const stopping = new AbortController();
    const work = untilInterrupted(planner, stopping.signal, () =>
      planner.transaction(async () => {
        await planner.run('create table half_written (n integer)');
        await planner.query('select pg_sleep(600)');
      }),
    );
    const ended = work.catch((error: unknown) => error);
    const asleep =
      "select count(*) as n from pg_stat_activity where state = 'active' and query like 'select pg_sleep(600)%'";
    await expect.poll(async () => Number((await watcher.query(asleep))[0]?.['n'])).toBe(1);
    const before = Date.now();
    stopping.abort();
    expect(await ended).toMatchObject({ kind: 'stopped', code: 'interrupted' });
    expect(Date.now() - before).toBeLessThan(5_000);
    // A cancellation that is late meets no later statement.
    planner.interrupt();
    expect(await planner.query("select to_regclass('half_written') is null as gone")).toEqual([{ gone: true }]);
    await planner.close();
    await watcher.close();
  });
});
