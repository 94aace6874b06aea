import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Profile } from '../artifacts/profile.ts';
import type { Project } from '../artifacts/project.ts';
import { locateProject, readProject } from '../artifacts/project.ts';
import { DinmoError, messageOf } from '../errors.ts';
import type { InitReport, Proposal } from '../report/init-report.ts';
import { proposeEntities, renderAnnotations } from './init-proposals.ts';
import type { CommandOptions } from './options.ts';

const SETTINGS_FILE = 'dinmo.yml';
const ANNOTATION_FILE = 'dinmo/entities.yml';
/** The destination that a new dinmo.yml has: it needs no account. */
const FIRST_DESTINATION = 'export_csv';
const PACKAGE_FOLDER = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Writes a commented dinmo.yml where there is none, and proposes what to add to the dbt project. Asks nothing, and works
 * before any manifest exists. Throws DinmoError where there is no dbt project.
 */
export async function initProject(options: CommandOptions): Promise<InitReport> {
  const location = locateProject(options);
  const { dir, dbtProject } = location;
  const notes: string[] = [];
  const profile = attempt(() => location.profile(), notes, 'The profile could not be read, so `targets` is left open');
  const existing = [SETTINGS_FILE, 'dinmo.yaml'].find((name) => existsSync(join(dir, name)));
  if (existing === undefined) writeSettings(join(dir, SETTINGS_FILE), settingsText(dbtProject.name, profile));
  const hasManifest = existsSync(join(location.targetPath, 'manifest.json'));
  const project = hasManifest
    ? attempt(() => readProject(options), notes, 'The manifest could not be read, so no annotations are proposed')
    : null;
  if (!hasManifest)
    notes.push(
      'dbt has not parsed the project yet: run `dbt parse`, then `dinmo init` again, and annotations are proposed.',
    );
  const annotations = project === null ? null : annotationProposal(project, notes, existing === undefined);
  const proposals = [...(annotations === null ? [] : [annotations]), ...schemaProposals(dir, dbtProject.name, profile)];
  return {
    project: dbtProject.name,
    settingsFile: existing ?? SETTINGS_FILE,
    created: existing === undefined,
    proposals,
    notes,
    next: hasManifest
      ? ['dbt build', 'dinmo check', 'dinmo generate', 'dbt build --select +tag:dinmo', 'dinmo plan']
      : ['dbt parse', 'dinmo init'],
  };
}

function attempt<Value>(read: () => Value, notes: string[], what: string): Value | null {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    notes.push(`${what}: ${messageOf(thrown)}${thrown.fix === null ? '' : ` ${thrown.fix}`}`);
    return null;
  }
}

function writeSettings(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (cause) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'settings-unwritable',
      message: `${path} cannot be written: ${messageOf(cause)}.`,
      fix: 'Make the folder writable.',
      cause,
    });
  }
}

function annotationProposal(project: Project, notes: string[], isNew: boolean): Proposal | null {
  const entities = proposeEntities(project);
  if (entities.length === 0) {
    notes.push(
      'No further model looks like customers, orders, events, products or stores: annotate by hand, as docs/meta.md says.',
    );
    return null;
  }
  const destination = isNew ? FIRST_DESTINATION : ([...project.settings.destinations.keys()][0] ?? FIRST_DESTINATION);
  return {
    file: ANNOTATION_FILE,
    why: 'These models look like entities. Paste into this file and correct it; the same blocks may stand in the models’ own YAML under config.meta.dinmo.',
    text: renderAnnotations(entities, destination),
  };
}

/** What lets the generated schemas have their exact names. Without it dbt’s own rule holds, which is fine too. */
function schemaProposals(dir: string, project: string, profile: Profile | null): readonly Proposal[] {
  const proposals: Proposal[] = [];
  const packagesFile =
    ['packages.yml', 'dependencies.yml'].find((name) => existsSync(join(dir, name))) ?? 'packages.yml';
  if (!/dinmo/.test(readIfThere(join(dir, packagesFile)))) {
    const path = relative(dir, PACKAGE_FOLDER).replaceAll('\\', '/').replace(/\/$/, '') || '.';
    proposals.push({
      file: packagesFile,
      why: 'Optional: the dbt package, for exact schema names and for tests on segments.',
      text: `packages:\n  - local: ${path}\n`,
    });
  }
  if (!/macro_namespace:\s*["']?dbt/.test(readIfThere(join(dir, 'dbt_project.yml')))) {
    const target = realTarget(profile) ?? 'prod';
    proposals.push({
      file: 'dbt_project.yml',
      why: 'With the package, and before the first sync, since the state moves with its schema: schemas are called DINMO_SEGMENTS and so on in the targets listed; elsewhere dbt’s own rule holds.',
      text: [
        ...['dispatch:', '  - macro_namespace: dbt', `    search_order: [${project}, dinmo, dbt]`, ''],
        ...['vars:', `  dinmo_exact_schema_targets: [${target}]`, ''],
      ].join('\n'),
    });
  }
  return proposals;
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** The target that is most probably the real thing; null where the names do not tell. */
function realTarget(profile: Profile | null): string | null {
  if (profile === null) return null;
  const [only, ...others] = profile.targetNames;
  if (only !== undefined && others.length === 0) return only;
  return profile.targetNames.find((name) => /^(prod|production|prd|live)$/i.test(name)) ?? null;
}

function settingsText(project: string, profile: Profile | null): string {
  const target = realTarget(profile);
  const names = profile?.targetNames.join(', ') ?? 'the targets of your profile';
  return `# Settings of dinmo for the dbt project ${project}. Every key is described in docs/meta.md of dbt-dinmo.
version: 1

# Days begin and end here, in filters such as "within the last 7 days".
timezone: UTC

# dbt targets that may reach real platforms (there are: ${names}). From any other one, add --sandbox.
${target === null ? '# targets: [prod]' : `targets: [${target}]`}

# Who answers for what is sent: the owner of the generated dbt exposures.
# owner: {name: Growth, email: growth@example.com}

# Results of dbt that are older than this stop a sync.
gate: {max_age_hours: 24}

# Where the generated models go, and the schemas they are built in.
# models_path: models/dinmo
# schemas: {segments: DINMO_SEGMENTS, stats: DINMO_STATS, delta_storage: DINMO_DELTA_STORAGE}

destinations:
  # A folder: needs no account, so it is a good first destination.
  ${FIRST_DESTINATION}:
    platform: files
    service: audiences
    config: {path: exports, format: csv}

  # \`dinmo show platforms\` lists every platform with its settings. Secrets come from the environment only:
  # meta_customers:
  #   platform: meta
  #   service: audiences
  #   config: {ad_account_id: "1234567890"}
  #   credentials: {access_token: "{{ env_var('META_ACCESS_TOKEN') }}"}
  #   exclude: [unsubscribed]             # segments that are never sent here
  #   consent: [email_opt_in]             # boolean columns, all of which have to be true; who withdraws is removed
  #   guards: {max_delete_percent: 20}    # a sync that would remove more stops before it sends anything
`;
}
