import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, expect, test } from 'vitest';
import { renderSchemas } from '../../scripts/schemas/render.ts';
import { NODE_KEYS } from '../../src/artifacts/annotation-collector.ts';
import { BlockReader } from '../../src/artifacts/block-reader.ts';
import { parseColumn, parseCustomAttribute, parseEntity } from '../../src/artifacts/parse-annotation.ts';
import { parseFileSegment, parseSqlSegment } from '../../src/artifacts/parse-segment.ts';
import { readSettings } from '../../src/artifacts/settings.ts';
import { isMap, ShapeProblems } from '../../src/artifacts/shape.ts';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { readServiceSettings } from '../../src/destinations/settings.ts';
import { Dice, fuzzRuns, SEED } from '../fuzz/seeded.ts';
import { COLUMN, DESTINATIONS, MODEL, SEGMENT } from './documents.ts';

const SCHEMAS = renderSchemas();
const folder = mkdtempSync(join(tmpdir(), 'dinmo-schemas-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the schema says of a document; `part` is one of its definitions. */
function validator(schema: string, part?: string): (value: unknown) => string | null {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const { definitions, ...root } = SCHEMAS[schema] ?? {};
  const validate = ajv.compile({ ...(part === undefined ? root : { $ref: `#/definitions/${part}` }), definitions });
  return (value) => (validate(value) ? null : ajv.errorsText(validate.errors));
}

/** What the reader says of a document: the first thing that is wrong. */
type Reader = (value: unknown) => string | null;

function problemOf(read: (problems: ShapeProblems) => unknown): string | null {
  const problems = new ShapeProblems();
  read(problems);
  const [first] = problems.list;
  return first === undefined ? null : `${first.code} at ${first.path.join('.')}: ${first.message}`;
}

const readModel: Reader = (value) =>
  problemOf((problems) => {
    BlockReader.open(value, NODE_KEYS, { at: [], problems, what: 'An annotation' });
    if (!isMap(value)) return;
    if (Object.hasOwn(value, 'entity')) parseEntity(value['entity'], ['entity'], problems);
    if (Object.hasOwn(value, 'custom_attribute'))
      parseCustomAttribute(value['custom_attribute'], ['custom_attribute'], problems);
    if (Object.hasOwn(value, 'segment')) parseSqlSegment(value['segment'], ['segment'], problems);
  });

const readColumn: Reader = (value) => problemOf((problems) => parseColumn(value, [], problems));

const readSegment: Reader = (value) => problemOf((problems) => parseFileSegment(value, [], problems));

/** Names of time zones are those of the machine, and what a variable holds nobody knows before. */
const BEYOND_SCHEMAS = /^unknown-timezone|must be .*\(rendered\)$/;

const readDinmo: Reader = (value) => {
  writeFileSync(join(folder, 'dinmo.yml'), JSON.stringify(value));
  const { settings, findings } = readSettings(folder);
  const lookup = serviceLookup();
  for (const destination of settings.destinations.values()) {
    const facts = lookup.facts(destination.platform, destination.service);
    if (facts === null) return `${destination.platform} has no ${destination.service}`;
    const [first] = readServiceSettings({ facts, destination, resolve: (text) => text }).findings;
    if (first !== undefined)
      return `${first.message}${JSON.stringify(destination.config).includes('{{') ? ' (rendered)' : ''}`;
  }
  const error = findings.find(({ severity }) => severity === 'error');
  return error === undefined ? null : `${error.code}: ${error.message}`;
};

/** Values that are wrong in most places. Every one is beyond doubt: what only the reader can judge is not among them. */
const ODD: readonly unknown[] = [
  ...[null, true, false, 0, 1, 3, -1, 150, 1.5, '', 'x', 'EUR', 'a.b', 'a..b', 'Bad Name', 'now', 'UTC', 'first_sync'],
  ...['delta', 'many_to_many', 'email', '2026-01-31', 'after_dbt', '0 6 * * *', 'a.b.c', 'http://127.0.0.1/x?y=1'],
  ...[[], [1], ['x'], ['x', 'x'], ['email', 'phone'], {}, { x: 'y' }, { attribute: 'country' }, { segment: 'vip' }],
  ...[{ last: 3, unit: 'day' }, { ago: 3, unit: 'day' }, { kind: 'email' }, { value: 1 }, [null], [{}]],
  ...["{{ env_var('X') }}"],
];

function placesOf(value: unknown): readonly (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [
    [],
    ...Object.entries(value).flatMap(([key, inner]) =>
      placesOf(inner).map((path) => [Array.isArray(value) ? Number(key) : key, ...path]),
    ),
  ];
}

/** The document with one thing changed: a value replaced, a key removed, renamed or added, an item repeated. */
function changed(document: unknown, dice: Dice): unknown {
  const copy: { root: unknown } = { root: structuredClone(document) };
  const path = dice.of(placesOf(document));
  let holder: unknown = copy;
  for (const key of ['root', ...path].slice(0, -1)) holder = Reflect.get(Object(holder), key);
  const key = ['root', ...path].at(-1) ?? 'root';
  const target = Object(holder);
  const value: unknown = Reflect.get(target, key);
  const names = [
    'nope',
    'where',
    'name',
    'segment',
    'unit',
    'of',
    'eq',
    'rows',
    'percent',
    'through',
    'value',
    'config',
  ];
  switch (dice.below(6)) {
    case 0:
      if (Array.isArray(target)) target.splice(Number(key), 1);
      else if (path.length > 0) Reflect.deleteProperty(target, key);
      break;
    case 1:
      if (isMap(value)) Reflect.set(value, dice.of(names), dice.of(ODD));
      else Reflect.set(target, key, dice.of(ODD));
      break;
    default:
      Reflect.set(target, key, dice.of(ODD));
  }
  return copy.root;
}

interface Case {
  readonly what: string;
  readonly document: unknown;
  readonly read: Reader;
  readonly schema: readonly [name: string, part?: string];
  readonly isRendered: boolean;
  readonly runs: number;
}

test.each<Case>([
  { what: 'a model', document: MODEL, read: readModel, schema: ['meta', 'model'], isRendered: true, runs: 200 },
  { what: 'a column', document: COLUMN, read: readColumn, schema: ['meta', 'column'], isRendered: true, runs: 100 },
  {
    what: 'a segment',
    document: SEGMENT,
    read: readSegment,
    schema: ['segments', 'file_segment'],
    isRendered: false,
    runs: 200,
  },
  { what: 'dinmo.yml', document: DESTINATIONS, read: readDinmo, schema: ['dinmo'], isRendered: false, runs: 100 },
])('$what: the schema takes exactly what the reader takes', ({ document, read, schema, isRendered, runs }) => {
  const judge = validator(...schema);
  expect([read(document), judge(document)]).toEqual([null, null]);
  const dice = new Dice(SEED);
  const disagreements: unknown[] = [];
  const count = fuzzRuns(runs);
  let refused = 0;
  for (let run = 0; run < count && disagreements.length < 5; run++) {
    const value = changed(dice.below(4) === 0 ? changed(document, dice) : document, dice);
    // dbt renders expressions before the reader sees them: in its files the schema takes them anywhere.
    if (isRendered && JSON.stringify(value).includes('{{')) continue;
    const [byReader, bySchema] = [read(value), judge(value)];
    if (byReader !== null) refused++;
    if ((byReader === null) !== (bySchema === null) && !BEYOND_SCHEMAS.test(byReader ?? ''))
      disagreements.push({ run, byReader, bySchema, value: JSON.stringify(value) });
  }
  expect(disagreements).toEqual([]);
  // The changes must meet both verdicts.
  expect(refused).toBeGreaterThan(count / 4);
  expect(refused).toBeLessThan(count);
});

test('every key that a reader takes is described', () => {
  const bare: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const properties: unknown = Reflect.get(value, 'properties');
    for (const [key, inner] of Object.entries(isMap(properties) ? properties : {})) {
      const [first = inner] = isMap(inner) && Array.isArray(inner['anyOf']) ? inner['anyOf'] : [];
      if (Object.keys(Object(first)).length === 0) bare.push(`${path}/${key}: add it to scripts/schemas`);
    }
    for (const [key, inner] of Object.entries(value)) visit(inner, `${path}/${key}`);
  };
  for (const name of ['meta', 'dinmo', 'segments']) visit(SCHEMAS[name], name);
  expect(bare).toEqual([]);
});

test('an expression may stand for any value in dbt’s files, and for none in ours', () => {
  const expression = "{{ var('x') }}";
  expect(validator('meta', 'activation')({ mode: expression, schedule: expression })).toBeNull();
  expect(validator('segments', 'activation')({ mode: expression })).toContain('/mode');
  expect(validator('segments', 'activation')({ schedule: expression })).toContain('/schedule');
});
