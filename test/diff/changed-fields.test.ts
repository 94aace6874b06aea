import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch, BatchOutcome } from '../../src/destinations/destination.ts';
import { type ServiceFacts, sendsChangedFieldsOnly } from '../../src/knowledge/service-facts.ts';
import { Death, type Literal } from '../pipeline/engine-bench.ts';
import { type FieldOf, RowsWorld, rowsFacts, type Shape } from '../pipeline/rows-world.ts';
import { Random } from '../simulation/random.ts';
import { benchName } from '../warehouse/bench-warehouse.ts';

const FACTS = rowsFacts('objects', {
  changedFieldsOnly: [],
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
});
const COLUMNS = 'id bigint, name varchar, points bigint, seen timestamp';
const FIELDS: readonly FieldOf[] = [
  { field: 'name' },
  { field: 'points', type: 'BIGINT' },
  { field: 'seen', type: 'TIMESTAMP' },
  { field: 'kind', value: 'person' },
];
const ANN = { name: 'Ann' as Literal, points: 12345678901234567n as Literal, seen: '2026-01-02 03:04:05' as Literal };
type Columns = typeof ANN;

/** Nobody knows whether it was taken. */
const LOST: BatchOutcome = {
  ...{ kind: 'retry', applied: 'maybe', throttled: false, afterMs: null, code: 'lost', message: 'lost' },
};
/** Segments that are synced through all that can happen. */
const ROUNDS = Number(process.env['DINMO_CHANGED_FIELDS_ROUNDS'] ?? 3);

/** Keeps what it is sent, field by field, as a service of attributes does. */
class Attributes {
  readonly held = new Map<string, Record<string, unknown>>();
  log: string[] = [];
  fault: ((batch: Batch, apply: () => void) => BatchOutcome | null) | null = null;

  send(batch: Batch): BatchOutcome {
    const apply = (): void => {
      for (const row of batch.rows) {
        this.log.push(`${batch.operation} ${row.key} ${row.fieldsJson}`);
        if (batch.operation === 'delete') this.held.delete(row.key);
        else this.held.set(row.key, { ...this.held.get(row.key), ...row.fields() });
      }
    };
    const answer = this.fault?.(batch, apply) ?? null;
    if (answer !== null) return answer;
    apply();
    return { kind: 'receipts', receipts: batch.rows.map(({ seq }) => ({ seq, status: 'accepted' })) };
  }
}

let world: RowsWorld;
let service: Attributes;
beforeEach(() => {
  world = new RowsWorld();
  service = new Attributes();
});
afterEach(() => world.close());

/** Syncs these rows, and tells what was sent. */
async function sync(rows: Readonly<Record<number, Partial<Columns>>>, shape: Shape = {}): Promise<readonly string[]> {
  const values = Object.entries(rows).map(([id, row]) => [Number(id), ...Object.values({ ...ANN, ...row })]);
  await world.bench.fill('rows', COLUMNS, values);
  return await again(shape);
}

async function again(shape: Shape = {}): Promise<readonly string[]> {
  service.log = [];
  const activation = world.activation({ facts: FACTS, fields: FIELDS, ...shape });
  await world.bench.sync({ ...activation, send: async (batch) => service.send(batch) });
  return service.log.sort();
}

/** All fields, with these values in place of Ann's. */
function whole({ name = '"Ann"', points = '12345678901234567' } = {}): string {
  return `{"name":${name},"points":${points},"seen":"2026-01-02T03:04:05Z","kind":"person"}`;
}
const WHOLE = whole();

describe('an update', () => {
  it('carries the fields that changed, of any type, NULLs too', async () => {
    expect(await sync({ 1: {}, 2: {} })).toEqual([`insert 1 ${WHOLE}`, `insert 2 ${WHOLE}`]);
    const steps: readonly (readonly [Partial<Columns>, string])[] = [
      [{ name: 'Eve', points: 98765432109876543n }, '{"name":"Eve","points":98765432109876543}'],
      [{ name: 'Eve', points: null }, '{"points":null}'],
      [{ name: null, points: null, seen: null }, '{"name":null,"seen":null}'],
      [
        { name: '', points: 0, seen: '2026-01-02 03:04:05.5' },
        '{"name":"","points":0,"seen":"2026-01-02T03:04:05.500000Z"}',
      ],
      [{ name: 'null', points: 0, seen: '2026-01-02 03:04:05.5' }, '{"name":"null"}'],
    ];
    for (const [row, sent] of steps) expect(await sync({ 1: row, 2: {} })).toEqual([`update 1 ${sent}`]);
    expect(service.held.get('1')).toMatchObject({ name: 'null', points: 0, kind: 'person' });
  });

  it('keeps what a NULL is not sent for, and is whole where nothing else changed', async () => {
    const fields = FIELDS.map((field) => ({ ...field, nulls: 'skip' as const }));
    await sync({ 1: {} }, { fields });
    const left = WHOLE.replace('"name":"Ann",', '');
    expect(await sync({ 1: { name: null } }, { fields })).toEqual([`update 1 ${left}`]);
    expect(await sync({ 1: { name: null, points: 1 } }, { fields })).toEqual(['update 1 {"points":1}']);
    expect(await sync({ 1: { points: 1 } }, { fields })).toEqual(['update 1 {"name":"Ann"}']);
    expect(service.held.get('1')).toMatchObject({ name: 'Ann', points: 1, kind: 'person' });
  });

  it.skipIf(benchName() !== 'duckdb')('tells a JSON null, which is sent, from none', async () => {
    const fields: readonly FieldOf[] = [{ field: 'name' }, { field: 'doc', type: 'JSON', nulls: 'skip' }];
    const documents = [null, 'null', '[]', '{"a": 1.0}', 'null'];
    const sent = [];
    for (const [index, doc] of documents.entries()) {
      await world.bench.fill('rows', 'id bigint, name varchar, doc json', [[1, `${index}`, doc]]);
      sent.push(...(await again({ fields })));
    }
    expect(sent).toEqual([
      'insert 1 {"name":"0"}',
      ...['null', '[]', '{"a":1}', 'null'].map((doc, at) => `update 1 {"name":"${at + 1}","doc":${doc}}`),
    ]);
  });

  it('is whole after a change of the mapping, but not after another order', async () => {
    await sync({ 1: {} });
    const more = [...FIELDS, { field: 'again', from: 'name' }];
    expect(await again({ fields: more })).toEqual([`update 1 ${WHOLE.slice(0, -1)},"again":"Ann"}`]);
    expect(await sync({ 1: { points: 1 } }, { fields: more.toReversed() })).toEqual(['update 1 {"points":1}']);
    expect(await sync({ 1: { points: 1, name: 'Eve' } }, { fields: more })).toEqual([
      'update 1 {"name":"Eve","again":"Eve"}',
    ]);
    // Written on insert only, a field is none that an update carries; written always, all that is known of it is nothing.
    const once = FIELDS.map((field) => (field.field === 'name' ? { ...field, write: 'on_insert' as const } : field));
    expect((await again({ fields: once })).map((line) => line.includes('"name"'))).toEqual([false]);
    expect(await sync({ 1: { points: 2, name: 'Flo' } }, { fields: once })).toEqual(['update 1 {"points":2}']);
    expect(await sync({ 1: { points: 3, name: 'Gil' } })).toEqual([
      `update 1 ${whole({ name: '"Gil"', points: '3' })}`,
    ]);
  });

  it('is whole where everything is sent, and where the outcome of the one before is unknown', async () => {
    await sync({ 1: {}, 2: {} });
    expect(await sync({ 1: { points: 0 }, 2: {} }, { everything: true })).toEqual([
      `update 1 ${whole({ points: '0' })}`,
      `update 2 ${WHOLE}`,
    ]);
    expect(await sync({ 1: { points: 1 }, 2: {} })).toEqual(['update 1 {"points":1}']);
    // Nobody knows whether it was taken: the next one says everything.
    service.fault = () => LOST;
    await sync({ 1: { points: 1, name: 'Eve' }, 2: {} });
    service.fault = null;
    expect(await sync({ 1: { points: 2, name: 'Eve' }, 2: {} })).toEqual([
      `update 1 ${whole({ name: '"Eve"', points: '2' })}`,
    ]);
    expect(await sync({ 1: { points: 3, name: 'Eve' }, 2: {} })).toEqual(['update 1 {"points":3}']);
  });

  it('says again what was refused, and nothing else', async () => {
    await sync({ 1: {} });
    service.fault = (batch) => ({
      kind: 'receipts',
      receipts: batch.rows.map(({ seq }) => ({ seq, status: 'rejected', code: 'no', message: 'no' })),
    });
    await sync({ 1: { name: 'Eve' } });
    service.fault = null;
    expect(await sync({ 1: { name: 'Eve', points: 1 } })).toEqual(['update 1 {"name":"Eve","points":1}']);
    expect(service.held.get('1')).toMatchObject({ name: 'Eve', points: 1, kind: 'person' });
  });

  it('is whole of a row that left and came back, and of rows that were acknowledged before', async () => {
    const keeps: Shape = { operations: ['insert', 'update'] };
    await sync({ 1: {}, 2: {} }, { ...keeps, facts: rowsFacts('objects') });
    expect(await sync({ 1: { points: 1 }, 2: { points: 1 } }, keeps)).toEqual(
      [1, 2].map((id) => `update ${id} ${whole({ points: '1' })}`),
    );
    expect(await sync({ 1: { points: 2 } }, keeps)).toEqual(['update 1 {"points":2}']);
    expect(await sync({ 1: { points: 2 }, 2: {} }, keeps)).toEqual([`update 2 ${WHOLE}`]);
    // A run that does not know of it forgets it.
    const before = rowsFacts('objects');
    expect(await sync({ 1: { points: 3 }, 2: {} }, { ...keeps, facts: before })).toHaveLength(1);
    expect(await sync({ 1: { points: 4 }, 2: { points: 2 } }, keeps)).toEqual([
      `update 1 ${whole({ points: '4' })}`,
      'update 2 {"points":2}',
    ]);
  });
});

describe('whatever is lost, refused, or killed', () => {
  it('what is held is the segment in the end', async () => {
    const random = new Random(5);
    const value = (): Partial<Columns> => ({
      name: random.pick(['Ann', 'Eve', '', null]),
      points: random.pick([0, 1, null]),
      seen: random.pick(['2026-01-02 03:04:05', null]),
    });
    for (let round = 0; round < ROUNDS; round++) {
      const fields = random.chance(0.8) ? FIELDS : FIELDS.filter(({ field }) => field !== 'points');
      const ids = [1, 2, 3, 4, 5, 6].filter(() => random.chance(0.85));
      const rows = Object.fromEntries(ids.map((id) => [id, value()]));
      service.fault = (_, apply) => {
        const fate = random.below(4);
        if (fate === 0) return null;
        if (fate < 3) apply();
        return LOST;
      };
      let left = random.below(400);
      world.bench.mayDie = (where) => {
        if (--left === 0) throw new Death(where);
      };
      const operations = random.mostly(FACTS.operations, [['insert', 'update']] as const);
      await sync(rows, { fields, operations }).catch(() => {});
      world.bench.mayDie = () => {};
      service.fault = null;
      const now = Object.fromEntries(ids.map((id) => [id, random.chance(0.5) ? (rows[id] ?? {}) : value()]));
      await sync(now, { attempts: 100 });
      const held = [...service.held].map(([key, { name, points, seen }]) => [key, name, points, seen]);
      const wanted = Object.entries(now).map(([id, { name, points, seen }]) => [
        ...[id, name, points, typeof seen === 'string' ? '2026-01-02T03:04:05Z' : null],
      ]);
      expect(held.sort(), `round ${round}`).toEqual(wanted);
    }
  });
});

describe('the settings of a destination', () => {
  it('say whether it is certain what a row has there', () => {
    const setting = (name: string, value: string): ServiceFacts['config'][number] => ({
      ...{ name, type: 'string', required: false, core: false, default: value, description: '' },
    });
    const facts: ServiceFacts = {
      ...FACTS,
      config: [setting('by', 'id'), setting('existing', 'false')],
      changedFieldsOnly: [
        { setting: 'by', is: ['id', 'alias'] },
        { setting: 'existing', is: ['false'] },
      ],
    };
    const sends = (config: Readonly<Record<string, unknown>>): boolean => sendsChangedFieldsOnly(facts, config);
    expect([{}, { by: 'alias' }, { existing: false }].map(sends)).toEqual([true, true, true]);
    expect([{ by: 'email' }, { existing: true }, { by: "{{ env_var('BY') }}" }].map(sends)).toEqual(
      Array(3).fill(false),
    );
    expect(sendsChangedFieldsOnly({ ...facts, identifiers: { matching: ['email'], hints: [] } }, {})).toBe(false);
  });
});
