import type { Manifest, ManifestNode } from '../artifacts/manifest.ts';
import type { Profile } from '../artifacts/profile.ts';
import type { CatalogColumns, Project } from '../artifacts/project.ts';
import { readProject } from '../artifacts/project.ts';
import { runChecks } from '../checks/run.ts';
import { serviceLookup } from '../destinations/registry.ts';
import { DinmoError } from '../errors.ts';
import { compareFindings, type Finding } from '../finding.ts';
import { buildKnowledgeStore } from '../knowledge/build.ts';
import type { ServiceLookup } from '../knowledge/service-facts.ts';
import type { Activation, EntityNode, KnowledgeStore } from '../knowledge/store.ts';
import { entityModelName, findGenerated, segmentModelName } from '../models/names.ts';
import { resolveRules } from '../segment/resolve.ts';
import type { SqlTarget } from '../segment/target.ts';
import { connect } from '../warehouse/registry.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { withCloudArtifacts } from './dbt-cloud/artifacts.ts';
import { type CommandOptions, clockOf, LOCK_TIMEOUT_MS, loggerOf } from './options.ts';

/** What every command that knows the project starts from. */
export interface Context {
  readonly options: CommandOptions;
  readonly project: Project;
  readonly services: ServiceLookup;
  readonly store: KnowledgeStore;
  /** Everything that check has to say, in a reader's order. */
  readonly findings: readonly Finding[];
}

/** Reads the project, derives the Knowledge Store and checks it. Throws DinmoError for what cannot be read at all. */
export async function loadContext(options: CommandOptions): Promise<Context> {
  return buildContext(options, readProject(await withCloudArtifacts(options)));
}

/** The same of a project that was read. `described` are the columns that the warehouse has now, where it was asked. */
export function buildContext(
  options: CommandOptions,
  project: Project,
  described: ReadonlyMap<string, CatalogColumns> = new Map(),
): Context {
  const services = serviceLookup();
  const {
    store,
    checkable,
    findings: built,
  } = buildKnowledgeStore(project, services, new Map([...(project.olderCatalog ?? []), ...described]));
  const checked = runChecks({
    project,
    store: checkable,
    services,
    resolveFindings: resolveRules(checkable),
    targetNames: targetNames(project),
  });
  const findings = distinct([...project.findings, ...built, ...checked]).sort(compareFindings);
  return { options, project, services, store, findings };
}

/** A check needs no profile: without one, what hangs on its targets is not looked at. */
function targetNames(project: Project): readonly string[] | null {
  try {
    return project.profile().targetNames;
  } catch (thrown) {
    if (thrown instanceof DinmoError) return null;
    throw thrown;
  }
}

function distinct(findings: readonly Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of findings) seen.set(JSON.stringify([finding.code, finding.location, finding.message]), finding);
  return [...seen.values()];
}

/** Stops a command that may not go on with errors in the project. Throws DinmoError `check-failed`. */
export function requireSound(context: Context): void {
  const errors = context.findings.filter((finding) => finding.severity === 'error');
  const [first] = errors;
  if (!first) return;
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw new DinmoError({
    kind: 'configuration',
    code: 'check-failed',
    message: `The project has errors${rest}: ${first.message}`,
    fix: `${first.fix} Run \`dinmo check\` for all of them.`,
    location: first.location,
  });
}

/** Opens the warehouse of the profile's target. */
export async function connectWarehouse(context: Context, access: { readonly readOnly: boolean }): Promise<Warehouse> {
  const { options, project } = context;
  return await connect(requireSameTarget(context, project.profile()), {
    readOnly: access.readOnly,
    projectDir: project.dir,
    clock: clockOf(options),
    logger: loggerOf(options),
    lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

/** The manifest's relations are those of one target: it must be the one we connect to. */
function requireSameTarget({ project }: Context, profile: Profile): Profile {
  const { manifest } = project;
  const other = (what: string): DinmoError =>
    new DinmoError({
      kind: 'artifact',
      code: 'manifest-of-other-target',
      message: `The manifest was written for another target than ${profile.targetName}: ${what}.`,
      fix: `Run dbt with --target ${profile.targetName} first, or choose the target that dbt was run with.`,
    });
  if (manifest.metadata.adapterType !== '' && manifest.metadata.adapterType !== profile.type) {
    throw other(`it is for ${manifest.metadata.adapterType}, the target for ${profile.type}`);
  }
  for (const part of ['database', 'schema'] as const) {
    const wanted = profile[part];
    const placed = manifest.ownNames?.[part] === true ? undefined : placedByTarget(manifest, part);
    const found = placed?.[part] ?? null;
    if (!placed || found === null || wanted === null || found.toLowerCase() === wanted.toLowerCase()) continue;
    throw other(`${placed.name} stands in ${part} ${found}, the target's is ${wanted}`);
  }
  return profile;
}

/** A model of the project that says nothing of its database or schema itself, so that dbt takes the target's. */
function placedByTarget(manifest: Manifest, part: 'database' | 'schema'): ManifestNode | undefined {
  return [...manifest.nodes.values()].find(
    (node) =>
      node.resourceType === 'model' &&
      node.packageName === manifest.metadata.projectName &&
      (node.config[part] ?? null) === null,
  );
}

/** Compiled SQL against the warehouse itself: names are the relations that the manifest gives. */
export function directTarget(context: Context, now: string): SqlTarget {
  const { manifest } = context.project;
  const generated = (name: string): string => {
    const relation = findGenerated(manifest, name)?.relationName;
    if (relation) return relation;
    throw new DinmoError({
      kind: 'artifact',
      code: 'not-generated',
      message: `The manifest has no model ${name}.`,
      fix: 'Run `dinmo generate`, then `dbt build`.',
    });
  };
  return {
    node: (node: EntityNode) => {
      if (node.relationName) return node.relationName;
      throw new DinmoError({
        kind: 'artifact',
        code: 'no-relation',
        message: `${node.uniqueId} has no relation in the warehouse.`,
        fix: 'Materialise it as a view or a table.',
      });
    },
    entity: (entity) => generated(entityModelName(entity)),
    segment: (segment) => generated(segmentModelName(segment)),
    literal: (sql) => sql,
    now,
  };
}

/** Activations chosen by `--select` and `--exclude`, in the store's order. Throws DinmoError `nothing-selected`. */
export function selectActivations(store: KnowledgeStore, options: CommandOptions): readonly Activation[] {
  const select = patterns(options.select);
  const exclude = patterns(options.exclude);
  for (const pattern of [...select, ...exclude]) {
    if ([...store.activations.values()].some((activation) => matches(activation, pattern))) continue;
    throw new DinmoError({
      kind: 'configuration',
      code: 'nothing-selected',
      message: `No activation matches ${pattern}.`,
      fix:
        store.activations.size === 0
          ? 'This project has no activations yet: see `dinmo activate`.'
          : `There are: ${[...store.activations.keys()].join(', ')}.`,
    });
  }
  return [...store.activations.values()].filter(
    (activation) =>
      (select.length === 0 || select.some((pattern) => matches(activation, pattern))) &&
      !exclude.some((pattern) => matches(activation, pattern)),
  );
}

function patterns(given: readonly string[] | undefined): readonly string[] {
  return (given ?? []).flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== '');
}

function matches(activation: Activation, pattern: string): boolean {
  const [parent = '', name = '*', ...more] = pattern.split('.');
  if (more.length > 0) return false;
  return (parent === '*' || parent === activation.parent.name) && (name === '*' || name === activation.name);
}
