import type { CatalogColumns } from '../artifacts/project.ts';
import { locateProject } from '../artifacts/project.ts';
import { messageOf } from '../errors.ts';
import type { EntityNode } from '../knowledge/store.ts';
import type { GeneratedFile } from '../models/header.ts';
import { nameFindings } from '../models/name-findings.ts';
import { prune } from '../models/prune.ts';
import { generatedRoot, renderModels } from '../models/render.ts';
import { checkStale, type GeneratedFolders, writeModels } from '../models/write.ts';
import type { GenerateReport } from '../report/generate-report.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import { loadDialect } from '../warehouse/registry.ts';
import { buildContext, type Context, connectWarehouse, loadContext } from './context.ts';
import { type CommandOptions, loggerOf } from './options.ts';
import { shownKeys } from './shown-key.ts';

export interface GenerateOptions extends CommandOptions {
  /** Say what would change, write nothing. */
  readonly check?: boolean;
}

/**
 * Writes segments, entities, statistics and exposures as dbt models. Nothing is written for a project with errors: the
 * findings are in the report, and the exit code is 1. Throws DinmoError for what cannot be read or written.
 */
export async function generateModels(options: GenerateOptions): Promise<GenerateReport> {
  const context = await withWarehouseTypes(await loadContext(options));
  const { project, findings } = context;
  const nothing = { findings, written: [], removed: [], unchanged: 0, refused: [], stale: [] };
  if (findings.some((finding) => finding.severity === 'error')) return { ...nothing, exitCode: 1 };
  const { files, folders } = await render(context);
  const taken = nameFindings(files, project.manifest);
  if (taken.length > 0) return { ...nothing, findings: [...findings, ...taken], exitCode: 1 };
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

/**
 * Generated views that no longer say what the project's annotations say, relative to the project: a filter was edited and
 * `generate` not run since. What is synced is still what was built.
 */
export async function staleViews(context: Context): Promise<readonly string[]> {
  const { files, folders } = await render(context);
  return checkStale(context.project.dir, files, folders)
    .map((file) => file.path)
    .filter((path) => /\/(segments|entities)\/[^/]+\.sql$/.test(path));
}

/** Everything that `generate` would have the project hold, in memory, and where it may stand. */
export async function render(
  context: Context,
): Promise<{ readonly files: readonly GeneratedFile[]; readonly folders: GeneratedFolders }> {
  const { manifest, settings, modelPaths } = context.project;
  const files = renderModels({
    store: context.store,
    manifest,
    settings,
    modelPaths,
    dialects: await dialects(context),
    shownKeys: shownKeys(context),
  });
  return { files, folders: { root: generatedRoot(settings, modelPaths), modelPaths } };
}

async function dialects({ project }: Context): Promise<[SqlDialect, ...SqlDialect[]]> {
  const own = project.manifest.metadata.adapterType;
  // In the order in which they are written, so that every target generates the same files.
  const stated = project.settings.adapters ?? [];
  const [first = own, ...others] = stated.includes(own) ? stated : [own, ...stated];
  return [await loadDialect(first), ...(await Promise.all(others.map(loadDialect)))];
}

/**
 * The same context, with what the warehouse says of the columns that neither the project nor a catalog describes: its
 * types are recorded in the properties, where check reads them. Without a warehouse, what was recorded before stands.
 */
async function withWarehouseTypes(context: Context): Promise<Context> {
  const nodes = undescribedNodes(context);
  if (nodes.size === 0) return context;
  const described = new Map<string, CatalogColumns>();
  try {
    const warehouse = await connectWarehouse(
      { ...context, options: { ...context.options, lockTimeoutMs: 0 } },
      { readOnly: true },
    );
    try {
      for (const [uniqueId, relation] of nodes) {
        const columns = await warehouse.describe(`select * from ${relation}`).catch(() => []);
        if (columns.length > 0)
          described.set(uniqueId, new Map(columns.map((column) => [column.name, column.dataType])));
      }
    } finally {
      await warehouse.close();
    }
  } catch (thrown) {
    loggerOf(context.options).debug('models.types_unknown', { reason: messageOf(thrown) });
  }
  return described.size === 0 ? context : buildContext(context.options, context.project, described);
}

/** unique_id → relation of what entities and custom attributes stand on, where a type is not stated in the project itself. */
function undescribedNodes({ project, store }: Context): ReadonlyMap<string, string> {
  const whole = new Set(
    project.annotations.flatMap((one) => (one.kind === 'entity' && one.block.columns === 'all' ? [one.node] : [])),
  );
  const nodes = new Map<string, string>();
  for (const entity of store.entities.values()) {
    if (whole.has(entity.node.uniqueId)) addUnlessInCatalog(entity.node);
    for (const { customAttribute, typeFrom } of entity.properties.values()) {
      const node = customAttribute?.node ?? entity.node;
      // A catalog may be older than the column.
      if (typeFrom === null) add(node);
      else if (typeFrom.source === 'generated') addUnlessInCatalog(node);
    }
  }
  return nodes;

  function add({ uniqueId, relationName }: EntityNode): void {
    if (relationName !== null) nodes.set(uniqueId, relationName);
  }

  function addUnlessInCatalog(node: EntityNode): void {
    if (!project.catalog.has(node.uniqueId)) add(node);
  }
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
