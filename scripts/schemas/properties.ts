import { readFileSync } from 'node:fs';
import { annotationDefinitions } from './annotation.ts';
import { type Schema, Vocabulary } from './words.ts';

const PREFIX = 'dinmo_';
const words = new Vocabulary({ isRendered: true, prefix: PREFIX });

const NOTICE =
  'Made from the JSON schema of properties files in dbt-core 1.12.6 (dbt/jsonschemas/resources/latest.json), copyright dbt Labs, Inc., Apache License 2.0. Changed by dbt-dinmo: `meta.dinmo` is described; keys of dbt 1.x, further settings of adapters, and Jinja are allowed.';

/** Where our annotation of a model stands, and where that of a column does. */
const NODES = ['Model', 'Seed', 'Snapshot', 'Source'];
/** What dbt 1.x takes beside `config:`, and dbt 2 only in it. */
const OLDER_KEYS = [
  ...[
    'access',
    'docs',
    'freshness',
    'group',
    'latest_version_pointer',
    'loaded_at_field',
    'loaded_at_query',
    'overrides',
  ],
  ...['quote', 'tags', 'tests', 'time_spine', 'constraints', 'unrendered_config'],
];

/** dbt's whole properties file, with our annotations described. */
export function propertiesSchema(): Schema {
  const base = readBase();
  const { definitions, ...rest } = base;
  const open = Object.fromEntries(
    Object.entries(asSchemas(definitions)).map(([name, schema]) => [name, withJinja(asOpen(name, schema))]),
  );
  for (const node of NODES) {
    open[`${node}Config`] = withMeta(open[`${node}Config`], 'model');
    open[`${node}Properties`] = withOlderKeys(open[`${node}Properties`], 'model');
  }
  open['TablesConfig'] = withMeta(open['TablesConfig'], 'model');
  open['Tables'] = withOlderKeys(open['Tables'], 'model');
  open['ColumnConfig'] = withMeta(open['ColumnConfig'], 'column');
  open['ColumnProperties'] = withOlderKeys(open['ColumnProperties'], 'column');
  open['VersionColumnProperties'] = withOlderKeys(open['VersionColumnProperties'], 'column');
  open['Versions'] = withVersionConfig(open['Versions']);
  return {
    ...rest,
    $comment: NOTICE,
    title: 'Properties of a dbt project, with dinmo',
    definitions: { ...open, ...words.named({}), ...words.definitions, ...annotationDefinitions(words) },
  };
}

function readBase(): Schema {
  const content: unknown = JSON.parse(readFileSync(new URL('./dbt/properties.json', import.meta.url), 'utf8'));
  return asSchema(content);
}

/** Schemas of dbt's file are objects; anything else is a fault of the copy. */
function asSchema(value: unknown): Schema {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Schema; // just looked at
  return {};
}

function asSchemas(value: unknown): Readonly<Record<string, Schema>> {
  return Object.fromEntries(
    Object.entries(asSchema(value)).map(([name, schema]) => [name, schema === true ? {} : asSchema(schema)]),
  );
}

/** Adapters have settings and materialisations of their own. */
function asOpen(name: string, schema: Schema): Schema {
  if (name === 'DbtMaterialization')
    return { anyOf: [...(Array.isArray(schema['oneOf']) ? schema['oneOf'] : []), { type: 'string' }] };
  if (name === 'Severity') return { enum: ['error', 'warn', 'ERROR', 'WARN'] };
  if (!name.endsWith('Config') || schema['additionalProperties'] !== false) return schema;
  const { additionalProperties: _, ...open } = schema;
  return open;
}

/** dbt renders Jinja in every value, also where a number, a flag or a word of a list is wanted. */
function withJinja(value: Schema): Schema {
  return asSchema(rendered(value));
}

function rendered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rendered);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'properties'
        ? Object.fromEntries(Object.entries(asSchema(inner)).map(([name, each]) => [name, rendered(each)]))
        : ['enum', 'required', 'type', 'default'].includes(key)
          ? inner
          : rendered(inner),
    ]),
  );
  const types = [schema['type']].flat();
  const isScalar = types.some((type) => ['boolean', 'integer', 'number'].includes(String(type)));
  if (isScalar && !types.includes('string')) return { anyOf: [schema, words.ref('jinja')] };
  return Array.isArray(schema['enum']) ? { anyOf: [schema, words.ref('jinja')] } : schema;
}

function meta(kind: 'model' | 'column', description: string): Schema {
  return {
    description,
    type: ['object', 'null'],
    properties: { dinmo: { description: 'What dinmo knows of it.', anyOf: [words.ref(kind), { type: 'null' }] } },
    additionalProperties: true,
  };
}

function withProperties(schema: Schema | undefined, properties: Readonly<Record<string, Schema>>): Schema {
  const known = asSchema(schema?.['properties']);
  return { ...schema, properties: { ...known, ...properties } };
}

function withMeta(schema: Schema | undefined, kind: 'model' | 'column'): Schema {
  return withProperties(schema, { meta: meta(kind, 'Facts of your own, for dbt and for dinmo.') });
}

function withOlderKeys(schema: Schema | undefined, kind: 'model' | 'column'): Schema {
  const known = asSchema(schema?.['properties']);
  const older = OLDER_KEYS.filter((key) => known[key] === undefined).map((key) => [
    key,
    { description: 'dbt 1.x; see `config:`.' },
  ]);
  return withProperties(schema, {
    ...Object.fromEntries(older),
    meta: meta(kind, 'The older place, which dbt 2 drops: write `config: {meta: …}`.'),
  });
}

/** A version of a model has a configuration of its own, of which only our part is described. */
function withVersionConfig(schema: Schema | undefined): Schema {
  return withProperties(schema, {
    config: { type: ['object', 'null'], properties: { meta: meta('model', 'Facts of your own.') } },
  });
}
