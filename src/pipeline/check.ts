import { DinmoError, type ExitCode } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';
import { type Context, connectWarehouse, loadContext } from './context.ts';
import type { CommandOptions } from './options.ts';
import { findOrphans, viewStorage } from './storage.ts';

/** The answer of `check`. */
export interface CheckReport {
  readonly findings: readonly Finding[];
  /** What could be derived, also of a project with errors. */
  readonly store: KnowledgeStore;
  /** 1 with any error, else 0. */
  readonly exitCode: ExitCode;
}

/** Everything that is wrong with a project, at once. Needs no warehouse and no secret. Throws DinmoError for what cannot be read at all. */
export async function checkProject(options: CommandOptions): Promise<CheckReport> {
  const context = await loadContext(options);
  const findings = [...context.findings, ...(await leftBehind(context))];
  const exitCode: ExitCode = findings.some((finding) => finding.severity === 'error') ? 1 : 0;
  return { findings, store: context.store, exitCode };
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
