import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImpactReport } from '../../../src/index.ts';
import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import { testServer } from '../../warehouse/postgres/server.ts';
import { ImpactWorld } from './impact-world.ts';
import { SmallDbt, type SmallTarget } from './small-dbt.ts';

/** Where production and CI stand: two schemas of one database. */
interface Place {
  readonly world: ImpactWorld;
  readonly adapter: SmallTarget['adapter'];
  readonly database: string;
  /** Runs statements; the rows of the last one. */
  run(statements: readonly string[]): Promise<readonly unknown[]>;
}

function onDuckdb(): Place {
  const output = (schema: string): string => `{type: duckdb, path: ../shop.duckdb, schema: ${schema}}`;
  const world = new ImpactWorld({ prod: output('prod'), ci: output('ci') });
  return {
    world,
    adapter: 'duckdb',
    database: 'shop',
    run: (statements) => runInFile(join(world.folder, 'shop.duckdb'), statements),
  };
}

async function runInFile(file: string, statements: readonly string[]): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    let rows: readonly unknown[] = [];
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowObjectsJson();
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function onPostgres(): Promise<Place> {
  const server = await testServer();
  const administrator = await openPostgres(server.at('postgres'));
  await administrator.run('create database impact');
  await administrator.close();
  const output = (schema: string): string =>
    `{type: postgres, host: 127.0.0.1, port: ${server.port}, user: postgres, password: "", dbname: impact, schema: ${schema}}`;
  return {
    world: new ImpactWorld({ prod: output('prod'), ci: output('ci') }),
    adapter: 'postgres',
    database: 'impact',
    async run(statements) {
      const warehouse = await openPostgres(server.at('impact'));
      try {
        let rows: readonly unknown[] = [];
        for (const statement of statements) rows = await warehouse.query(statement);
        return rows;
      } finally {
        await warehouse.close();
      }
    },
  };
}

const STATE = (prefix: string) =>
  `select table_name from information_schema.tables where table_schema = '${prefix}_DINMO_DELTA_STORAGE' order by table_name`;

describe.each<[string, () => Place | Promise<Place>]>([
  ['DuckDB', onDuckdb],
  ['PostgreSQL', onPostgres],
])('impact counted on %s', (_, open) => {
  let place: Place;
  let report: ImpactReport;
  let stateBefore: readonly unknown[];
  const target = (schema: string): SmallTarget => ({ adapter: place.adapter, database: place.database, schema });

  beforeAll(async () => {
    place = await open();
    const { world } = place;
    await world.parse(world.base, target('prod'));
    await place.run(new SmallDbt(world.base).build(target('prod'), 'all'));
    await world.sync();
    stateBefore = await place.run([STATE('prod')]);
    world.fork();
    world.edit('dinmo/segments.yml', 'where: {attribute: country, eq: FR}', 'where: {attribute: country, eq: BE}');
    world.edit('dinmo/segments.yml', 'tier: {value: gold}', 'tier: {value: platinum}');
    await world.parse(world.branch, target('ci'), 'ci');
    // As `dbt build --select state:modified+ --defer` would: the entity is read from production.
    await place.run(new SmallDbt(world.branch).build(target('ci'), ['segment_french', 'segment_idle'], target('prod')));
    report = await world.impact({ warehouse: true });
  });
  afterAll(() => place.world.remove());

  const segment = (name: string) => report.segments.find((one) => one.segment === name);
  const activation = (id: string) => report.activations.find((one) => one.activation === id);

  it('counts who enters and leaves, also where a segment only names the one that changed', () => {
    expect(report.error).toBe(null);
    expect(report.notCompared).toEqual([]);
    expect(segment('french')).toMatchObject({
      status: 'changed',
      size: { before: 3, after: 2, entering: 2, leaving: 3 },
    });
    expect(segment('idle')).toMatchObject({
      status: 'affected',
      size: { before: 3, after: 2, entering: 2, leaving: 3 },
    });
  });

  it('plans against what production has acknowledged, guards applied', () => {
    expect(activation('french.lists')).toMatchObject({
      plan: { status: 'blocked', planned: { insert: 2, update: 0, delete: 3 } },
      today: { insert: 0, update: 0, delete: 0 },
    });
    expect(activation('french.lists')?.plan?.reason).toMatch(/guard delete-percent: 3 of 3 rows/);
    expect(report.exitCode).toBe(1);
  });

  it('finds every row an update where the mapping changed, and reads from production what CI did not build', () => {
    expect(activation('loyal.contacts')).toMatchObject({
      status: 'changed',
      plan: { status: 'planned', planned: { insert: 0, update: 4, delete: 0 } },
      today: { insert: 0, update: 0, delete: 0 },
    });
    expect(activation('customer.contacts')).toBe(undefined);
  });

  it('leaves nothing behind, at production or in CI', async () => {
    expect(await place.run([STATE('prod')])).toEqual(stateBefore);
    expect(await place.run([STATE('ci')])).toEqual([]);
  });

  it('says which relation cannot be read, and goes on with the rest', async () => {
    const view = `"${place.database}"."prod_DINMO_SEGMENTS"."segment_french"`;
    const storage = `"${place.database}"."prod_DINMO_DELTA_STORAGE"."dinmo_delta_storage"`;
    const dependent = `"${place.database}"."prod_DINMO_SEGMENTS"."segment_idle"`;
    await place.run([`drop view ${dependent}`, `drop view ${view}`, `drop view ${storage}`]);
    const poorer = await place.world.impact({ warehouse: true });
    expect(poorer.error).toBe(null);
    expect(poorer.segments.find((one) => one.segment === 'french')?.size).toEqual({
      before: null,
      after: 2,
      entering: null,
      leaving: null,
    });
    expect(poorer.activations.every(({ plan }) => plan === null)).toBe(true);
    expect(poorer.notCompared.join()).toMatch(/state beside .*dinmo_delta_storage.*segment_french. cannot be read/);
    expect(poorer.exitCode).toBe(0);
  });
});

it('reads production from an attached file', async () => {
  const world = new ImpactWorld({
    prod: '{type: duckdb, path: ../shop.duckdb, schema: main}',
    ci: '{type: duckdb, path: ../ci.duckdb, schema: main, attach: [{path: ../shop.duckdb, alias: shop, read_only: true}]}',
  });
  try {
    const prod: SmallTarget = { adapter: 'duckdb', database: 'shop', schema: 'main' };
    const ci: SmallTarget = { ...prod, database: 'ci' };
    await world.parse(world.base, prod);
    await runInFile(join(world.folder, 'shop.duckdb'), new SmallDbt(world.base).build(prod, 'all'));
    await world.sync();
    world.fork();
    world.edit('models/customers.sql', "'BE', 800", "'FR', 800");
    await world.parse(world.branch, ci, 'ci');
    const built = ['customers', 'entity_customer', 'segment_french', 'segment_idle', 'segment_loyal'];
    await runInFile(join(world.folder, 'ci.duckdb'), new SmallDbt(world.branch).build(ci, built, prod));
    const report = await world.impact({ warehouse: true });
    expect(report.notCompared).toEqual([]);
    expect(report.segments.map(({ segment, size }) => [segment, size?.entering, size?.leaving])).toEqual([
      ['french', 1, 0],
      ['idle', 1, 0],
      ['loyal', 0, 0],
    ]);
    expect(report.activations.map(({ activation, plan }) => [activation, plan?.planned])).toEqual([
      ['customer.contacts', { insert: 0, update: 0, delete: 0 }],
      ['french.lists', { insert: 1, update: 0, delete: 0 }],
      ['loyal.contacts', { insert: 0, update: 0, delete: 0 }],
    ]);
    expect(report.exitCode).toBe(0);
    // Without the attachment the same is said, not guessed.
    world.edit('profiles.yml', ', attach: [{path: ../shop.duckdb, alias: shop, read_only: true}]', '');
    const alone = await world.impact({ warehouse: true });
    expect(alone.activations.every(({ plan }) => plan === null)).toBe(true);
    expect(alone.notCompared.join()).toContain('cannot be read from this connection');
  } finally {
    world.remove();
  }
});
