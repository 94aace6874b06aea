import { readAbout } from '../about.ts';
import { DinmoError } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import type { SyncReport } from '../report/activation-report.ts';
import type { Context } from './context.ts';
import { chooseDue, findDoneMeanwhile } from './due.ts';
import { prepareTelling } from './events.ts';
import { THREADS } from './lanes.ts';
import { clockOf, type SyncOptions } from './options.ts';
import { pausedResult } from './plan.ts';
import { type Bench, conduct, loggerFrom } from './run-activations.ts';
import { newId, stateOf } from './storage.ts';
import { syncActivation } from './sync-activation.ts';
import type { SyncRun } from './sync-run.ts';
import type { ActivationResult } from './verdict.ts';

/** Delivers the changes of the selected activations and records what was acknowledged. */
export async function syncActivations(options: SyncOptions): Promise<SyncReport> {
  const syncId = newId(clockOf(options).now());
  return await conduct({
    options,
    syncId,
    alerts: true,
    threads: options.threads ?? THREADS,
    sharing: options,
    access: 'write',
    allow: (context) => requireTarget(context, 'sync'),
    ...(options.due === true ? { choose: chooseDue(options) } : {}),
    each: (bench, activation) => syncOne(bench, { options: { ...options, ...loggerFrom(bench) }, syncId }, activation),
  });
}

/** Lets parked rows of the selected activations be tried again, and syncs them. */
export async function retryActivations(options: SyncOptions): Promise<SyncReport> {
  const syncId = newId(clockOf(options).now());
  return await conduct({
    options,
    syncId,
    alerts: true,
    threads: options.threads ?? THREADS,
    sharing: options,
    access: 'write',
    allow: (context) => requireTarget(context, 'retry'),
    before: async ({ storage }, selected) => {
      for (const activation of selected)
        await storage.ledger.update(
          'rejections',
          { parked: false, attempts: 0 },
          `activation_id = ${storage.ledger.text(stateOf(storage, activation)?.activationId ?? activation.id)}`,
        );
    },
    each: (bench, activation) => syncOne(bench, { options: { ...options, ...loggerFrom(bench) }, syncId }, activation),
  });
}

async function syncOne(
  bench: Bench,
  { options, syncId }: { readonly options: SyncOptions; readonly syncId: string },
  activation: Activation,
): Promise<ActivationResult> {
  const { context, storage } = bench;
  options.progress?.({ activation: activation.id, stage: 'gate', done: 0, total: null });
  const prepared = await prepareTelling({ context, storage }, { activation, secrets: 'needed' });
  if (prepared.state?.paused === true) {
    if (options.resume !== true) return pausedResult(activation);
    await storage.ledger.update(
      'activations',
      { paused: false },
      `activation_id = ${storage.ledger.text(prepared.state.activationId)}`,
    );
  }
  const run = syncRun(bench, options, syncId);
  // One that is paused and resumed here is run, whatever its schedule.
  if (options.due !== true || prepared.state?.paused === true) return await syncActivation(run, prepared);
  return await syncActivation({ ...run, findDone: () => findDoneMeanwhile(context, storage, activation) }, prepared);
}

/** What the activations of one command share, made of its bench. */
export function syncRun(
  { context, storage, dialect, equipment }: Bench,
  options: SyncOptions,
  syncId: string,
): SyncRun {
  return {
    context,
    options,
    storage,
    dialect,
    syncId,
    equipment,
    toolVersion: readAbout().version,
    targetName: context.project.profile().targetName,
  };
}

/** Real platforms are reached only from the targets that dinmo.yml lists. Throws DinmoError `target-not-allowed`, `targets-missing`. */
export function requireTarget({ project, options }: Context, command: string): void {
  if (options.sandboxUrl) return;
  const { targetName, targetNames, profileName } = project.profile();
  const { targets, file } = project.settings;
  if (targets === null) {
    if (targetNames.length <= 1) return;
    throw new DinmoError({
      kind: 'configuration',
      code: 'targets-missing',
      message: `The profile ${profileName} has several targets (${targetNames.join(', ')}), and dinmo.yml does not say which of them may reach real platforms.`,
      fix: `Add \`targets: [${targetNames.includes('prod') ? 'prod' : targetName}]\` to ${file ?? 'dinmo.yml'}, or rehearse with --sandbox.`,
    });
  }
  if (targets.includes(targetName)) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'target-not-allowed',
    message: `The target ${targetName} may not ${command}: \`targets\` of dinmo.yml lists ${targets.join(', ') || 'none'}.`,
    fix: 'Rehearse with --sandbox, choose a listed target with --target, or list this one.',
  });
}
