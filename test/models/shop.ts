import type { Manifest, ManifestNode } from '../../src/artifacts/manifest.ts';
import type { Origin } from '../../src/artifacts/position.ts';
import type { Operand, Operator } from '../../src/artifacts/rule.ts';
import type { Settings } from '../../src/artifacts/settings.ts';
import type {
  Activation,
  ColumnType,
  Destination,
  Entity,
  EntityNode,
  KnowledgeStore,
  Property,
  Relationship,
  Segment,
} from '../../src/knowledge/store.ts';
import type { QueryCompiler, RenderInput } from '../../src/models/render-input.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';

/** A small shop: customers on a plan, and order lines with a composite key. Each test alters one thing. */
export interface Shop {
  readonly store: KnowledgeStore;
  readonly input: RenderInput;
}

export interface ShopChange {
  readonly segments?: readonly Segment[];
  readonly activations?: readonly Activation[];
  readonly settings?: Partial<Settings>;
  readonly nodes?: readonly Partial<ManifestNode>[];
  readonly dbtVersion?: string;
  readonly compiler?: QueryCompiler;
  readonly input?: Partial<RenderInput>;
}

export function origin(file: string): Origin {
  return { file, locate: () => ({ file, line: 1, column: 1 }) };
}

const provenance = { source: 'annotation', detail: 'stated' };

function property(name: string, kind: ColumnType | null, change: Partial<Property> = {}): Property {
  return {
    name,
    identifier: null,
    type: kind,
    dataType: null,
    typeFrom: null,
    categorical: false,
    values: null,
    label: name,
    description: '',
    hidden: false,
    customAttribute: null,
    origin: null,
    ...change,
  };
}

export function nodeOf(name: string, change: Partial<EntityNode> = {}): EntityNode {
  return {
    uniqueId: `model.shop.${name}`,
    resourceType: 'model',
    reference: `ref('${name}')`,
    relationName: `"shop"."main"."${name}"`,
    group: null,
    access: null,
    ...change,
  };
}

function entity(name: string, model: string, change: Partial<Entity>): Entity {
  return {
    name,
    plural: model,
    label: name,
    description: '',
    type: 'dimension',
    class: 'other',
    node: nodeOf(model),
    primaryKey: ['id'],
    primaryKeyFrom: provenance,
    eventTime: null,
    where: null,
    properties: new Map(),
    relationships: new Map(),
    origin: origin('models/shop.yml'),
    notes: [],
    ...change,
  };
}

function named<T extends { readonly name: string }>(things: readonly T[]): ReadonlyMap<string, T> {
  return new Map(things.map((thing) => [thing.name, thing]));
}

const string: ColumnType = { kind: 'string' };

const toPlan: Relationship = {
  name: 'plan',
  from: 'customer',
  to: 'plan',
  type: 'many_to_one',
  keys: [['plan_id', 'plan_id']],
  through: null,
  provenance,
  origin: null,
};

export const entities: readonly Entity[] = [
  entity('customer', 'customers', {
    label: 'Customers',
    class: 'customers',
    description: 'People who bought, {{ braces }} and all.',
    primaryKey: ['customer_id'],
    properties: named([
      property('customer_id', { kind: 'integer' }, { dataType: 'integer', typeFrom: provenance }),
      property('email', string, { identifier: { kind: 'email', rank: 1 }, label: 'E-mail' }),
      property('country', string, { categorical: true, description: 'NO' }),
      property('plan_id', string),
      property('joined_at', { kind: 'timestamp', zoned: true }),
    ]),
    relationships: named([toPlan]),
  }),
  entity('line', 'lines', {
    primaryKey: ['order_id', 'line_no'],
    properties: named([property('order_id', { kind: 'integer' }), property('line_no', { kind: 'integer' })]),
    origin: origin('models/lines.yml'),
  }),
  entity('plan', 'plans', {
    primaryKey: ['plan_id'],
    properties: named([property('plan_id', string), property('name', string)]),
  }),
];

export function segment(name: string, change: Partial<Segment> = {}): Segment {
  return {
    name,
    entity: 'customer',
    label: name,
    description: '',
    definition: { kind: 'filter', where: null },
    limit: null,
    holdout: null,
    materialized: 'view',
    origin: origin('dinmo/segments.yml'),
    at: ['segments', name],
    ...change,
  };
}

function rule(attribute: string, operator: Operator, operand: Operand): Segment['definition'] {
  return {
    kind: 'filter',
    where: { kind: 'attribute', path: [attribute], comparison: { operator, operand, at: [] }, at: [] },
  };
}

export const segments: readonly Segment[] = [
  segment('french', {
    label: 'French customers',
    definition: rule('country', 'eq', { kind: 'literal', value: 'FR' }),
    holdout: { percent: 10, salt: 'spring' },
  }),
  segment('unsubscribed', { definition: rule('joined_at', 'after', { kind: 'now' }) }),
  segment('vip', {
    definition: rule('plan_id', 'eq', { kind: 'literal', value: 'gold' }),
    materialized: 'table',
    description: 'Bought for 500 or more.',
  }),
];

const destination: Destination = {
  name: 'meta_customers',
  platform: 'meta',
  service: 'audiences',
  config: {},
  credentials: {},
  baseUrl: null,
  exclude: ['unsubscribed'],
  consent: null,
  origin: origin('dinmo.yml'),
};

export function activation(id: string, change: Partial<Activation> = {}): Activation {
  const [parent = '', name = ''] = id.split('.');
  return {
    id,
    name,
    parent: { kind: 'segment', name: parent },
    entity: 'customer',
    destination: destination.name,
    mode: 'delta',
    operations: ['insert', 'update', 'delete'],
    audience: null,
    mapping: [],
    identifiers: [{ kind: 'email', rank: 1, path: ['email'] }],
    consent: [],
    schedule: 'after_dbt',
    guards: {
      max_delete_percent: 20,
      max_delete_rows: 1,
      min_delete_rows: 1,
      key_churn_percent: 1,
      allow_empty: false,
    },
    attempts: 5,
    since: null,
    lookback: null,
    was: null,
    enabled: true,
    origin: origin('dinmo/segments.yml'),
    at: [],
    ...change,
  };
}

export const activations: readonly Activation[] = [
  activation('vip.meta_customers', {
    mapping: [
      {
        field: 'plan',
        source: { kind: 'column', path: ['plan', 'name'] },
        nulls: 'skip',
        write: 'always',
        origin: null,
      },
      {
        field: 'is_french',
        source: { kind: 'segment', segment: 'french' },
        nulls: 'skip',
        write: 'always',
        origin: null,
      },
    ],
  }),
];

/** The rules of the shop's segments, as simple SQL. */
const CONDITIONS: Readonly<Record<string, (now: string) => string>> = {
  french: () => "country = 'FR'",
  unsubscribed: (now) => `joined_at > ${now}`,
  vip: () => "plan_id = 'gold'",
};

/** Stands in for the compiler of segments, so that a test of files is not one of SQL. */
export const stubCompiler: QueryCompiler = {
  entity: (_store, { node, properties }, dialect, target) => {
    const columns = [...properties.keys()];
    const list = columns.map((column) => `    ${dialect.quoteIdentifier(column)}`).join(',\n');
    return {
      sql: `select\n${list}\nfrom ${target.node(node)}`,
      columns,
      uses: { nodes: [node.uniqueId], entities: [], segments: [] },
    };
  },
  segment: (store, { name, entity: of, holdout }, _dialect, target) => {
    const columns = [...(store.entities.get(of)?.properties.keys() ?? []), ...(holdout ? ['dinmo_holdout'] : [])];
    const extra = holdout ? ', false as dinmo_holdout' : '';
    const where = CONDITIONS[name]?.(target.now) ?? `${target.literal("'{{ x }}'")} <> ''`;
    return {
      sql: `select *${extra}\nfrom ${target.entity(of)}\nwhere ${where}`,
      columns,
      uses: { nodes: [], entities: [of], segments: [] },
    };
  },
  unmatched: () => null,
};

export function shop(change: ShopChange = {}): Shop {
  const store: KnowledgeStore = {
    project: 'shop',
    timezone: 'UTC',
    adapterType: 'duckdb',
    entities: named(entities),
    segments: named(change.segments ?? segments),
    activations: new Map((change.activations ?? activations).map((item) => [item.id, item])),
    destinations: named([destination]),
  };
  const settings: Settings = {
    file: null,
    timezone: 'UTC',
    targets: null,
    owner: null,
    schemas: { segments: 'DINMO_SEGMENTS', stats: 'DINMO_STATS', deltaStorage: 'DINMO_DELTA_STORAGE' },
    modelsPath: null,
    paths: ['dinmo'],
    gate: { maxAgeHours: 24, warnings: 'pass' },
    alerts: { alerts: new Map(), link: null },
    history: null,
    defaultCountry: null,
    adapters: null,
    destinations: new Map(),
    origin: null,
    ...change.settings,
  };
  const manifest = {
    metadata: { dbtVersion: change.dbtVersion ?? '1.12.6', projectName: 'shop', adapterType: 'duckdb' },
    nodes: new Map((change.nodes ?? []).map((node) => [node.uniqueId, node])),
    // Only what rendering reads.
  } as unknown as Manifest;
  const input: RenderInput = {
    store,
    manifest,
    settings,
    modelPaths: ['models'],
    dialects: [duckdbDialect],
    compiler: change.compiler ?? stubCompiler,
    ...change.input,
  };
  return { store, input };
}
