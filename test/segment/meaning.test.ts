import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileProjection } from '../../src/segment/compile-projection.ts';
import { compileUnmatched } from '../../src/segment/compile-unmatched.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { Asking } from './asking.ts';
import { buildStore, duckdbTarget, type EntitySpec, types } from './world.ts';

// Sentences of the language on data small enough to answer by hand, so that no evaluator stands between.
let asking: Asking;

beforeAll(async () => {
  asking = await Asking.open();
});

afterAll(() => asking.connection.closeSync());

describe('time', () => {
  const event: EntitySpec = {
    key: ['id'],
    columns: { id: types.integer, seen: types.zoned, naive: types.naive, day: types.date },
    table: 'happenings',
  };
  const paris = { timezone: 'Europe/Paris', entities: { happening: event } };

  test('a date means the whole day in the zone, also where the day has 23 hours', async () => {
    // 31 March 2024 in Paris runs from 23:00 UTC the evening before to 22:00 UTC.
    await asking.table(
      'happenings',
      `select * from (values (1, timestamptz '2024-03-30 22:59:59+00'), (2, timestamptz '2024-03-30 23:00:00+00'),
        (3, timestamptz '2024-03-31 21:59:59+00'), (4, timestamptz '2024-03-31 22:00:00+00')) t(id, seen)
       cross join (select timestamp '2024-03-30 23:00:00' as naive, date '2024-03-31' as day)`,
    );
    const day = '2024-03-31';
    expect(await asking.ids(paris, { attribute: 'seen', on_day: day })).toEqual([2, 3]);
    expect(await asking.ids(paris, { attribute: 'seen', eq: day })).toEqual([2, 3]);
    expect(await asking.ids(paris, { attribute: 'seen', neq: day })).toEqual([1, 4]);
    expect(await asking.ids(paris, { attribute: 'seen', before: day })).toEqual([1]);
    expect(await asking.ids(paris, { attribute: 'seen', after: day })).toEqual([4]);
    expect(await asking.ids(paris, { attribute: 'seen', gte: day })).toEqual([2, 3, 4]);
    expect(await asking.ids(paris, { attribute: 'seen', between: [day, day] })).toEqual([2, 3]);
    expect(await asking.ids(paris, { attribute: 'seen', eq: { attribute: 'day' } })).toEqual([2, 3]);
    expect(await asking.ids(paris, { attribute: 'seen', on_day: '2024-03-31T00:30:00+02:00' })).toEqual([1]);
    // Without a zone it is UTC: 23:00 is already the next day in Paris.
    expect(await asking.ids(paris, { attribute: 'naive', on_day: day })).toEqual([1, 2, 3, 4]);
    expect(await asking.ids({ ...paris, timezone: 'UTC' }, { attribute: 'naive', on_day: day })).toEqual([]);
  });

  test('last and next leave out their beginning and include their end; days step the calendar, hours do not', async () => {
    // Now is 12:00 in Paris on the day after the clocks went forward: a day ago is 12:00 there, 23 hours earlier.
    const now = '2024-03-31 10:00:00+00';
    await asking.table(
      'happenings',
      `select * from (values (1, timestamptz '2024-03-30 10:00:00+00'), (2, timestamptz '2024-03-30 11:00:00+00'),
        (3, timestamptz '2024-03-30 11:00:01+00'), (4, timestamptz '2024-03-31 10:00:00+00'),
        (5, timestamptz '2024-03-31 10:00:01+00'), (6, timestamptz '2024-04-01 10:00:00+00')) t(id, seen)
       cross join (select null::timestamp as naive, null::date as day)`,
    );
    const asked = { ...paris, now };
    expect(await asking.ids(asked, { attribute: 'seen', within: { last: 1, unit: 'day' } })).toEqual([3, 4]);
    expect(await asking.ids(asked, { attribute: 'seen', within: { last: 24, unit: 'hour' } })).toEqual([2, 3, 4]);
    expect(await asking.ids(asked, { attribute: 'seen', within: { next: 1, unit: 'day' } })).toEqual([5, 6]);
    expect(await asking.ids(asked, { attribute: 'seen', after: { ago: 1, unit: 'day' } })).toEqual([3, 4, 5, 6]);
    expect(await asking.ids(asked, { attribute: 'seen', lte: 'now' })).toEqual([1, 2, 3, 4]);
  });

  test('against a date column, a window is cut to local dates', async () => {
    // 23:30 UTC on 10 June is 11 June in Paris.
    await asking.table(
      'happenings',
      `select row_number() over (order by day) as id, null::timestamptz as seen, null::timestamp as naive, day
       from (select unnest([date '2024-06-03', '2024-06-04', '2024-06-05', '2024-06-11', '2024-06-12', '2024-06-18', '2024-06-19']) as day)`,
    );
    const asked = { ...paris, now: '2024-06-10 23:30:00+00' };
    const days = async (where: unknown) => (await asking.ids(asked, where)).map(Number);
    expect(await days({ attribute: 'day', within: { last: 7, unit: 'day' } })).toEqual([3, 4]);
    expect(await days({ attribute: 'day', within: { next: 7, unit: 'day' } })).toEqual([5, 6]);
    expect(await days({ attribute: 'day', within: { last: 1, unit: 'hour' } })).toEqual([]);
    expect(await days({ attribute: 'day', within: { last: 2, unit: 'hour' } })).toEqual([4]);
    expect(await days({ attribute: 'day', on_day: 'now' })).toEqual([4]);
    expect(await days({ attribute: 'day', before: { ago: 1, unit: 'week' } })).toEqual([1]);
  });
});

describe('relations', () => {
  const person: EntitySpec = {
    key: ['id'],
    columns: { id: types.integer, team_id: types.integer },
    table: 'persons',
    relationships: {
      orders: { to: 'order', type: 'one_to_many', keys: { id: 'person_id' } },
      team: { to: 'team', type: 'many_to_one', keys: { team_id: 'team_id' } },
      tags: {
        to: 'tag',
        type: 'many_to_many',
        keys: { id: 'person_id' },
        through: 'person_tags',
        toKeys: { tag_id: 'tag_id' },
      },
    },
  };
  const order: EntitySpec = {
    key: ['order_id'],
    eventTime: 'placed_on',
    columns: {
      order_id: types.integer,
      person_id: types.integer,
      amount: types.decimal,
      status: types.string,
      placed_on: types.date,
    },
    table: 'orders',
  };
  const team: EntitySpec = {
    key: ['team_id'],
    columns: { team_id: types.integer, name: types.string },
    table: 'teams',
  };
  const tag: EntitySpec = {
    key: ['tag_id'],
    columns: { tag_id: types.integer, weight: types.integer },
    table: 'tags',
    relationships: {
      persons: {
        to: 'person',
        type: 'many_to_many',
        keys: { tag_id: 'tag_id' },
        through: 'person_tags',
        toKeys: { person_id: 'id' },
      },
    },
  };
  const entities = { person, order, team, tag };

  beforeAll(async () => {
    await asking.table('persons', 'select * from (values (1, 10), (2, 20), (3, 30), (4, null)) t(id, team_id)');
    await asking.table('teams', "select * from (values (10, 'blue'), (20, 'red'), (20, 'red')) t(team_id, name)");
    await asking.table(
      'orders',
      `select order_id, person_id, amount::decimal(10, 2) as amount, status, placed_on::date as placed_on from (values
        (1, 1, 10, 'new', '2024-01-01'), (2, 1, 20, 'paid', '2024-01-02'), (3, 1, null, 'paid', '2024-01-02'),
        (4, 2, null, 'new', null), (5, null, 99, 'new', '2024-01-01')) t(order_id, person_id, amount, status, placed_on)`,
    );
    await asking.table('tags', 'select * from (values (7, 5), (8, 6)) t(tag_id, weight)');
    await asking.table(
      'person_tags',
      'select * from (values (1, 7), (1, 7), (1, 8), (2, 7), (null, 8)) t(person_id, tag_id)',
    );
  });

  test.each<[string, unknown, number[]]>([
    ['count of nothing is 0', { relation: 'orders', count: { eq: 0 } }, [3, 4]],
    ['count counts rows with NULLs', { relation: 'orders', count: { gte: 3 } }, [1]],
    ['sum of nothing, or of NULLs, is 0', { relation: 'orders', sum: { of: 'amount', eq: 0 } }, [2, 3, 4]],
    ['avg leaves NULL out', { relation: 'orders', avg: { of: 'amount', eq: 15 } }, [1]],
    ['an aggregate of nothing fails an order', { relation: 'orders', max: { of: 'amount', lt: 1000 } }, [1]],
    ['and holds a neq', { relation: 'orders', max: { of: 'amount', neq: 20 } }, [2, 3, 4]],
    [
      'last of one time goes to the smallest key with a value',
      { relation: 'orders', last: { of: 'amount', eq: 20 } },
      [1],
    ],
    ['last takes the smallest of equal times', { relation: 'orders', last: { of: 'order_id', eq: 2 } }, [1]],
    ['first leaves out rows without time', { relation: 'orders', first: { of: 'status', is_null: true } }, [2, 3, 4]],
    ['all operators of an aggregate must hold', { relation: 'orders', count: { gt: 0, lt: 3 } }, [2]],
    ['a many-to-many step reaches each row once', { relation: 'tags', sum: { of: 'weight', eq: 11 } }, [1]],
    ['a long path leads to distinct rows', { relation: 'tags.persons', count: { eq: 2 } }, [1, 2]],
    ['and their sum counts each once', { relation: 'tags.persons.tags', sum: { of: 'weight', eq: 11 } }, [1, 2]],
    ['a to-one step that meets several rows is NULL', { attribute: 'team.name', is_null: true }, [2, 3, 4]],
    ['and neq holds there', { attribute: 'team.name', neq: 'blue' }, [2, 3, 4]],
    ['and a relation condition finds none', { relation: 'team', exists: true }, [1]],
    ['exists: false is the complement', { relation: 'orders', exists: false }, [3, 4]],
    ['not_in holds on NULL', { attribute: 'team_id', not_in: [10] }, [2, 3, 4]],
    ['not of a comparison with NULL holds', { not: { attribute: 'team_id', lt: 1000 } }, [4]],
  ])('%s', async (_, where, expected) => {
    expect(await asking.ids({ entities }, where)).toEqual(expected);
  });

  test('a row with a NULL key is in no segment, and so in its not', async () => {
    await asking.table('nobodies', 'select * from (values (1, 1), (null, 2)) t(id, row)');
    const nobody: EntitySpec = { key: ['id'], columns: { id: types.integer, row: types.integer }, table: 'nobodies' };
    const rows = await asking.rows({
      entities: { nobody },
      segments: {
        everyone: { entity: 'nobody' },
        members: { entity: 'nobody', where: { segment: 'everyone' } },
        others: { entity: 'nobody', where: { not: { segment: 'everyone' } } },
      },
    });
    expect(rows['everyone']).toHaveLength(2);
    expect(rows['members']?.map((row) => row['row'])).toEqual([1]);
    expect(rows['others']?.map((row) => row['row'])).toEqual([2]);
  });

  test('a SQL segment is the rows whose key its model lists; foreign and NULL keys are told apart', async () => {
    await asking.table('shops', "select * from (values (1, 'a', 1), (1, 'b', 2), (2, 'a', 3)) t(area, code, row)");
    await asking.table(
      'picked',
      "select * from (values (1, 'a'), (1, 'a'), (2, 'b'), (2, 'b'), (1, null), (null, null)) t(area, code)",
    );
    const shop: EntitySpec = {
      key: ['area', 'code'],
      columns: { area: types.integer, code: types.string, row: types.integer },
      table: 'shops',
    };
    const asked = { entities: { shop }, segments: { picks: { entity: 'shop', sql: 'picked' } } };
    expect((await asking.rows(asked))['picks']?.map((row) => row['row'])).toEqual([1]);
    const store = buildStore(asked);
    const picks = store.segments.get('picks');
    const target = duckdbTarget('2024-01-01 00:00:00+00');
    const sql = picks && compileUnmatched(store, picks, duckdbDialect, target)?.sql;
    const reader = await asking.connection.runAndReadAll(`${sql} order by all`);
    expect(reader.getRowsJson()).toEqual([
      [1, null, null],
      [2, 'b', null],
      [null, null, null],
    ]);
  });

  test('a way that begins at a hidden column is still projected, and a duplicated key gives NULL there', async () => {
    const hidden = { ...entities, person: { ...person, hidden: ['team_id'] } };
    const asked = { entities: hidden, segments: { everyone: { entity: 'person' } } };
    await asking.rows(asked);
    const { sql } = compileProjection(
      buildStore(asked),
      {
        from: { kind: 'entity', name: 'person' },
        columns: [
          { alias: 'k', source: { kind: 'column', path: ['id'] } },
          { alias: 'team', source: { kind: 'column', path: ['team', 'name'] } },
          { alias: 'in', source: { kind: 'segment', segment: 'everyone' } },
        ],
      },
      duckdbDialect,
      duckdbTarget('2024-01-01 00:00:00+00'),
    );
    const reader = await asking.connection.runAndReadAll(`${sql} order by k`);
    expect(reader.getRowsJson()).toEqual([
      [1, 'blue', true],
      [2, null, true],
      [3, null, true],
      [4, null, true],
    ]);
  });
});

describe('limit and holdout', () => {
  const item: EntitySpec = { key: ['id'], columns: { id: types.string, score: types.integer }, table: 'items' };

  test('NULLs come last, ties go to the smallest key by bytes, percent is rounded up', async () => {
    await asking.table(
      'items',
      "select * from (values ('b', 5), ('B', 5), ('é', 5), ('a', null), ('z', 9), ('y', 1), ('x', 1)) t(id, score)",
    );
    const rows = await asking.rows({
      entities: { item },
      segments: {
        three: { entity: 'item', limit: { rows: 3, by: 'score' } },
        six: { entity: 'item', limit: { rows: 6, by: 'score', order: 'asc' } },
        // 15 % of 7 are 1.05.
        share: { entity: 'item', limit: { percent: 15, by: 'score', order: 'desc' } },
        filtered: { entity: 'item', where: { attribute: 'score', lt: 9 }, limit: { rows: 1, by: 'score' } },
        user: { entity: 'item', where: { all: [{ segment: 'three' }, { attribute: 'score', eq: 5 }] } },
      },
    });
    const ids = (name: string) => rows[name]?.map((row) => row['id']).sort();
    expect(ids('three')).toEqual(['B', 'b', 'z']);
    expect(ids('six')).toEqual(['B', 'b', 'x', 'y', 'z', 'é']);
    expect(ids('share')).toEqual(['B', 'z']);
    expect(ids('filtered')).toEqual(['B']);
    expect(ids('user')).toEqual(['B', 'b']);
  });

  test('who is held out is a matter of salt and key alone', async () => {
    // md5('spring:a') begins with 4f0f042c: 1326384172 modulo 10,000 is 4172.
    await asking.table('items', "select * from (values ('a', 1), (null, 2)) t(id, score)");
    const rows = await asking.rows({
      entities: { item },
      segments: {
        out: { entity: 'item', holdout: { percent: 41.73, salt: 'spring' } },
        kept: { entity: 'item', holdout: { percent: 41.72, salt: 'spring' } },
        later: { entity: 'item', where: { segment: 'out' } },
      },
    });
    const held = (name: string) => rows[name]?.map((row) => [row['id'], row['dinmo_holdout']]);
    expect(held('out')).toEqual([
      ['a', true],
      [null, false],
    ]);
    expect(held('kept')).toEqual([
      ['a', false],
      [null, false],
    ]);
    expect(rows['later']?.[0]).toEqual({ id: 'a', score: 1 });
  });

  test('keys hash by their text: dates ISO, uuids lower case, composite parts joined by a colon', async () => {
    const kinds = {
      date: { type: types.date, sql: "date '2024-01-05'", text: '2024-01-05' },
      uuid: {
        type: types.other,
        sql: "uuid 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        text: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      },
      big: { type: types.integer, sql: '12345678901234567890::hugeint', text: '12345678901234567890' },
      naive: { type: types.naive, sql: "timestamp '2024-01-05 10:00:00.5'", text: '2024-01-05T10:00:00.500000Z' },
      zoned: { type: types.zoned, sql: "timestamptz '2024-01-05 10:00:00+01'", text: '2024-01-05T09:00:00.000000Z' },
    };
    for (const { type, sql, text } of Object.values(kinds)) {
      await asking.table('items', `select ${sql} as id, 'é' as part`);
      const keyed: EntitySpec = { key: ['id', 'part'], columns: { id: type, part: types.string }, table: 'items' };
      // The percent that ends just above the key's own bucket holds it out; the one that ends there does not.
      const bucket = createHash('md5').update(`s:${text}:é`).digest().readUInt32BE(0) % 10_000;
      const rows = await asking.rows({
        entities: { item: keyed },
        segments: {
          above: { entity: 'item', holdout: { percent: (bucket + 1) / 100, salt: 's' } },
          below: { entity: 'item', holdout: { percent: bucket / 100, salt: 's' } },
        },
      });
      expect([text, rows['above']?.[0]?.['dinmo_holdout'], rows['below']?.[0]?.['dinmo_holdout']]).toEqual([
        text,
        true,
        false,
      ]);
    }
  });
});

test('text that is stored as enum or uuid, alone or in arrays, compares as text', async () => {
  await asking.connection.run("create type mood as enum ('ok', 'bad')");
  const id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
  await asking.table('things', `select 1 as id, 'ok'::mood as mood, uuid '${id}' as code, [uuid '${id}'] as codes`);
  const thing: EntitySpec = {
    key: ['id'],
    columns: { id: types.integer, mood: types.string, code: types.string, codes: types.strings },
    dataTypes: { mood: "ENUM('ok', 'bad')", code: 'UUID', codes: 'UUID[]' },
    table: 'things',
  };
  const found = (where: unknown) => asking.ids({ entities: { thing } }, where);
  expect(await found({ attribute: 'mood', neq: 'neither' })).toEqual([1]);
  expect(await found({ attribute: 'mood', starts_with: 'o' })).toEqual([1]);
  expect(await found({ attribute: 'code', in: ['no uuid', id] })).toEqual([1]);
  expect(await found({ attribute: 'codes', contains_any: ['no uuid'] })).toEqual([]);
  expect(await found({ attribute: 'codes', contains_all: [id] })).toEqual([1]);

  // A key of theirs breaks ties as text: an enum would go by the order in which its values were declared.
  await asking.table(
    'things',
    `select * from (select unnest(['ok', 'bad']::mood[]) as mood) cross join (select 1 as id)`,
  );
  const keyed: EntitySpec = { ...thing, key: ['mood'], columns: { id: types.integer, mood: types.string } };
  const segments = { least: { entity: 'keyed', limit: { rows: 1, by: 'id' } } };
  const rows = await asking.rows({ entities: { keyed }, segments });
  expect(rows['least']?.map((row) => row['mood'])).toEqual(['bad']);
});
