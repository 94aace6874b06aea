import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DinmoError } from '../../../src/errors.ts';
import { openSnowflake } from '../../../src/warehouse/snowflake/connection.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import { accountAt } from './emulator.ts';
import { changed, failure, rows, ScriptedAccount } from './scripted-account.ts';

let account: ScriptedAccount;
let warehouse: Warehouse;

beforeEach(async () => {
  account = new ScriptedAccount();
  warehouse = await openSnowflake(accountAt(await account.start(), { database: 'DB' }));
});
afterEach(async () => {
  account.script = () => null;
  await warehouse.close();
  await account.stop();
});

async function failed(work: Promise<unknown>): Promise<DinmoError> {
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (thrown instanceof DinmoError) return thrown;
  throw new Error(`no error of ours: ${String(thrown)}`);
}

const COUNT = [{ name: 'C', type: 'fixed' }];

describe('what fails', () => {
  it.each([
    {
      code: '002003',
      sqlState: '42S02',
      text: "SQL compilation error:\nObject 'SHOP.DBT.VIP' does not exist or not authorized.",
      ours: 'relation-missing',
      fix: 'dinmo doctor --grants',
    },
    {
      code: '001003',
      sqlState: '42000',
      text: "SQL compilation error:\nsyntax error line 1 at position 0 unexpected 'selec'.",
      ours: 'statement-failed',
      fix: null,
    },
    {
      code: '003001',
      sqlState: '42501',
      text: "SQL access control error:\nInsufficient privileges to operate on schema 'DINMO_DELTA_STORAGE'.",
      ours: 'grant-missing',
      fix: 'grant usage, create table on schema DINMO_DELTA_STORAGE to role',
    },
    {
      code: '000606',
      sqlState: '57P03',
      text: 'No active warehouse selected in the current session.',
      ours: 'snowflake-warehouse-missing',
      fix: '`warehouse:`',
    },
    {
      code: '000630',
      sqlState: '57014',
      text: 'Statement reached its statement or warehouse timeout of 5 second(s) and was canceled.',
      ours: 'statement-timed-out',
      fix: 'STATEMENT_TIMEOUT_IN_SECONDS',
    },
    {
      code: '090106',
      sqlState: '22000',
      text: 'Cannot perform CREATE TABLE. This session does not have a current schema.',
      ours: 'relation-missing',
      fix: '`schema`',
    },
  ])('is told in our words, with its own: $code', async ({ code, sqlState, text, ours, fix }) => {
    account.script = ({ sql }) => (sql === 'select 1' ? failure(code, sqlState, text) : null);
    const thrown = await failed(warehouse.query('select 1'));
    expect(thrown).toMatchObject({ kind: 'warehouse', code: ours });
    expect(thrown.message).toContain(text.split('\n').at(-1));
    expect(thrown.message).toContain(code);
    if (fix !== null) expect(thrown.fix).toContain(fix);
  });

  it('does not quote values of rows', async () => {
    account.script = () => failure('100038', '22018', "Numeric value 'jane@example.com' is not recognized");
    const thrown = await failed(warehouse.query('select 1'));
    expect(thrown.message).toBe('Snowflake: Numeric value … is not recognized (100038)');
  });

  it.each([
    ['390100', 'Incorrect username or password was specified.', 'snowflake-login-refused'],
    ['390144', 'JWT token is invalid.', 'snowflake-login-refused'],
    [
      '390189',
      'Role NOBODY specified in the connect string does not exist or not authorized.',
      'snowflake-login-refused',
    ],
  ])('at the login: %s', async (code, text, ours) => {
    account.script = ({ path }) => (path.includes('login') ? failure(code, '08001', text) : null);
    const thrown = await failed(openSnowflake(accountAt(account.url, { database: 'DB' })));
    expect(thrown).toMatchObject({ kind: 'warehouse', code: ours });
    expect(thrown.message).toContain(text);
  });
});

describe('answers', () => {
  it('are not believed where they do not say how many rows they have', async () => {
    account.script = () => rows(COUNT, [['1']], { returned: undefined, total: undefined });
    expect(await failed(warehouse.query('select 1'))).toMatchObject({ code: 'answer-incomplete' });
    account.script = () => rows(COUNT, [], { returned: 1, total: 1 });
    expect(await failed(warehouse.query('select 1'))).toMatchObject({ code: 'answer-incomplete' });
    account.script = () => rows(COUNT, [], { returned: 0, total: 0 });
    expect(await warehouse.query('select 1')).toEqual([]);
  });

  it('of a change are not believed without a count', async () => {
    account.script = () => rows([{ name: 'status', type: 'text' }], [['done']]);
    expect(await failed(warehouse.run('delete from t'))).toMatchObject({ code: 'answer-incomplete' });
    account.script = () => changed(3);
    expect(await warehouse.run('insert into t select 1')).toBe(3);
    const table = { database: null, schema: null, name: 't' };
    expect(await failed(warehouse.append(table, ['bigint'], [[1]]))).toMatchObject({ code: 'answer-incomplete' });
  });

  it('keep every digit, and instants', async () => {
    account.script = () =>
      rows(
        [
          { name: 'BIG', type: 'fixed' },
          { name: 'PRICE', type: 'fixed', scale: 2 },
          { name: 'RATIO', type: 'real' },
          { name: 'YES', type: 'boolean' },
          { name: 'DAY', type: 'date' },
          { name: 'NAIVE', type: 'timestamp_ntz', scale: 9 },
          { name: 'ZONED', type: 'timestamp_tz', scale: 9 },
          { name: 'THING', type: 'variant' },
          { name: 'nothing at all', type: 'text' },
        ],
        [
          [
            '99999999999999999999999999999999999999',
            '12345678901234567890.10',
            '0.25',
            '1',
            '20487',
            '1770091445.500000000',
            '1770091445.500000000 1560',
            '{"a": [1]}',
            null,
          ],
        ],
      );
    expect(await warehouse.query('select 1')).toEqual([
      {
        big: 99999999999999999999999999999999999999n,
        price: '12345678901234567890.10',
        ratio: 0.25,
        yes: true,
        day: '2026-02-03',
        naive: '2026-02-03T04:04:05.500Z',
        zoned: '2026-02-03T04:04:05.500Z',
        thing: '{"a": [1]}',
        'nothing at all': null,
      },
    ]);
  });

  it('come in pieces, each when it is asked for', async () => {
    const PIECES = 4;
    for (let piece = 0; piece < PIECES; piece++)
      account.pieces.set(
        `/piece/${piece}`,
        Array.from({ length: 6_000 }, (_, n) => [String(piece * 6_000 + n)]),
      );
    const chunks = [...account.pieces.keys()].map((path) => ({
      url: `${account.url}${path}`,
      rowCount: 6_000,
      uncompressedSize: 60_000,
      compressedSize: 6_000,
    }));
    const size = PIECES * 6_000;
    account.script = () => rows(COUNT, [], { returned: size, total: size, chunks });
    let next = 0n;
    for await (const part of warehouse.stream('select c from t')) {
      expect(part.length).toBeLessThanOrEqual(5_000);
      for (const { c } of part) expect(c).toBe(next++);
    }
    expect(next).toBe(BigInt(size));
    account.pieces.set('/piece/2', [['12000']]);
    expect(await failed(warehouse.query('select c from t'))).toMatchObject({ code: 'answer-incomplete' });
  });

  it('that take long are asked for until they are there', async () => {
    let polls = 0;
    const waiting = {
      body: {
        success: true,
        code: '333334',
        message: 'Query execution in progress.',
        data: { queryId: '01b0-0003', getResultUrl: '/queries/01b0-0003/result' },
      },
    };
    account.script = ({ path }) => {
      if (path === '/queries/01b0-0003/result') return ++polls < 3 ? waiting : rows(COUNT, [['7']]);
      return path.startsWith('/queries/v1/query-request') ? waiting : null;
    };
    expect(await warehouse.query('select c from t')).toEqual([{ c: 7n }]);
    expect(polls).toBe(3);
  });
});

describe('a session', () => {
  it('hangs on no default of an account or a user, nor does one beside it', async () => {
    const other = await warehouse.another();
    await other.close();
    expect(account.settings).toHaveLength(2);
    for (const settings of account.settings)
      for (const one of [
        'autocommit = true',
        'rows_per_resultset = 0',
        "timezone = 'UTC'",
        "date_input_format = 'AUTO'",
        "date_output_format = 'YYYY-MM-DD'",
        "binary_output_format = 'HEX'",
      ])
        expect(settings).toContain(one);
  });

  it('whose token has expired gets another one, and goes on', async () => {
    account.script = ({ sql, token }) =>
      sql !== null && token === 'first'
        ? failure('390112', '08001', 'Your session has expired. Please login again.')
        : sql === null
          ? null
          : rows(COUNT, [['1']]);
    expect(await warehouse.query('select 1')).toEqual([{ c: 1n }]);
    expect(account.asked.map(({ path }) => path)).toContain('/session/token-request');
  });

  it('asks again where the service is busy', async () => {
    let busy = 1;
    account.script = ({ sql }) => (sql === null ? null : busy-- > 0 ? { status: 503 } : rows(COUNT, [['1']]));
    expect(await warehouse.query('select 1')).toEqual([{ c: 1n }]);
    expect(account.statements).toEqual(['select 1', 'select 1']);
  }, 20_000);

  it('stops the statement that runs, and no later one', async () => {
    const cancelled = failure('000604', '57014', 'SQL execution canceled');
    let stop: () => void = () => {};
    const stopped = new Promise<void>((done) => {
      stop = done;
    });
    account.script = ({ path, sql }) => {
      if (path.startsWith('/queries/v1/abort-request')) stop();
      if (sql === 'select 1') return stopped.then(() => cancelled);
      return sql === null ? null : rows(COUNT, [['1']]);
    };
    const running = failed(warehouse.query('select 1'));
    await expect.poll(() => account.statements.length).toBe(1);
    warehouse.interrupt();
    expect(await running).toMatchObject({ kind: 'warehouse', code: 'statement-cancelled' });
    warehouse.interrupt();
    expect(await warehouse.query('select 2')).toEqual([{ c: 1n }]);
  });

  it('says of each statement what it is for', async () => {
    warehouse.tag?.({ activation: 'vip.list', run: '20260101-1' });
    await warehouse.query('select 1');
    expect(JSON.parse(account.asked.at(-1)?.tag ?? '')).toEqual({
      tool: 'dinmo',
      activation: 'vip.list',
      run: '20260101-1',
    });
  });

  it('describes a query without running it', async () => {
    account.script = () =>
      rows(
        [
          { name: 'A', type: 'fixed', scale: 2 },
          { name: 'B', type: 'text' },
        ],
        [],
      );
    expect(await warehouse.describe('select a, b from t')).toEqual([
      { name: 'A', dataType: 'NUMBER(38,2)' },
      { name: 'B', dataType: 'VARCHAR' },
    ]);
    expect(account.asked.at(-1)).toMatchObject({ describeOnly: true });
  });
});

describe('a transaction', () => {
  const own = (): readonly string[] => account.statements.map((sql) => sql.split(' ').slice(0, 2).join(' '));

  beforeEach(() => {
    account.script = ({ sql }) => (/^(insert|update|delete)/.test(sql ?? '') ? changed(1) : null);
  });

  it('begins with the first row that changes, after the tables were made', async () => {
    await warehouse.transaction(async () => {
      await warehouse.run('create or replace temporary table a as select 1');
      await warehouse.append({ database: null, schema: null, name: 'a' }, ['bigint'], [[1]]);
      await warehouse.query('select 1');
      await warehouse.run('insert into s.b select 1');
      await warehouse.run('delete from s.c where true');
    });
    expect(own()).toEqual(['create or', 'insert into', 'select 1', 'begin', 'insert into', 'delete from', 'commit']);
  });

  it('is not one where no row changes', async () => {
    await warehouse.transaction(() => warehouse.run('create table if not exists a (b boolean)'));
    expect(own()).toEqual(['create table']);
  });

  it('takes back what failed, and never makes a table that would end it', async () => {
    const work = warehouse.transaction(async () => {
      await warehouse.run('update s.b set c = 1');
      await warehouse.run('drop table if exists s.d');
    });
    await expect(work).rejects.toThrow(TypeError);
    expect(own()).toEqual(['begin', 'update s.b', 'rollback']);
  });
});
