import { statSync } from 'node:fs';
import { join } from 'node:path';
import { locateProject } from '../artifacts/project.ts';
import { createHttpClient, type HttpClient } from '../destinations/http.ts';
import { findService } from '../destinations/registry.ts';
import { DinmoError, type ExitCode, messageOf } from '../errors.ts';
import type { ServiceFacts } from '../knowledge/service-facts.ts';
import type { Destination } from '../knowledge/store.ts';
import { DELTA_STORAGE_MODEL, findGenerated } from '../models/names.ts';
import type { DoctorLine, DoctorReport } from '../report/doctor-report.ts';
import { formatMany } from '../report/layout.ts';
import { apiText } from '../report/platforms.ts';
import { type Context, connectWarehouse, loadContext } from './context.ts';
import { readEndpoint } from './endpoint.ts';
import { generateModels } from './generate.ts';
import { type CommandOptions, clockOf, loggerOf } from './options.ts';
import { storageSchema } from './storage.ts';
import { requireTarget } from './sync.ts';

export type Verdict = Pick<DoctorLine, 'status' | 'detail'> & { readonly fix?: string };

const ok = (detail: string): Verdict => ({ status: 'ok', detail });
const warn = (detail: string, fix: string): Verdict => ({ status: 'warn', detail, fix });
const skipped = (detail: string): Verdict => ({ status: 'skipped', detail });

/**
 * Tests everything that a sync stands on, and goes on where something fails: profile, artifacts, warehouse, schemas,
 * sandbox, credentials. Sends nothing and leaves nothing behind.
 */
export async function examineProject(options: CommandOptions): Promise<DoctorReport> {
  const lines: DoctorLine[] = [];
  const look = async <Value>(
    name: string,
    examine: () => Promise<readonly [Value, Verdict]>,
  ): Promise<Value | null> => {
    try {
      const [value, { status, detail, fix }] = await examine();
      lines.push({ name, status, detail, fix: fix ?? null });
      return value;
    } catch (thrown) {
      if (!(thrown instanceof DinmoError)) throw thrown;
      lines.push({ name, status: 'fail', detail: thrown.message, fix: thrown.fix });
      return null;
    }
  };
  const location = await look('dbt project', async () => {
    const found = locateProject(options);
    return [found, ok(`${found.dbtProject.name} in ${found.dir}`)];
  });
  if (location === null) return reportOf(lines);
  await look('profile', async () => {
    const { profileName, targetName, type, file } = location.profile();
    return [null, ok(`${profileName}, target ${targetName} (${type}), from ${file}`)];
  });
  const context = await look('manifest', async () => {
    const loaded = await loadContext(options);
    return [loaded, manifestVerdict(loaded)];
  });
  if (context === null) return reportOf(lines);
  await look('annotations', async () => [null, findingsVerdict(context)]);
  await look('generated models', async () => [null, await generatedVerdict(context)]);
  await look('dbt results', async () => [null, resultsVerdict(context)]);
  await look('target', async () => [null, targetVerdict(context)]);
  const isOpen = await look('warehouse', async () => {
    const warehouse = await connectWarehouse(context, { readOnly: true });
    await warehouse.close();
    return [true, ok(`${warehouse.state.name} answers`)];
  });
  if (isOpen !== null) await look('state', async () => [null, await storageVerdict(context)]);
  const http = createHttpClient();
  try {
    if (options.sandboxUrl)
      await look('sandbox', async () => [null, await sandboxVerdict(options.sandboxUrl ?? '', http)]);
    for (const destination of context.store.destinations.values()) {
      await look(destination.name, async () => [null, await destinationVerdict(context, destination, http)]);
    }
  } finally {
    await http.close();
  }
  return reportOf(lines);
}

function reportOf(lines: readonly DoctorLine[]): DoctorReport {
  const exitCode: ExitCode = lines.some((line) => line.status === 'fail') ? 1 : 0;
  return { lines, exitCode };
}

function manifestVerdict({ project }: Context): Verdict {
  const { metadata, nodes } = project.manifest;
  const writtenMs = Date.parse(metadata.generatedAt);
  const changed = [...nodes.values()].find(
    (node) =>
      node.packageName === metadata.projectName && modifiedMs(join(project.dir, node.originalFilePath)) > writtenMs,
  );
  const detail = `by dbt ${metadata.dbtVersion}, ${metadata.generatedAt.replace('T', ' ').slice(0, 16)} UTC`;
  return changed === undefined
    ? ok(detail)
    : warn(`${detail}; ${changed.originalFilePath} is newer`, 'Run `dbt parse`.');
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function findingsVerdict({ store, findings }: Context): Verdict {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  const warnings = findings.filter((finding) => finding.severity === 'warning').length;
  const held = [
    formatMany(store.entities.size, 'entity', 'entities'),
    formatMany(store.segments.size, 'segment'),
    formatMany(store.activations.size, 'activation'),
  ].join(', ');
  if (errors > 0)
    return { status: 'fail', detail: `${held}; ${formatMany(errors, 'error')}`, fix: 'Run `dinmo check`.' };
  if (warnings > 0) return warn(`${held}; ${formatMany(warnings, 'warning')}`, 'Run `dinmo check`.');
  return store.entities.size === 0 ? warn('no model is annotated yet', 'Run `dinmo init` for proposals.') : ok(held);
}

async function generatedVerdict({ options, findings, store }: Context): Promise<Verdict> {
  if (findings.some((finding) => finding.severity === 'error'))
    return skipped('not looked at, since the annotations have errors');
  if (store.entities.size === 0) return skipped('nothing to generate yet');
  const { stale, unchanged } = await generateModels({ ...options, check: true });
  if (stale.length === 0) return ok(`${formatMany(unchanged, 'file')}, up to date`);
  return warn(`${formatMany(stale.length, 'file')} out of date`, 'Run `dinmo generate`, then `dbt build`.');
}

function resultsVerdict({ project, options }: Context): Verdict {
  const builds = project.runResults.filter((results) => results.builds);
  const newest = builds.map((results) => Date.parse(results.generatedAt)).sort((a, b) => b - a)[0];
  if (newest === undefined)
    return warn('no run_results.json of a build', 'Run `dbt build`, or name one with --run-results.');
  const hours = (clockOf(options).now() - newest) / 3_600_000;
  const { maxAgeHours } = project.settings.gate;
  const detail = `dbt built ${hours < 1 ? 'within the hour' : `${formatMany(Math.floor(hours), 'hour')} ago`}`;
  return hours > maxAgeHours
    ? warn(`${detail}; the gate takes results of the last ${formatMany(maxAgeHours, 'hour')}`, 'Run `dbt build`.')
    : ok(detail);
}

/** Not a fault: developers' targets are meant to stay away from real platforms. */
function targetVerdict(context: Context): Verdict {
  if (context.options.sandboxUrl) return ok('any, since nothing but the sandbox is reached');
  try {
    requireTarget(context, 'sync');
    return ok('may reach real platforms');
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    return warn(thrown.message, thrown.fix ?? 'Rehearse with --sandbox.');
  }
}

/** Thrown to take a test back: nothing of it may stay. */
class Undo extends Error {}

/** Makes the schema and a table where the state lives, and takes both back. */
export async function storageVerdict(context: Context): Promise<Verdict> {
  if (findGenerated(context.project.manifest, DELTA_STORAGE_MODEL) === null) {
    return warn('no place yet: it comes with the generated models', 'Run `dinmo generate`, then `dbt build`.');
  }
  const { database, schema } = storageSchema(context);
  const warehouse = await connectWarehouse(context, { readOnly: false });
  const { state } = warehouse;
  const table = state.table({ database, schema, name: 'dinmo_doctor' });
  const make = async (): Promise<void> => {
    await warehouse.run(state.createSchema({ database, schema }));
    await warehouse.run(`create table ${table} (one ${state.type('integer')})`);
  };
  try {
    if (state.transactionsHold === 'rows') {
      await make();
      await warehouse.run(`drop table ${table}`);
    } else {
      await warehouse.transaction(async () => {
        await make();
        throw new Undo();
      });
    }
  } catch (thrown) {
    if (!(thrown instanceof Undo)) throw thrown;
  } finally {
    await warehouse.close();
  }
  return ok(`${schema} can be written`);
}

async function sandboxVerdict(url: string, http: HttpClient): Promise<Verdict> {
  const fix = 'Start one with `dinmo sandbox`, or name its address: --sandbox <url>.';
  try {
    const { status } = await http.request({ method: 'GET', url: `${url}/health`, timeoutMs: 5_000 });
    return status === 200 ? ok(`answers at ${url}`) : { status: 'fail', detail: `${url} answers with ${status}`, fix };
  } catch (thrown) {
    return { status: 'fail', detail: `nothing answers at ${url}: ${messageOf(thrown)}`, fix };
  }
}

async function destinationVerdict(context: Context, destination: Destination, http: HttpClient): Promise<Verdict> {
  const service = await findService(destination.platform, destination.service);
  const { config, credentials, baseUrl } = readEndpoint(context, destination, { service, secrets: 'needed' });
  const { options, project } = context;
  const { ok: isOk, detail } = await service.verify({
    ...{ config, credentials, baseUrl, http },
    logger: loggerOf(options),
    clock: clockOf(options),
    projectDir: project.dir,
  });
  if (isOk) return apiVerdict(detail, service.facts, clockOf(options).now());
  return {
    status: 'fail',
    detail: detail + apiText(service.facts),
    fix: `Correct ${destination.name} in dinmo.yml, or its credentials in the environment.`,
  };
}

/** From so many days before the version of a platform's API ends, that is said as a warning. */
const SUNSET_WARNING_DAYS = 90;

/** What a destination said, with the version of the API that is spoken, and the day on which it ends where one is known. */
export function apiVerdict(detail: string, facts: ServiceFacts, now: number): Verdict {
  const said = detail + apiText(facts);
  const { sunset = null } = facts.api ?? {};
  const days = sunset === null ? Number.POSITIVE_INFINITY : (Date.parse(sunset) - now) / 86_400_000;
  if (days > SUNSET_WARNING_DAYS) return ok(said);
  return warn(said, 'Upgrade dbt-dinmo: the platform ends this version of its API.');
}
