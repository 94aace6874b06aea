import type {
  ActivationBlock,
  Annotation,
  ColumnBlock,
  EntityBlock,
  MappingBlock,
  SegmentBlock,
} from '../../src/artifacts/annotation.ts';
import type { ManifestColumn, ManifestNode, ManifestTest, SemanticModel } from '../../src/artifacts/manifest.ts';
import { parseRule } from '../../src/artifacts/parse-rule.ts';
import type { Origin } from '../../src/artifacts/position.ts';
import type { Project } from '../../src/artifacts/project.ts';
import type { DestinationBlock, Settings } from '../../src/artifacts/settings.ts';
import type { ServiceFacts, ServiceLookup } from '../../src/knowledge/service-facts.ts';

/** An origin whose places can be read in an assertion: the file is `<file>#<path>`. */
export function originOf(file: string): Origin {
  return { file, locate: (path) => ({ file: `${file}#${path.join('.')}`, line: 1, column: 1 }) };
}

export interface NodeSpec {
  /** `name: TYPE`, or only the name. */
  readonly columns?: readonly string[];
  readonly node?: Partial<ManifestNode>;
  readonly column?: Readonly<Record<string, Partial<ManifestColumn>>>;
  readonly entity?: Partial<EntityBlock>;
  readonly annotate?: Readonly<Record<string, Partial<ColumnBlock>>>;
}

export interface WorldSpec {
  readonly adapter?: string;
  readonly models?: Readonly<Record<string, NodeSpec>>;
  readonly tests?: readonly ManifestTest[];
  readonly semanticModels?: readonly SemanticModel[];
  readonly catalog?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly annotations?: readonly Annotation[];
  readonly destinations?: Readonly<Record<string, Partial<DestinationBlock>>>;
  readonly settings?: Partial<Settings>;
}

const ROOT = 'shop';

export function idOf(model: string): string {
  return `model.${ROOT}.${model}`;
}

function nodeOf(name: string, spec: NodeSpec): ManifestNode {
  const columns = (spec.columns ?? []).map((text): [string, ManifestColumn] => {
    const [column = '', dataType = null] = text.split(': ');
    return [
      column,
      {
        name: column,
        description: '',
        dataType,
        annotation: undefined,
        constraints: [],
        semanticEntity: null,
        quoted: false,
        ...spec.column?.[column],
      },
    ];
  });
  return {
    uniqueId: idOf(name),
    resourceType: 'model',
    name,
    sourceName: null,
    packageName: ROOT,
    database: 'db',
    schema: 'main',
    identifier: name,
    relationName: `"db"."main"."${name}"`,
    materialized: 'table',
    columns: new Map(columns),
    annotation: undefined,
    annotationInOldPlace: false,
    description: '',
    tags: [],
    group: null,
    access: 'protected',
    version: null,
    latestVersion: null,
    contractEnforced: false,
    constraints: [],
    primaryKey: null,
    dependsOn: [],
    originalFilePath: `models/${name}.sql`,
    patchPath: 'models/schema.yml',
    checksum: null,
    rawCode: '',
    config: {},
    ...spec.node,
  };
}

export function entityBlock(block: Partial<EntityBlock> = {}): EntityBlock {
  return {
    name: null,
    type: null,
    class: null,
    label: null,
    description: null,
    primaryKey: null,
    eventTime: null,
    plural: null,
    columns: 'listed',
    where: null,
    relationships: {},
    segments: {},
    activations: {},
    ...block,
  };
}

/** A segment whose filter is given as YAML would give it; `at` is where the block stands in its annotation. */
export function segmentBlock(
  where: unknown = null,
  more: Partial<SegmentBlock> & { readonly at?: readonly string[] } = {},
): SegmentBlock {
  const { at = [], ...block } = more;
  return {
    label: null,
    description: null,
    where: where === null ? null : parseRule(where, [...at, 'where']).rule,
    limit: null,
    holdout: null,
    materialized: 'view',
    activations: {},
    ...block,
  };
}

export function activationBlock(block: Partial<ActivationBlock> = {}): ActivationBlock {
  return {
    to: null,
    mode: null,
    operations: null,
    audience: null,
    mapping: null,
    consent: null,
    identifiers: null,
    attributes: null,
    schedule: null,
    guards: null,
    attempts: null,
    since: null,
    lookback: null,
    was: null,
    enabled: true,
    ...block,
  };
}

/** A mapping of fields to dotted column paths. */
export function mappingOf(fields: Readonly<Record<string, string>>): Readonly<Record<string, MappingBlock>> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, path]) => [
      field,
      { source: { kind: 'column', path: path.split('.') }, nulls: null, write: 'always' },
    ]),
  );
}

function testOf(name: string, column: string, more: Partial<ManifestTest> & { readonly on?: string }): ManifestTest {
  const { on, ...rest } = more;
  const [model = '', columnName = ''] = on === undefined ? column.split('.') : [on, column];
  return {
    uniqueId: `test.${ROOT}.${name}_${model}_${columnName}`,
    testName: name,
    namespace: null,
    kwargs: { column_name: columnName },
    columnName,
    attachedNode: idOf(model),
    targetNode: null,
    severity: 'error',
    where: null,
    enabled: true,
    dependsOn: [idOf(model)],
    ...rest,
  };
}

/** Tests on `model.column`. */
export const unique = (column: string, more: Partial<ManifestTest> = {}) => testOf('unique', column, more);
export const notNull = (column: string, more: Partial<ManifestTest> = {}) => testOf('not_null', column, more);
export const key = (column: string): readonly ManifestTest[] => [unique(column), notNull(column)];

export function refersTo(column: string, target: string, more: Partial<ManifestTest> = {}): ManifestTest {
  const [model = '', field = ''] = target.split('.');
  const kwargs = { column_name: column.split('.')[1], to: `ref('${model}')`, field };
  return testOf('relationships', column, { kwargs, targetNode: idOf(model), ...more });
}

export function accepted(column: string, values: readonly unknown[]): ManifestTest {
  return testOf('accepted_values', column, { kwargs: { column_name: column.split('.')[1], values } });
}

export function combination(model: string, columns: readonly string[]): ManifestTest {
  return {
    ...testOf('unique_combination_of_columns', `${model}.x`, { columnName: null }),
    namespace: 'dbt_utils',
    kwargs: { combination_of_columns: columns },
  };
}

/** A project as the artifacts room would give it. */
export function projectOf(spec: WorldSpec): Project {
  const nodes = new Map(Object.entries(spec.models ?? {}).map(([name, model]) => [idOf(name), nodeOf(name, model)]));
  const fromModels = Object.entries(spec.models ?? {}).flatMap(([name, model]): Annotation[] => [
    ...(model.entity === undefined
      ? []
      : [{ kind: 'entity' as const, node: idOf(name), block: entityBlock(model.entity), origin: originOf(name) }]),
    ...Object.entries(model.annotate ?? {}).map(([column, block]) => ({
      kind: 'column' as const,
      node: idOf(name),
      column,
      block: { identifier: null, categorical: null, label: null, description: null, hidden: false, ...block },
      origin: originOf(`${name}.${column}`),
    })),
  ]);
  return {
    dir: '/project',
    name: ROOT,
    modelPaths: ['models'],
    targetPath: '/project/target',
    vars: {},
    env: {},
    manifest: {
      path: '/project/target/manifest.json',
      metadata: {
        schemaVersion: 12,
        dbtVersion: '1.12.6',
        generatedAt: '2026-01-01T00:00:00Z',
        invocationId: null,
        projectName: ROOT,
        adapterType: spec.adapter ?? 'duckdb',
      },
      nodes,
      tests: spec.tests ?? [],
      semanticModels: spec.semanticModels ?? [],
      parents: new Map(),
      disabled: new Set(),
      exposures: [],
    },
    catalog: new Map(
      Object.entries(spec.catalog ?? {}).map(([model, columns]) => [idOf(model), new Map(Object.entries(columns))]),
    ),
    settings: settingsOf(spec),
    annotations: [...fromModels, ...(spec.annotations ?? [])],
    findings: [],
    runResults: [],
    freshness: [],
    profile: () => {
      throw new Error('no profile is read here');
    },
  };
}

function settingsOf(spec: WorldSpec): Settings {
  const written = (name: string | number | undefined) =>
    name === undefined || Object.hasOwn(spec.destinations ?? {}, name);
  const echo = originOf('dinmo.yml');
  const origin: Origin = {
    file: echo.file,
    // As in a real file, what is not there is found at the nearest thing that is.
    locate: (path) => {
      if (path[0] !== 'destinations') return echo.locate(path);
      if (!written(path[1])) return echo.locate(['destinations']);
      const [, name, part, setting] = path;
      const block = spec.destinations?.[String(name)];
      const settings = part === 'config' || part === 'credentials' ? (block?.[part] ?? {}) : null;
      const isThere = settings === null || setting === undefined || Object.hasOwn(settings, setting);
      return echo.locate(isThere ? path : path.slice(0, 3));
    },
  };
  const destinations = Object.entries(spec.destinations ?? {}).map(([name, block]): [string, DestinationBlock] => [
    name,
    {
      name,
      platform: 'people',
      service: 'audiences',
      config: { account: '1' },
      credentials: { token: "{{ env_var('TOKEN') }}" },
      baseUrl: null,
      defaults: { identifiers: null, attributes: null, schedule: null, attempts: null },
      exclude: [],
      consent: null,
      guards: {},
      defaultCountry: null,
      origin,
      ...block,
    },
  ]);
  return {
    file: 'dinmo.yml',
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
    destinations: new Map(destinations),
    origin,
    ...spec.settings,
  };
}

const BASE: ServiceFacts = {
  platform: 'people',
  service: 'audiences',
  title: 'People audiences',
  api: null,
  config: [
    { name: 'account', type: 'string', required: true, core: true, description: 'Account' },
    { name: 'batch_size', type: 'integer', required: false, core: false, default: 500, description: 'Rows a request' },
    { name: 'region', type: 'string', required: false, core: false, choices: ['eu', 'us'], description: 'Region' },
  ],
  credentials: [{ name: 'token', type: 'string', required: true, core: false, description: 'Access token' }],
  modes: ['delta', 'full'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email', 'phone'], hints: ['first_name', 'country'] },
  destinationKey: null,
  recordIds: false,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: false },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  limits: { rowsPerRequestMax: 100, requestBytesMax: 1e6, requestsPerSecondMax: null, connectionsMax: 1 },
};

/** An invented platform of each sort: one that matches people, a CRM with records, and one that takes anything by key. */
const SERVICES: readonly ServiceFacts[] = [
  BASE,
  {
    ...BASE,
    service: 'events',
    title: 'People events',
    modes: ['incremental'],
    defaultMode: 'incremental',
    operations: ['insert'],
    defaultOperations: ['insert'],
    audience: null,
    eventAgeDaysMax: 7,
    fields: {
      known: [
        { name: 'event_name', type: 'string', required: true, description: 'Name of the event' },
        { name: 'value', type: 'number', required: false, description: 'Value' },
      ],
      open: false,
    },
    defaultMapping: 'none',
  },
  {
    ...BASE,
    platform: 'crm',
    service: 'objects',
    title: 'CRM records',
    config: [
      { name: 'id_property', type: 'string', required: false, core: true, default: 'email', description: 'Key' },
      { name: 'object_type', type: 'string', required: false, core: true, default: 'contacts', description: 'Object' },
    ],
    identifiers: null,
    destinationKey: { setting: 'id_property', identifier: 'email', normalise: 'lower' },
    recordIds: true,
    defaultOperations: ['insert', 'update'],
    fields: {
      known: [
        { name: 'email', type: 'string', required: false, description: 'E-mail', identifier: 'email' },
        { name: 'firstname', type: 'string', required: false, description: 'Name', identifier: 'first_name' },
      ],
      open: true,
    },
    audience: null,
  },
  ...(['audiences', 'events', 'objects'] as const).map(
    (service): ServiceFacts => ({
      ...BASE,
      platform: 'folder',
      service,
      title: 'Folder',
      config: [{ name: 'path', type: 'string', required: true, core: true, description: 'Folder' }],
      credentials: [],
      modes: ['full', 'incremental', 'delta'],
      defaultOperations: service === 'objects' ? ['insert', 'update'] : BASE.operations,
      identifiers: null,
      fields: { known: [], open: true },
      defaultMapping: 'all',
      audience: null,
      replacesWhole: true,
      nulls: 'null',
    }),
  ),
];

export const SERVICE_LOOKUP: ServiceLookup = {
  platforms: [...new Set(SERVICES.map((facts) => facts.platform))],
  facts: (platform, service) =>
    SERVICES.find((facts) => facts.platform === platform && facts.service === service) ?? null,
  services: (platform) => SERVICES.filter((facts) => facts.platform === platform).map((facts) => facts.service),
};
