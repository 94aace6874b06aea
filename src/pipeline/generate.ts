import type { CatalogColumns } from '../artifacts/project.ts';
import { locateProject } from '../artifacts/project.ts';
import { messageOf } from '../errors.ts';
import type { Entity } from '../knowledge/store.ts';
import { nameFindings } from '../models/name-findings.ts';
import { prune } from '../models/prune.ts';
import { generatedRoot, renderModels } from '../models/render.ts';
import { checkStale, writeModels } from '../models/write.ts';
import { compileEntity, compileSegment } from '../segment/compile.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import { loadDialect } from '../warehouse/registry.ts';
import { type Context, connectWarehouse, loadContext } from './context.ts';
import { type CommandOptions, loggerOf } from './options.ts';
import type { GenerateReport } from './reports.ts';

export interface GenerateOptions extends CommandOptions {
  /** Say what would change, write nothing. */
  readonly check?: boolean;
}

/**
 * Writes segments, entities, statistics and exposures as dbt models. Nothing is written for a project with errors: the
 * findings are in the report, and the exit code is 1. Throws DinmoError for what cannot be read or written.
 */
export async function generateModels(options: GenerateOptions): Promise<GenerateReport> {
  const context = await loadContext(options);
  const { project, store, findings } = context;
  const nothing = { findings, written: [], removed: [], unchanged: 0, refused: [], stale: [] };
  if (findings.some((finding) => finding.severity === 'error')) return { ...nothing, exitCode: 1 };
  const files = renderModels({
    store,
    manifest: project.manifest,
    settings: project.settings,
    modelPaths: project.modelPaths,
    dialects: await dialects(context),
    compiler: { entity: compileEntity, segment: compileSegment },
    types: await columnTypes(context),
  });
  const taken = nameFindings(files, project.manifest);
  if (taken.length > 0) return { ...nothing, findings: [...findings, ...taken], exitCode: 1 };
  const folders = { root: generatedRoot(project.settings, project.modelPaths), modelPaths: project.modelPaths };
  if (options.check === true) {
    const stale = checkStale(project.dir, files, folders).map((file) => file.path);
    return { ...nothing, unchanged: files.length - stale.length, stale, exitCode: stale.length > 0 ? 1 : 0 };
  }
  const report = writeModels(project.dir, files, folders);
  return {
    findings,
    written: report.written,
    removed: report.removed,
    unchanged: report.unchanged.length,
    refused: report.refused.map((refusal) => `${refusal.path}: ${refusal.message}`),
    stale: [],
    exitCode: report.refused.length > 0 ? 1 : 0,
  };
}

async function dialects({ project }: Context): Promise<[SqlDialect, ...SqlDialect[]]> {
  const own = project.manifest.metadata.adapterType;
  const others = (project.settings.adapters ?? []).filter((adapter) => adapter !== own);
  return [await loadDialect(own), ...(await Promise.all(others.map(loadDialect)))];
}

/** Types that nothing states yet are asked of the warehouse, where it can be reached: they are then recorded in the properties. */
async function columnTypes(context: Context): Promise<ReadonlyMap<string, CatalogColumns>> {
  const types = new Map<string, CatalogColumns>();
  const unknown: Entity[] = [];
  for (const entity of context.store.entities.values()) {
    const catalog = context.project.catalog.get(entity.node.uniqueId);
    if (catalog) types.set(entity.name, catalog);
    else if ([...entity.properties.values()].some((property) => property.type === null)) unknown.push(entity);
  }
  if (unknown.length === 0) return types;
  try {
    const warehouse = await connectWarehouse(
      { ...context, options: { ...context.options, lockTimeoutMs: 0 } },
      { readOnly: true },
    );
    try {
      for (const entity of unknown) {
        if (entity.node.relationName === null) continue;
        const columns = await warehouse.describe(`select * from ${entity.node.relationName}`).catch(() => []);
        if (columns.length > 0)
          types.set(entity.name, new Map(columns.map((column) => [column.name, column.dataType])));
      }
    } finally {
      await warehouse.close();
    }
  } catch (thrown) {
    loggerOf(context.options).debug('generate.types-unknown', { reason: messageOf(thrown) });
  }
  return types;
}

/** Removes generated files whose refs no longer exist. Needs no manifest, so that it works when dbt can no longer parse. */
export async function pruneModels(options: CommandOptions): Promise<GenerateReport> {
  const report = prune(locateProject(options).dbtProject);
  return {
    findings: [],
    written: report.rewritten,
    removed: report.removed.map(({ path, missing }) => `${path} (${missing} is missing)`),
    unchanged: 0,
    refused: [],
    stale: [],
    exitCode: 0,
  };
}
