import type { Manifest } from '../artifacts/manifest.ts';
import type { Settings } from '../artifacts/settings.ts';
import { DinmoError } from '../errors.ts';
import { parseColumnType } from '../knowledge/column-type.ts';
import { readByAdapter } from '../knowledge/read-by-adapter.ts';
import type { KnowledgeStore, Segment } from '../knowledge/store.ts';
import type { CompiledQuery } from '../segment/target.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import {
  entityProperties,
  type PropertiesContext,
  segmentProperties,
  unmatchedProperties,
} from './entity-properties.ts';
import { activationExposures } from './exposures.ts';
import { type AdapterSql, renderModel } from './frame.ts';
import type { GeneratedFile } from './header.ts';
import { entityModelName, segmentModelName, unmatchedModelName } from './names.ts';
import { type ModelProperties, propertiesFile, yamlStyle } from './properties-yaml.ts';
import { byName, type RenderInput, segmentCompiler } from './render-input.ts';
import { renderDeltaStorage, renderStats } from './render-stats.ts';
import { dbtTarget, withNow } from './target.ts';

/** The folder of the generated models, relative to the project, forward slashes. */
export function generatedRoot(settings: Settings, modelPaths: readonly string[]): string {
  const path = settings.modelsPath ?? `${modelPaths[0] ?? 'models'}/dinmo`;
  return path
    .replaceAll('\\', '/')
    .replace(/^(\.\/)+/, '')
    .replace(/\/+$/, '');
}

/**
 * Every generated file of the project, in memory: a pure function of its input, sorted by path.
 * Throws DinmoError `private-models-of-two-groups` when a model would have to belong to two groups.
 */
export function renderModels(input: RenderInput): readonly GeneratedFile[] {
  const root = generatedRoot(input.settings, input.modelPaths);
  const context: PropertiesContext = {
    style: yamlStyle(input.manifest.metadata.dbtVersion),
    identifier: (name) => input.dialects[0].quoteIdentifier(name),
    dataType: typeNames(input),
  };
  const files = [
    ...renderEntities(input, `${root}/entities`, context),
    ...renderSegments(input, `${root}/segments`, context),
    ...renderStats(input, `${root}/stats`, context),
    ...renderDeltaStorage(input, `${root}/delta_storage`),
    ...renderExposures(input, root, context),
  ];
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function renderEntities(input: RenderInput, folder: string, context: PropertiesContext): readonly GeneratedFile[] {
  const { compiler = segmentCompiler } = input;
  const entities = byName(input.store.entities);
  const properties: ModelProperties[] = [];
  const files = entities.map((entity) => {
    const name = entityModelName(entity.name);
    const compiled = compileAll(input, name, ({ store, dialect }) =>
      compiler.entity(store, store.entities.get(entity.name) ?? entity, dialect, dbtTarget),
    );
    properties.push(entityProperties(entity, compiled.columns, context));
    return renderModel(
      {
        path: `${folder}/${name}.sql`,
        about: [`Entity ${entity.name}, stated in ${entity.origin.file}.`],
        config: { materialized: 'view', schema: input.settings.schemas.segments, group: compiled.group },
      },
      compiled.branches,
    );
  });
  return [...files, ...propertiesFile(`${folder}/_entities.yml`, 'The entities', { models: properties })];
}

function renderSegments(input: RenderInput, folder: string, context: PropertiesContext): readonly GeneratedFile[] {
  const { store, compiler = segmentCompiler } = input;
  const properties: ModelProperties[] = [];
  const files = byName(store.segments).flatMap((segment) => {
    const entity = store.entities.get(segment.entity);
    // A segment of an unknown entity is a finding of check, which stops generate before it comes here.
    if (entity === undefined) return [];
    const name = segmentModelName(segment.name);
    const compiled = compileAll(input, name, ({ store, dialect }) =>
      compiler.segment(store, segment, dialect, dbtTarget),
    );
    properties.push(segmentProperties(segment, entity, { columns: compiled.columns, context }));
    const unmatched = renderUnmatched(input, segment, folder);
    if (unmatched !== null) properties.push(unmatchedProperties(segment, entity, context));
    return [
      ...(unmatched === null ? [] : [unmatched]),
      renderModel(
        {
          path: `${folder}/${name}.sql`,
          about: [`Segment ${segment.name} of ${segment.entity}, stated in ${segment.origin.file}.`],
          config: {
            materialized: segment.materialized,
            schema: input.settings.schemas.segments,
            group: compiled.group,
          },
        },
        compiled.branches,
      ),
    ];
  });
  return [...files, ...propertiesFile(`${folder}/_segments.yml`, 'The segments', { models: properties })];
}

/** What a SQL segment lists and its entity does not have; null for a filter. */
function renderUnmatched(input: RenderInput, segment: Segment, folder: string): GeneratedFile | null {
  const { compiler = segmentCompiler } = input;
  const compile = ({ store, dialect }: Branch) => compiler.unmatched(store, segment, dialect, dbtTarget);
  const first = compile({ store: input.store, dialect: input.dialects[0] });
  if (first === null) return null;
  const name = unmatchedModelName(segment.name);
  const compiled = compileAll(input, name, (branch) => compile(branch) ?? first);
  return renderModel(
    {
      path: `${folder}/${name}.sql`,
      about: [
        `What segment ${segment.name} lists and ${segment.entity} does not have, stated in ${segment.origin.file}.`,
      ],
      config: { materialized: 'view', schema: input.settings.schemas.segments, group: compiled.group },
    },
    compiled.branches,
  );
}

function renderExposures(input: RenderInput, root: string, context: PropertiesContext): readonly GeneratedFile[] {
  const exposures = activationExposures(input.store, input.settings, context.style);
  return propertiesFile(`${root}/_activations.yml`, 'The activations', { exposures });
}

/**
 * The type that a property is recorded with. Where several adapters share the files it is the one that stands there, if that is the same
 * kind: else the files would follow whichever target generated last.
 */
function typeNames({ store, manifest, dialects }: RenderInput): PropertiesContext['dataType'] {
  return (entity, property) => {
    const model = manifest.nodes.get(`model.${manifest.metadata.projectName}.${entityModelName(entity.name)}`);
    const recorded = dialects.length > 1 ? (model?.columns.get(property.name)?.dataType ?? null) : null;
    if (recorded === null || property.type === null) return property.dataType;
    return parseColumnType(store.adapterType, recorded).kind === property.type.kind ? recorded : property.dataType;
  };
}

interface Compiled {
  readonly branches: readonly AdapterSql[];
  readonly columns: readonly string[];
  readonly group: string | null;
}

/** One adapter's way to say it, with the types as it reads them. */
interface Branch {
  readonly store: KnowledgeStore;
  readonly dialect: SqlDialect;
}

function compileAll(input: RenderInput, model: string, compile: (branch: Branch) => CompiledQuery): Compiled {
  const queries = input.dialects.map((dialect) => ({
    adapter: dialect.name,
    query: compile({ store: readByAdapter(input.store, dialect.name), dialect }),
  }));
  const nodes = new Set(queries.flatMap(({ query }) => query.uses.nodes));
  return {
    branches: queries.map(({ adapter, query }) => ({ adapter, sql: withNow(query.sql) })),
    columns: queries[0]?.query.columns ?? [],
    group: privateGroup(input.manifest, nodes, model),
  };
}

/** dbt lets a private model be read inside its group only, so a model that reads one joins that group. */
function privateGroup(manifest: Manifest, nodes: ReadonlySet<string>, model: string): string | null {
  const groups = new Map<string, string>();
  for (const id of nodes) {
    const node = manifest.nodes.get(id);
    if (node?.access === 'private' && node.group !== null) groups.set(node.group, node.name);
  }
  const [first, second] = [...groups].sort();
  if (first !== undefined && second !== undefined) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'private-models-of-two-groups',
      message: `${model} would read ${first[1]}, private in group ${first[0]}, and ${second[1]}, private in group ${second[0]}; dbt allows a model one group.`,
      fix: `Give one of the two access: protected.`,
    });
  }
  return first?.[0] ?? null;
}
