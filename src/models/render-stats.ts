import type { KnowledgeStore } from '../knowledge/store.ts';
import { breakdownSql, overlapSql } from './composition-sql.ts';
import type { PropertiesContext } from './entity-properties.ts';
import { type ModelConfig, renderModel } from './frame.ts';
import type { GeneratedFile } from './header.ts';
import { changesSql, membersSql, sizesSql } from './history-sql.ts';
import { type LedgerTable, REJECTIONS_TABLE, RUNS_TABLE } from './ledger-columns.ts';
import { DELTA_STORAGE_SQL, ledgerSql } from './ledger-models.ts';
import {
  BREAKDOWN_MODEL,
  CHANGES_MODEL,
  DELTA_STORAGE_MODEL,
  MEMBERS_MODEL,
  OVERLAP_MODEL,
  SIZES_MODEL,
  type STATS_MODELS,
  SYNC_REJECTIONS_MODEL,
  SYNC_RUNS_MODEL,
} from './names.ts';
import { type ModelProperties, propertiesFile } from './properties-yaml.ts';
import { byName, type RenderInput } from './render-input.ts';
import { rowHistoryProperties, rowHistorySql } from './row-history.ts';
import { DELTA_STORAGE_PROPERTIES, ledgerProperties, statsProperties } from './stats-properties.ts';
import type { Identifier, MeasuredEntity, MeasuredSegment } from './stats-words.ts';

/** A statistics model or a model over the ledger, before it is a file. */
interface StatsModel {
  readonly materialized: ModelConfig['materialized'];
  readonly properties: ModelProperties;
  sql(identifier: Identifier): string;
}

/** Statistics, where there is something to count, and the models over the ledger. */
export function renderStats(input: RenderInput, folder: string, context: PropertiesContext): readonly GeneratedFile[] {
  const models = [...statsModels(input.store), ...ledgerModels(context), ...historyModels(input, context)];
  const files = models.map(({ materialized, properties, sql }) =>
    renderModel(
      {
        path: `${folder}/${properties.name}.sql`,
        about: [],
        config: { materialized, schema: input.settings.schemas.stats, group: null },
      },
      input.dialects.map((dialect) => ({ adapter: dialect.name, sql: sql((name) => dialect.quoteIdentifier(name)) })),
    ),
  );
  const properties = { models: models.map((model) => model.properties) };
  return [...files, ...propertiesFile(`${folder}/_stats.yml`, 'Statistics and the ledger', properties)];
}

function statsModels(store: KnowledgeStore): readonly StatsModel[] {
  const segments = measuredSegments(store);
  const entities = measuredEntities(store);
  const models: StatsModel[] = [];
  const add = (
    name: (typeof STATS_MODELS)[number],
    materialized: StatsModel['materialized'],
    sql: StatsModel['sql'],
  ): void => {
    models.push({ materialized, properties: statsProperties(name), sql });
  };
  if (segments.length > 0) {
    add(SIZES_MODEL, 'history', () => sizesSql(segments));
    add(MEMBERS_MODEL, 'history', (identifier) => membersSql(segments, identifier));
    add(CHANGES_MODEL, 'table', () => changesSql());
  }
  if (entities.length > 0) {
    add(BREAKDOWN_MODEL, 'table', (identifier) => breakdownSql(segments, entities, identifier));
  }
  if (new Set(segments.map((segment) => segment.entity)).size < segments.length) {
    add(OVERLAP_MODEL, 'table', (identifier) => overlapSql(segments, identifier));
  }
  return models;
}

function ledgerModels({ style }: PropertiesContext): readonly StatsModel[] {
  const model = (name: string, table: LedgerTable): StatsModel => ({
    materialized: 'view',
    properties: ledgerProperties(name, table, style),
    sql: () => ledgerSql(table),
  });
  return [model(SYNC_RUNS_MODEL, RUNS_TABLE), model(SYNC_REJECTIONS_MODEL, REJECTIONS_TABLE)];
}

/** Which row was sent when, where `history: rows` of dinmo.yml asks for it. */
function historyModels({ settings, shownKeys }: RenderInput, { style }: PropertiesContext): readonly StatsModel[] {
  if (settings.history !== 'rows') return [];
  const shown = [...(shownKeys ?? [])].sort();
  return [{ materialized: 'history', properties: rowHistoryProperties(style), sql: () => rowHistorySql(shown) }];
}

/** The model whose place is where snapshots and the ledger are kept. */
export function renderDeltaStorage({ settings }: RenderInput, folder: string): readonly GeneratedFile[] {
  const model = renderModel(
    {
      path: `${folder}/${DELTA_STORAGE_MODEL}.sql`,
      about: ['Where this model stands is where snapshots and the ledger are kept.'],
      config: { materialized: 'view', schema: settings.schemas.deltaStorage, group: null },
    },
    [{ adapter: '', sql: DELTA_STORAGE_SQL }],
  );
  const properties = { models: [DELTA_STORAGE_PROPERTIES] };
  return [model, ...propertiesFile(`${folder}/_delta_storage.yml`, 'Delta storage', properties)];
}

function measuredSegments(store: KnowledgeStore): readonly MeasuredSegment[] {
  return byName(store.segments).flatMap((segment) => {
    const entity = store.entities.get(segment.entity);
    if (entity === undefined) return [];
    const { name, holdout } = segment;
    return [{ name, entity: entity.name, primaryKey: entity.primaryKey, holdout: holdout !== null }];
  });
}

function measuredEntities(store: KnowledgeStore): readonly MeasuredEntity[] {
  return byName(store.entities)
    .map((entity) => ({
      name: entity.name,
      categorical: [...entity.properties.values()]
        .filter(({ categorical, hidden, type }) => categorical && !hidden && isCountable(type?.kind))
        .map((property) => property.name)
        .sort(),
    }))
    .filter(({ categorical }) => categorical.length > 0);
}

function isCountable(kind: string | undefined): boolean {
  return kind !== 'array' && kind !== 'json' && kind !== 'binary';
}
