import type { Session } from '../destinations/destination.ts';
import type { DiffJob } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import { clockOf, loggerOf } from './options.ts';
import type { Prepared } from './prepare-run.ts';
import type { SyncRun } from './sync-run.ts';

/** Opens the destination and records what it is known by from now on. A refusal is a value: the run is closed with it. */
export async function openSession(run: SyncRun, prepared: Prepared, job: DiffJob): Promise<Session | DinmoError> {
  const { ledger } = run.storage;
  const { activation, endpoint, service, state } = prepared;
  const where = `activation_id = ${ledger.text(activation.id)}`;
  try {
    const session = await service.open({
      activation: activation.id,
      syncId: run.syncId,
      mode: activation.mode,
      operations: activation.operations,
      config: endpoint.config,
      credentials: endpoint.credentials,
      baseUrl: endpoint.baseUrl,
      audienceName: activation.audience,
      audienceId: state?.audienceId ?? null,
      audienceNameBefore: state?.audience ?? null,
      columns: job.source.fields.map(({ mapped, column }) => ({
        field: mapped.field,
        dataType: column?.dataType ?? 'VARCHAR',
      })),
      identifierKinds: activation.identifiers.map(({ kind, rank }) => ({ kind, rank })),
      destinationKeyField: job.source.destinationKey?.name ?? null,
      projectDir: run.context.project.dir,
      http: run.equipment.http,
      clock: clockOf(run.options),
      logger: loggerOf(run.options),
    });
    if (session.account !== null && state?.account && state.account !== session.account) {
      await session.abandon();
      return accountChanged(prepared);
    }
    await ledger.update(
      'activations',
      {
        audience: activation.audience,
        audience_id: session.audienceId,
        ...(session.account === null ? {} : { account: session.account }),
      },
      where,
    );
    return session;
  } catch (thrown) {
    if (thrown instanceof DinmoError && thrown.kind !== 'warehouse') return thrown;
    throw thrown;
  }
}

function accountChanged({ destination }: Prepared): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'account-changed',
    message: `The credentials of ${destination.name} belong to another account than at its first sync.`,
    fix: 'Use the credentials of the first account, or make a new destination for the new one.',
  });
}
