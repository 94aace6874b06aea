import { DinmoError } from '../../errors.ts';

/** What the API or the network says: `reason` as in https://cloud.google.com/bigquery/docs/error-messages (API v2). */
export interface BigqueryFailure {
  readonly status: number | null;
  readonly reason: string;
  readonly message: string;
}

/** Faults of the service, of its pace or of the way there: the same request may go through later. */
const PASSING = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'rateLimitExceeded',
  'jobRateLimitExceeded',
  'tableUnavailable',
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);
const PASSING_STATUS = new Set([408, 429, 500, 502, 503, 504]);

/** Reads what the client threw, or what a job ended with. */
export function failureOf(thrown: unknown): BigqueryFailure {
  const { code, errors, message, reason } = (thrown ?? {}) as {
    readonly code?: unknown;
    readonly errors?: unknown;
    readonly message?: unknown;
    readonly reason?: unknown;
  };
  const [first] = Array.isArray(errors) ? (errors as { reason?: unknown; message?: unknown }[]) : [];
  const said = [reason, first?.reason, code].find((value) => typeof value === 'string' && value !== '');
  const text = [first?.message, message].find((value) => typeof value === 'string' && value !== '');
  const status = Number(code);
  return {
    status: Number.isInteger(status) && status >= 100 ? status : null,
    reason: said === undefined ? '' : String(said),
    message: text === undefined ? String(thrown) : String(text),
  };
}

export function isPassing({ status, reason }: BigqueryFailure): boolean {
  return PASSING.has(reason) || (status !== null && PASSING_STATUS.has(status));
}

/** A job with this id is there already. */
export function isDuplicate({ status, reason, message }: BigqueryFailure): boolean {
  return status === 409 || (reason === 'duplicate' && /already exists/i.test(message));
}

/** Another statement changed the same table meanwhile: nothing was done. */
export function isConflict({ message }: BigqueryFailure): boolean {
  return /concurrent update|could not serialize access/i.test(message);
}

export function isMissing({ status, reason }: BigqueryFailure): boolean {
  return status === 404 || reason === 'notFound';
}

/** Where a statement ran, for those who have to look. */
export interface JobPlace {
  readonly jobId: string;
  readonly location: string | null;
  /** Who asks, where it is known. */
  readonly principal: string | null;
  readonly project: string;
}

/** A statement that failed, in our words, with BigQuery's text. */
export function statementError(thrown: unknown, sql: string, place: JobPlace): DinmoError {
  const failure = failureOf(thrown);
  const words = wordsOf(failure, place);
  const text = withoutValues(failure);
  return new DinmoError({
    kind: 'warehouse',
    code: words.is,
    message: `BigQuery: ${text}${failure.reason === '' ? '' : ` (${failure.reason})`}, job ${place.jobId}.`,
    ...(words.fix === null ? {} : { fix: words.fix }),
    cause: Object.assign(new Error(sql), { original: thrown }),
  });
}

function wordsOf(failure: BigqueryFailure, place: JobPlace): { readonly is: string; readonly fix: string | null } {
  const { reason, status, message } = failure;
  if (status === 401 || /^invalid_grant|invalid_client|unauthorized/i.test(reason))
    return {
      is: 'bigquery-login-refused',
      fix: 'See `method` and its credentials in profiles.yml; `dbt debug` uses the same.',
    };
  if (isMissing(failure)) {
    const elsewhere = /in location (\S+)/.exec(message)?.[1];
    const where =
      elsewhere === undefined
        ? ''
        : ` The job ran in ${elsewhere.replace(/[.,]$/, '')}: where the datasets are elsewhere, set \`location:\` in profiles.yml.`;
    return {
      is: 'relation-missing',
      fix: `Run \`dbt build\` (after \`dinmo generate\`), with the same target, and try again.${where}`,
    };
  }
  if (reason === 'accessDenied' || status === 403)
    return {
      is: 'grant-missing',
      fix: `${grantFor(failure, place)} \`dinmo doctor --grants\` prints all that is needed.`,
    };
  if (reason === 'bytesBilledLimitExceeded')
    return {
      is: 'bytes-limit',
      fix: 'Raise `maximum_bytes_billed` in profiles.yml, or read less: `dinmo plan` shows the bytes.',
    };
  if (reason === 'stopped')
    return {
      is: 'statement-cancelled',
      fix: 'It was cancelled, or took longer than `job_execution_timeout_seconds`.',
    };
  if (isConflict(failure))
    return { is: 'changed-meanwhile', fix: 'Another job changed the same tables. Run it again.' };
  if (isPassing(failure) || reason === 'quotaExceeded')
    return { is: 'bigquery-busy', fix: 'Run it again later; quotas are shown in the Google Cloud console.' };
  return { is: 'statement-failed', fix: null };
}

/** The command with which an administrator grants what is missing. */
function grantFor({ message }: BigqueryFailure, { principal, project }: JobPlace): string {
  const member = `serviceAccount:${principal ?? '<service account>'}`;
  const permission = /(bigquery\.[a-z]+\.[A-Za-z]+)/.exec(message)?.[1] ?? '';
  const table = /(?:Table|Dataset) ([\w-]+)[:.](\w+)/.exec(message);
  if (/bigquery\.(jobs|sessions|datasets)\.create/.test(permission) || table === null)
    return `An administrator runs: gcloud projects add-iam-policy-binding ${project} --member=${member} --role=roles/bigquery.user.`;
  const [, owner = project, dataset = ''] = table;
  const role = /update|create|delete/i.test(permission) ? 'roles/bigquery.dataEditor' : 'roles/bigquery.dataViewer';
  return `An administrator runs: grant \`${role}\` on schema \`${owner}\`.\`${dataset}\` to "${member}";`;
}

/** Errors about data quote the value at fault, which may be a person's. */
function withoutValues({ message }: BigqueryFailure): string {
  const [first = message] = message.split('\n');
  if (!/bad |invalid |could not |cannot |out of range|overflow|conversion|parse/i.test(first)) return first;
  return first.replaceAll(
    /(?<=\bvalue: ).+|"[^"]*"|'[^']*'|(?<=(?:value|string|timestamp|date|number|int64|numeric)s?:? )\S+/gi,
    '…',
  );
}
