import type { ServiceContext } from '../destinations/destination.ts';
import type { HttpClient } from '../destinations/http.ts';
import type { DiffJob } from '../diff/job.ts';
import { type CommandOptions, clockOf, loggerOf } from './options.ts';
import type { Prepared } from './prepare-run.ts';

/** What a service is opened with, or asked with, for one activation. */
export function serviceContext(
  { activation, endpoint, state }: Prepared,
  given: {
    readonly job: DiffJob;
    readonly changes: number;
    readonly syncId: string;
    readonly projectDir: string;
    readonly http: HttpClient;
    readonly options: CommandOptions;
  },
): ServiceContext {
  const { job, changes, syncId, projectDir, http, options } = given;
  return {
    activation: activation.id,
    syncId,
    changes,
    mode: activation.mode,
    operations: activation.operations,
    config: endpoint.config,
    credentials: endpoint.credentials,
    baseUrl: endpoint.baseUrl,
    audienceName: activation.audience,
    audienceId: state?.audienceId ?? null,
    audienceNameBefore: state?.audience ?? null,
    accountBefore: state?.account ?? null,
    columns: job.source.fields.map(({ mapped, column }) => ({
      field: mapped.field,
      dataType: column?.dataType ?? 'VARCHAR',
    })),
    identifierKinds: activation.identifiers
      .filter(({ hintOnly }) => hintOnly !== true)
      .map(({ kind, rank }) => ({ kind, rank })),
    destinationKeyField: job.source.destinationKey?.name ?? null,
    projectDir,
    http,
    clock: clockOf(options),
    logger: loggerOf(options),
  };
}
