import type { Profile } from '../../artifacts/profile.ts';
import { registerSecret } from '../../log.ts';
import { ProfileFields } from '../profile-fields.ts';

/** How BigQuery is reached: what dbt-bigquery makes of a profile, for the driver. */
export interface BigqueryPlace {
  /** Where jobs run and are billed: `execution_project`, else the project. */
  readonly executionProject: string;
  /** Where the data is. */
  readonly project: string;
  /** null: BigQuery takes it from the datasets that the first statement names. */
  readonly location: string | null;
  /** `http(s)://host[:port]`, without a slash at the end; null is Google's own. */
  readonly apiEndpoint: string | null;
  /** Where quota is counted. */
  readonly quotaProject: string | null;
  readonly priority: 'INTERACTIVE' | 'BATCH';
  /** A job that would bill more fails without reading anything. */
  readonly maximumBytesBilled: string | null;
  /** After which a job is stopped by BigQuery itself. */
  readonly jobTimeoutMs: number | null;
  /** How often a request or job is tried again after a fault that passes. */
  readonly retries: number;
  readonly reservation: string | null;
  readonly scopes: readonly string[];
  readonly auth: BigqueryAuth;
  /** A service account to act as, on top of any method. */
  readonly impersonate: string | null;
}

export type BigqueryAuth =
  /** What gcloud left on this machine, or the machine's own account. */
  | { readonly kind: 'default' }
  | { readonly kind: 'key-file'; readonly path: string }
  | { readonly kind: 'key'; readonly credentials: Readonly<Record<string, unknown>> }
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'refresh-token';
      readonly token: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly tokenUri: string | null;
    };

const METHODS = ['oauth', 'service-account', 'service-account-json', 'oauth-secrets'] as const;
/** dbt-bigquery's own default scopes. */
const SCOPES = [
  'https://www.googleapis.com/auth/bigquery',
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/drive',
];

/**
 * The project and credentials of a dbt-bigquery profile (dbt-bigquery 1.8 to 1.12). Throws DinmoError `profile-invalid` naming the
 * field, `bigquery-method` for a method that is not supported.
 */
export function bigqueryPlace(profile: Profile): BigqueryPlace {
  const read = new ProfileFields(profile);
  const project = read.required('project', { or: 'database' });
  const priority = (read.text('priority') ?? 'interactive').toUpperCase();
  if (priority !== 'INTERACTIVE' && priority !== 'BATCH')
    throw read.invalid('priority', `is ${priority.toLowerCase()}`, 'Either interactive or batch.');
  const timeout = read.number('job_execution_timeout_seconds') ?? read.number('timeout_seconds');
  const bytes = read.number('maximum_bytes_billed');
  return {
    project,
    executionProject: read.text('execution_project') ?? project,
    location: read.text('location'),
    apiEndpoint: endpointOf(read),
    quotaProject: read.text('quota_project'),
    priority,
    maximumBytesBilled: bytes === null ? null : String(bytes),
    jobTimeoutMs: timeout === null ? null : timeout * 1000,
    retries: read.number('job_retries') ?? read.number('retries') ?? 1,
    reservation: read.text('reservation'),
    scopes: read.texts('scopes') ?? SCOPES,
    auth: authOf(read),
    impersonate: read.text('impersonate_service_account'),
  };
}

function endpointOf(read: ProfileFields): string | null {
  const text = read.text('api_endpoint');
  if (text === null) return null;
  if (!/^https?:\/\/[^/\s]+\/?$/.test(text))
    throw read.invalid('api_endpoint', 'is not http(s)://host[:port]/', 'Leave the path out.');
  return text.replace(/\/$/, '');
}

function authOf(read: ProfileFields): BigqueryAuth {
  const method = read.required('method');
  switch (METHODS.find((known) => known === method)) {
    case 'oauth':
      return { kind: 'default' };
    case 'service-account':
      return { kind: 'key-file', path: read.required('keyfile') };
    case 'service-account-json':
      return { kind: 'key', credentials: keyOf(read) };
    case 'oauth-secrets':
      return secretsOf(read);
    default:
      throw read.failure(
        'bigquery-method',
        `the method ${method} is not supported`,
        `Supported are: ${METHODS.join(', ')}; each with impersonate_service_account.${method === 'external-oauth-wif' ? ' With `oauth`, GOOGLE_APPLICATION_CREDENTIALS may name the credential configuration of a workload identity pool.' : ''}`,
      );
  }
}

/** A mapping, or its JSON in base64 or as it is. Environment variables hold line ends of the key as two characters. */
function keyOf(read: ProfileFields): Readonly<Record<string, unknown>> {
  const written = read.value('keyfile_json');
  const key = typeof written === 'string' ? parsed(written) : written;
  if (key === null || typeof key !== 'object' || Array.isArray(key))
    throw read.invalid(
      'keyfile_json',
      'is neither a mapping nor a key file in base64',
      'See the docs of dbt-bigquery.',
    );
  const credentials = key as Readonly<Record<string, unknown>>;
  const { private_key: privateKey } = credentials;
  for (const name of ['client_email', 'private_key'])
    if (typeof credentials[name] !== 'string' || credentials[name] === '')
      throw read.invalid(`keyfile_json.${name}`, 'is missing', 'Take the whole key file.');
  const pem = String(privateKey).replaceAll('\\n', '\n');
  // What came in base64 has not been seen by the mask.
  for (const line of [pem, ...pem.split('\n')])
    if (line.length >= 16 && !/^-----.*-----$/.test(line)) registerSecret(line);
  return { ...credentials, type: 'service_account', private_key: pem };
}

function parsed(text: string): unknown {
  const json = text.trimStart().startsWith('{') ? text : Buffer.from(text, 'base64').toString('utf8');
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

function secretsOf(read: ProfileFields): BigqueryAuth {
  const token = read.text('token');
  if (token !== null) return { kind: 'token', token };
  const refresh = read.text('refresh_token');
  if (refresh === null)
    throw read.invalid(
      'token',
      'is missing',
      'Add `token:`, or `refresh_token:` with `client_id:` and `client_secret:`.',
    );
  return {
    kind: 'refresh-token',
    token: refresh,
    clientId: read.required('client_id'),
    clientSecret: read.required('client_secret'),
    tokenUri: read.text('token_uri'),
  };
}
