import fc from 'fast-check';
import { expect } from 'vitest';
import type { KnowledgeStore } from '../../src/knowledge/store.ts';
import { compileEntity, compileSegment } from '../../src/segment/compile.ts';
import { compileProjection, type ProjectedColumn } from '../../src/segment/compile-projection.ts';
import { resolveRules } from '../../src/segment/resolve.ts';
import type { SqlTarget } from '../../src/segment/target.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { Evaluator, type Model, type Row, type SegmentModel, type Yaml } from './evaluate.ts';
import { RuleDraw } from './random-rule.ts';
import { chance, type Draw, drawWorld, type Lacks, pick, type Table, type World } from './random-world.ts';

export type { Lacks } from './random-world.ts';

import { buildStore, type SegmentSpec } from './world.ts';

/** Where the SQL of segments is asked. */
export interface Engine {
  readonly lacks?: Lacks;
  readonly dialect: SqlDialect;
  target(now: string): SqlTarget;
  /** Rows with integers as numbers, dates ISO, everything larger as text. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Nothing is there but these tables, filled while the session's zone is UTC. */
  fill(tables: readonly Table[]): Promise<void>;
  setZone(zone: string): Promise<void>;
  view(name: string, sql: string): Promise<void>;
  table(name: string, sql: string): Promise<void>;
}

export const RULES_PER_WORLD = 50;

/**
 * Random worlds, and rules for each: SQL and evaluator agree, and the laws of the language hold. All engines are held against one
 * evaluator, and so against each other. A failure prints fast-check's seed and the world's.
 */
export async function checkWorlds(
  engine: Engine,
  { worlds, seed }: { readonly worlds: number; readonly seed: number },
): Promise<void> {
  const property = fc.asyncProperty(fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 - 1 })), async (world) => {
    await checkWorld(engine, drawFrom(world));
  });
  await fc.assert(property, { numRuns: worlds, seed, endOnFailure: true });
}

/** A small generator of pseudo-random numbers (mulberry32), so that one number is a whole world. */
function drawFrom(seed: number): Draw {
  let state = seed;
  return {
    nat(most) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * (most + 1));
    },
  };
}

interface Checked {
  readonly engine: Engine;
  readonly store: KnowledgeStore;
  readonly model: Model;
  readonly target: SqlTarget;
  readonly draw: Draw;
}

async function checkWorld(engine: Engine, draw: Draw): Promise<void> {
  const world = drawWorld(draw, engine.lacks);
  await engine.fill(world.tables);
  // The answer must not hang on the session's zone.
  await engine.setZone(pick(draw, ['UTC', 'Asia/Tokyo', 'America/New_York']));
  const segments = drawSegments(draw, world);
  const model: Model = { ...world.model, segments: segments.models };
  const store = buildStore({ ...world.spec, segments: segments.specs });
  expect(resolveRules(store)).toEqual([]);
  const checked: Checked = { engine, store, model, target: engine.target(world.now), draw };
  await checkEntities(checked);
  await checkSegments(checked, segments.models);
  await checkProjections(checked);
  const rules = new RuleDraw(draw, model, segments.byEntity);
  const drawn = Array.from({ length: RULES_PER_WORLD }, () => {
    const entity = pick(draw, Object.keys(model.entities));
    return { entity, rule: rules.rule(entity, 3) };
  });
  for (const { entity, rule } of drawn) await checkRule(checked, entity, rule);
}

/** Segments that rules may name: with limits by rows and by percent, with a holdout, by SQL. */
function drawSegments(draw: Draw, world: World) {
  const specs: Record<string, SegmentSpec> = {};
  const models: Record<string, SegmentModel> = {};
  const byEntity: Record<string, string[]> = {};
  const rules = new RuleDraw(draw, world.model, byEntity);
  for (const entity of Object.keys(world.model.entities)) {
    const by = () => rules.path(entity, ['string', 'number', 'boolean', 'date', 'instant']);
    const order = () => (chance(draw, 50) ? { order: pick(draw, ['asc', 'desc']) } : {});
    const holdout = { percent: pick(draw, [5, 50, 33.3]), salt: pick(draw, ['spring', "x'y\\{{"]) };
    const listed = world.model.entities[entity]?.rows.filter((row) => row['row_id'] !== null && chance(draw, 40)) ?? [];
    const choices: Record<string, { where?: Yaml; limit?: SegmentModel['limit'] & object; listed?: readonly Row[] }> = {
      filtered: { where: rules.rule(entity, 1) },
      topped: { where: rules.rule(entity, 1), limit: { rows: 1 + draw.nat(8), by: by(), ...order() } },
      shared: { limit: { percent: pick(draw, [1, 12.5, 50, 99.9, 0.1, 100]), by: by(), ...order() } },
      listed: { listed },
    };
    byEntity[entity] = [];
    for (const [name, { where, limit, listed: rows }] of Object.entries(choices)) {
      const segment = `${name}_${entity}`;
      models[segment] = { entity, where: where ?? null, listed: rows ?? null, limit: limit ?? null };
      specs[segment] = {
        entity,
        ...(where === undefined ? {} : { where }),
        ...(limit === undefined ? {} : { limit }),
        ...(name === 'topped' || name === 'listed' ? { holdout } : {}),
        ...(rows === undefined ? {} : { sql: `${entity}_listed` }),
      };
      byEntity[entity].push(segment);
    }
  }
  return { specs, models, byEntity };
}

async function checkEntities({ engine, store, model, target }: Checked): Promise<void> {
  const evaluator = new Evaluator(model);
  for (const entity of store.entities.values()) {
    const compiled = compileEntity(store, entity, engine.dialect, target);
    await engine.view(`entity_${entity.name}`, compiled.sql).catch(() => null);
  }
  // A `where` over another entity needs that one's view first, in whatever order.
  for (const entity of store.entities.values()) {
    const compiled = compileEntity(store, entity, engine.dialect, target);
    await engine.view(`entity_${entity.name}`, compiled.sql);
  }
  for (const entity of store.entities.values()) {
    const hasExtra = entity.properties.has('extra');
    const answer = await engine.rows(
      `select row_id${hasExtra ? ', extra' : ''} from entity_${entity.name} order by row_id asc`,
    );
    const expected = evaluator
      .rows(entity.name)
      .map((row) => ({ row_id: row['row_id'], ...(hasExtra ? { extra: row['extra'] } : {}) }));
    expect(answer).toEqual(expected);
  }
}

async function checkSegments(checked: Checked, models: Readonly<Record<string, SegmentModel>>): Promise<void> {
  const { engine, store, model, target } = checked;
  const evaluator = new Evaluator(model);
  for (const [name, segmentModel] of Object.entries(models)) {
    const segment = store.segments.get(name);
    if (!segment) throw new Error(name);
    const { key, rows } = model.entities[segmentModel.entity] ?? { key: [], rows: [] };
    if (segmentModel.listed) await createListed(engine, segmentModel, key);
    const compiled = compileSegment(store, segment, engine.dialect, target);
    await engine.view(`segment_${name}`, compiled.sql);
    const answer = await engine.rows(`select * from segment_${name}`);
    expect(Object.keys(answer[0] ?? Object.fromEntries(compiled.columns.map((column) => [column, 0])))).toEqual([
      ...compiled.columns,
    ]);
    // Rows that share order and key are interchangeable for a limit.
    const tied = (row: Row) => {
      const { limit } = segmentModel;
      const by = limit === null ? row['row_id'] : evaluator.at(segmentModel.entity, row, limit.by).value;
      return JSON.stringify([by, key.map((column) => row[column])]);
    };
    const members = answer.map((found) => rows.find((row) => row['row_id'] === found['row_id']) ?? {});
    expect(members.map(tied).sort(), compiled.sql).toEqual(evaluator.members(segmentModel).map(tied).sort());
    const { holdout } = segment;
    if (holdout === null) continue;
    const heldOut = members.map((row) => evaluator.isHeldOut(segmentModel.entity, row, holdout));
    expect(
      answer.map((found) => found['dinmo_holdout']),
      compiled.sql,
    ).toEqual(heldOut);
  }
}

async function createListed(engine: Engine, { entity, listed }: SegmentModel, key: readonly string[]): Promise<void> {
  const ids = (listed ?? []).map((row) => row['row_id']).join(', ') || '-1';
  const columns = key.join(', ');
  const nothing = key.map(() => 'null').join(', ');
  // Twice, and with NULL keys: neither adds a row.
  await engine.table(
    `${entity}_listed`,
    `select ${columns} from ${entity}s where row_id in (${ids})
     union all select ${columns} from ${entity}s where row_id in (${ids}) union all select ${nothing}`,
  );
}

async function checkProjections({ engine, store, model, target, draw }: Checked): Promise<void> {
  const evaluator = new Evaluator(model);
  const paths = new RuleDraw(draw, model, {});
  for (const entity of store.entities.values()) {
    const kinds = ['string', 'number', 'boolean', 'date'] as const;
    const columns = Array.from({ length: 4 }, () => paths.path(entity.name, kinds)).filter((path) =>
      path.includes('.'),
    );
    const segment = `filtered_${entity.name}`;
    const projected: ProjectedColumn[] = [
      { alias: 'row_id', source: { kind: 'column', path: ['row_id'] } },
      ...columns.map((path, index) => ({
        alias: `c${index}`,
        source: { kind: 'column' as const, path: path.split('.') },
      })),
      { alias: 'flag', source: { kind: 'segment', segment: `topped_${entity.name}` } },
    ];
    const from = { kind: 'segment' as const, name: segment };
    const compiled = compileProjection(store, { from, columns: projected }, engine.dialect, target);
    const answer = await engine.rows(`select * from (${compiled.sql}) order by row_id asc`);
    const segmentModel = model.segments[segment];
    if (!segmentModel) throw new Error(segment);
    const members = evaluator.members(segmentModel);
    const startsHidden = ['n', 'ref1', 'ref2'].some((column) => entity.properties.get(column)?.hidden);
    const ids = answer.map((row) => row['row_id']);
    expect(ids, compiled.sql).toEqual(members.map((row) => row['row_id']));
    for (const [index, row] of members.entries()) {
      expect(answer[index]?.['flag'], compiled.sql).toBe(evaluator.isMember(`topped_${entity.name}`, row));
      for (const [position, path] of columns.entries()) {
        // A way that begins at a hidden column is found by primary key, so only for sound keys.
        if (startsHidden && !isSound(evaluator, entity.name, row)) continue;
        const { value } = evaluator.at(entity.name, row, path);
        const given = answer[index]?.[`c${position}`] ?? null;
        expect(typeof value === 'number' && given !== null ? Number(given) : given, compiled.sql).toEqual(value);
      }
    }
  }
}

function isSound(evaluator: Evaluator, entity: string, row: Row): boolean {
  const key = evaluator.keyOf(entity, row);
  return key !== null && evaluator.rows(entity).filter((other) => evaluator.keyOf(entity, other) === key).length === 1;
}

/** The rule and one of its two negations: each is what the evaluator says, and together they are the entity. */
async function checkRule(checked: Checked, entity: string, rule: Yaml): Promise<void> {
  const evaluator = new Evaluator(checked.model);
  const negation = chance(checked.draw, 50) ? { not: rule } : { none: [rule] };
  const answers: number[][] = [];
  for (const where of [rule, negation]) {
    const { ids, sql } = await idsOf(checked, { entity, where });
    const expected = evaluator.rows(entity).filter((row) => evaluator.holds(entity, row, where));
    expect(ids, `${entity} ${JSON.stringify(where)}\n${sql}`).toEqual(expected.map((row) => row['row_id']));
    answers.push(ids);
  }
  const everyone = evaluator.rows(entity).map((row) => row['row_id']);
  expect(answers.flat().sort((a, b) => a - b)).toEqual(everyone);
}

async function idsOf(
  { engine, store, target }: Checked,
  { entity, where }: { readonly entity: string; readonly where: Yaml },
): Promise<{ readonly ids: number[]; readonly sql: string }> {
  const asked = buildStore({ entities: {}, segments: { asked: { entity, where } } }).segments.get('asked');
  if (!asked) throw new Error('asked');
  const wider = { ...store, segments: new Map([...store.segments, ['asked', asked]]) };
  expect(resolveRules(wider), JSON.stringify(where)).toEqual([]);
  const { sql } = compileSegment(wider, asked, engine.dialect, target);
  const found = await engine.rows(`select row_id from (${sql}) order by row_id asc`).catch((thrown: unknown) => {
    throw new Error(`${String(thrown)}\n${JSON.stringify(where)}\n${sql}`);
  });
  return { ids: found.map((row) => Number(row['row_id'])), sql };
}
