import type { Session } from '../destinations/destination.ts';
import type { DiffJob } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import { type ActivationState, readActivationStates } from '../record/ledger.ts';
import type { Prepared } from './prepare-run.ts';
import { serviceContext } from './service-context.ts';
import type { SyncRun } from './sync-run.ts';

/** Opens the destination and records what it is known by from now on. A refusal is a value: the run is closed with it. */
export async function openSession(
  run: SyncRun,
  prepared: Prepared,
  { job, changes }: { readonly job: DiffJob; readonly changes: number },
): Promise<Session | DinmoError> {
  const { ledger } = run.storage;
  const { activation, service, state } = prepared;
  const where = `activation_id = ${ledger.text(activation.id)}`;
  if (service.facts.audience?.renamable === false && state?.audienceId && state.audience !== activation.audience)
    return audienceNotRenamable(prepared, state.audience);
  try {
    const session = await service.open(
      serviceContext(prepared, {
        ...{ job, changes, syncId: run.syncId, projectDir: run.context.project.dir },
        ...{ http: run.equipment.http, options: run.options },
      }),
    );
    if (session.account !== null && state?.account && state.account !== session.account) {
      await session.abandon();
      return accountChanged(prepared);
    }
    const owner = await findOwner(run, prepared, session);
    if (owner !== null) {
      await session.abandon();
      return audienceTaken(prepared, owner);
    }
    const account = session.account ?? state?.account ?? null;
    const isKnown =
      state?.activationId === activation.id &&
      state.audience === activation.audience &&
      state.audienceId === session.audienceId &&
      state.account === account;
    if (!isKnown)
      await ledger.update(
        'activations',
        { audience: activation.audience, audience_id: session.audienceId, account },
        where,
      );
    return session;
  } catch (thrown) {
    if (thrown instanceof DinmoError && thrown.kind !== 'warehouse') return thrown;
    throw thrown;
  }
}

/**
 * The other activation of this project that fills the audience already. Names tell most of them apart before anything is sent;
 * where only the credentials know the account, or the platform could not rename, it shows here.
 */
async function findOwner(
  { context, storage }: SyncRun,
  { activation, destination, endpoint, state }: Prepared,
  session: Session,
): Promise<ActivationState | null> {
  // The audience that this activation has been filling is its own.
  if (session.audienceId === null || state?.audienceId === session.audienceId) return null;
  const living = new Set(
    [...context.store.activations.values()].flatMap(({ id, was }) => (was === null ? id : [id, was])),
  );
  const others = [...(await readActivationStates(storage.ledger)).values()];
  const owner = others.find(
    (other) =>
      other.activationId !== activation.id &&
      living.has(other.activationId) &&
      other.platform === destination.platform &&
      other.service === destination.service &&
      other.core === endpoint.core &&
      other.audienceId === session.audienceId &&
      (other.account === null || session.account === null || other.account === session.account),
  );
  return owner ?? null;
}

function audienceTaken({ activation, destination }: Prepared, owner: ActivationState): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'audience-taken',
    message: `The audience of ${activation.id} is the one that ${owner.activationId} fills: ${destination.name} and ${owner.destination} reach one account.`,
    fix: 'Give one of the two another `audience:`, or make one segment of both: each would remove the other’s members.',
    location: activation.origin.locate([...activation.at, 'audience']),
  });
}

/** Under another name there would be another audience, and the first one would keep its members for ever. */
function audienceNotRenamable({ activation, destination }: Prepared, before: string | null): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'audience-not-renamable',
    message: `${destination.platform} cannot rename an audience: that of ${activation.id} is “${before}”, and cannot become “${activation.audience}”.`,
    fix: 'Keep the name, or make a new activation for the new audience, and clear this one.',
    location: activation.origin.locate([...activation.at, 'audience']),
  });
}

function accountChanged({ destination }: Prepared): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'account-changed',
    message: `The credentials of ${destination.name} belong to another account than at its first sync.`,
    fix: 'Use the credentials of the first account, or make a new destination for the new one.',
  });
}
