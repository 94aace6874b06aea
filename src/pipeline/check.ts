import { join } from 'node:path';
import { readText } from '../artifacts/json-file.ts';
import { filesNewerThanManifest } from '../artifacts/newer-files.ts';
import { locateProject } from '../artifacts/project.ts';
import { findRepository, type Repository } from '../artifacts/repository.ts';
import { DinmoError, type ExitCode } from '../errors.ts';
import { compareFindings, type Finding } from '../finding.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';
import { isGenerated } from '../models/header.ts';
import { type Context, connectWarehouse, loadContext } from './context.ts';
import type { CommandOptions } from './options.ts';
import { findOrphans, viewStorage } from './storage.ts';

/** Options of check. */
export interface CheckOptions extends CommandOptions {
  /** Do not look into the warehouse for what activations left behind, even where it could be reached. */
  readonly offline?: boolean;
}

/** The answer of `check`. */
export interface CheckReport {
  readonly findings: readonly Finding[];
  /** What could be derived, also of a project with errors. */
  readonly store: KnowledgeStore;
  /** 1 with any error, else 0. */
  readonly exitCode: ExitCode;
}

/** Everything that is wrong with a project, at once. Needs no warehouse and no secret. Throws DinmoError for what cannot be read at all. */
export async function checkProject(options: CheckOptions): Promise<CheckReport> {
  const context = await loadContext(options);
  const orphans = options.offline === true ? [] : await leftBehind(context);
  const findings = [...context.findings, ...olderManifest(context), ...orphans].sort(compareFindings);
  const exitCode: ExitCode = findings.some((finding) => finding.severity === 'error') ? 1 : 0;
  return { findings, store: context.store, exitCode };
}

/** Where the project stands in its repository; the working directory's place where there is no project. Throws nothing. */
export function locateRepository(options: CommandOptions): Repository {
  const env = options.env ?? process.env;
  try {
    return findRepository(locateProject(options).dir, env);
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    return findRepository(options.projectDir ?? options.cwd ?? process.cwd(), env);
  }
}

/** Said once: an annotation that is known to be out of date is an error of its own. Generated models are newer by nature. */
function olderManifest({ options, project, findings }: Context): readonly Finding[] {
  if (findings.some(({ code }) => code === 'stale-manifest')) return [];
  const newer = filesNewerThanManifest(options, project.manifest.metadata.generatedAt).filter(
    (file) => !isGenerated(file, readText(join(project.dir, file))),
  );
  const [newest] = newer;
  if (newest === undefined) return [];
  const others = newer.length > 1 ? ` and ${newer.length - 1} other ${newer.length > 2 ? 'files' : 'file'}` : '';
  return [
    {
      code: 'manifest-older',
      severity: 'warning',
      message: `The manifest is older than ${newest}${others}: what was changed there since is not seen.`,
      fix: 'Run `dbt parse`, or `dinmo check --parse`.',
      location: null,
    },
  ];
}

/** Where the warehouse can be looked at without waiting: activations that have state and no block any more. */
async function leftBehind(context: Context): Promise<readonly Finding[]> {
  try {
    const warehouse = await connectWarehouse(
      { ...context, options: { ...context.options, lockTimeoutMs: 0 } },
      { readOnly: true },
    );
    try {
      const orphans = await findOrphans(await viewStorage(context, warehouse, null), context.store);
      return orphans.map(({ activation, rows }) => ({
        code: 'state-left-behind',
        severity: 'warning',
        message: `${activation} has no block any more, and left ${rows} rows at its destination.`,
        fix: 'Put the block back and clear the activation first, or name it in `was:` of the one that took its place.',
        location: null,
      }));
    } finally {
      await warehouse.close();
    }
  } catch (thrown) {
    if (thrown instanceof DinmoError) return [];
    throw thrown;
  }
}
