import type { ServiceKind } from '../../artifacts/annotation.ts';
import type { ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

const setting = (
  name: string,
  description: string,
  more: Partial<Omit<SettingFact, 'name' | 'description'>> = {},
): SettingFact => ({ name, type: 'string', required: false, core: false, description, ...more });

const CONFIG: readonly SettingFact[] = [
  setting(
    'path',
    'Where files are written: a folder, relative to the dbt project and made when it does not exist; s3://bucket/prefix; gs://bucket/prefix; or sftp://host:port/folder',
    { required: true, core: true },
  ),
  setting('format', 'File format', { default: 'csv', choices: ['csv', 'jsonl', 'parquet'] }),
  setting('delimiter', 'csv: what stands between cells', { default: ',', choices: [',', ';', '|', ':', 'tab'] }),
  setting('header', 'csv: whether the first line names the columns', { type: 'boolean', default: true }),
  setting(
    'operation_column',
    'Name of the column of change files that says insert, update or delete; none: it is left out, for activations that only insert',
    { default: '_operation' },
  ),
  setting('compression', 'csv and jsonl: gzip makes files that end in .gz', {
    default: 'none',
    choices: ['none', 'gzip'],
  }),
  setting(
    'manifest',
    'Whether each sync writes, as the last thing, a JSON file that says what it published: files, rows, bytes, SHA-256, columns, operations. Default: true for buckets and servers, false for folders',
    { type: 'boolean' },
  ),
  setting('region', 'S3: region of the bucket. Default: what AWS’s own configuration of this machine says'),
  setting(
    'host_key',
    'SFTP: fingerprint of the server’s key, SHA256:…, as ssh-keygen -l prints it; needed. Several, where the server changes its key, with spaces between them',
  ),
];

const CREDENTIALS: readonly SettingFact[] = [
  setting('access_key_id', 'S3: access key. Left out with secret_access_key: what AWS’s default chain finds'),
  setting('secret_access_key', 'S3: secret of the access key'),
  setting('session_token', 'S3: token of temporary credentials'),
  setting(
    'service_account_json',
    'Google Cloud Storage: key file of a service account, on one line or as base64. Left out: application default credentials',
  ),
  setting('username', 'SFTP: user to log in as; needed'),
  setting('password', 'SFTP: password of the user'),
  setting(
    'private_key',
    'SFTP: private key in PEM or OpenSSH’s form, with its line breaks written as \\n, or as base64',
  ),
  setting('passphrase', 'SFTP: passphrase of the private key, where it has one'),
];

function factsOf(service: ServiceKind): ServiceFacts {
  return {
    platform: 'files',
    service,
    title: `Files (${service})`,
    ...(service === 'events'
      ? {}
      : {
          erasure: {
            kind: 'member',
            stays: 'Files that were written before hold the person still; a removal is one more row.',
          },
        }),
    api: null,
    config: CONFIG,
    credentials: CREDENTIALS,
    modes: service === 'events' ? ['incremental', 'full'] : ['delta', 'full', 'incremental'],
    defaultMode: service === 'events' ? 'incremental' : 'delta',
    operations: ['insert', 'update', 'delete'],
    defaultOperations: DEFAULT_OPERATIONS[service],
    identifiers: null,
    destinationKey: null,
    recordIds: false,
    fields: { known: [], open: true },
    defaultMapping: 'all',
    audience: null,
    eventAgeDaysMax: null,
    deduplicates: true,
    replacesWhole: true,
    nulls: 'null',
    // Bounds of our own: one file is written by one hand, a batch at a time.
    limits: { rowsPerRequestMax: 10_000, requestBytesMax: 16_000_000, requestsPerSecondMax: null, connectionsMax: 1 },
  };
}

const DEFAULT_OPERATIONS: Readonly<Record<ServiceKind, ServiceFacts['defaultOperations']>> = {
  events: ['insert'],
  audiences: ['insert', 'update', 'delete'],
  objects: ['insert', 'update'],
};

export const filesFacts: readonly ServiceFacts[] = [factsOf('events'), factsOf('audiences'), factsOf('objects')];
