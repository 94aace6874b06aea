import { isCloudId } from '../../artifacts/dbt-cloud-run.ts';
import { DinmoError } from '../../errors.ts';
import { registerSecret } from '../../log.ts';

/** Where a dbt Cloud account is reached, and as whom. */
export interface CloudAccess {
  readonly accountId: string;
  /** `https://<access url>`, without a slash at its end. */
  readonly origin: string;
  readonly token: string;
}

const VARIABLES = ['DBT_CLOUD_ACCOUNT_ID', 'DBT_CLOUD_ACCOUNT_HOST', 'DBT_CLOUD_TOKEN'] as const;

/**
 * Reads the account, its host and the token from the environment; the token is registered with the log's mask.
 * Throws DinmoError (configuration) `dbt-cloud-setting-missing`, `dbt-cloud-host-invalid`, `dbt-cloud-account-invalid`.
 */
export function readCloudAccess(env: Readonly<Record<string, string | undefined>>): CloudAccess {
  const missing = VARIABLES.filter((name) => (env[name] ?? '').trim() === '');
  if (missing.length > 0) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'dbt-cloud-setting-missing',
      message: `What reaches dbt Cloud is not set: ${missing.join(', ')}.`,
      fix: 'Set the account’s id, the host of its access URL (Account settings of dbt Cloud, such as ab123.us1.dbt.com) and a service token.',
    });
  }
  const [accountId = '', host = '', token = ''] = VARIABLES.map((name) => (env[name] ?? '').trim());
  registerSecret(token);
  if (!isCloudId(accountId)) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'dbt-cloud-account-invalid',
      message: 'DBT_CLOUD_ACCOUNT_ID is not a number.',
      fix: 'Copy it from the address of dbt Cloud: /accounts/<id>/.',
    });
  }
  return { accountId, origin: readOrigin(host), token };
}

/** The secret of the webhook, registered with the log's mask. Throws DinmoError (configuration) `webhook-secret-missing`. */
export function readWebhookSecret(env: Readonly<Record<string, string | undefined>>): string {
  const secret = (env['DBT_CLOUD_WEBHOOK_SECRET'] ?? '').trim();
  if (secret === '') {
    throw new DinmoError({
      kind: 'configuration',
      code: 'webhook-secret-missing',
      message: 'DBT_CLOUD_WEBHOOK_SECRET is not set: nobody could tell dbt Cloud from anybody else.',
      fix: 'Set it to the secret that dbt Cloud showed when the webhook was made; make a new webhook if it is lost.',
    });
  }
  registerSecret(secret);
  return secret;
}

/** https, but for a simulated dbt Cloud on this machine: the token goes there. */
function readOrigin(host: string): string {
  const text = /^[a-z]+:\/\//i.test(host) ? host : `https://${host}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && url.username === '' && url.search === '' && /^\/?$/.test(url.pathname);
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url?.hostname ?? '');
  if (isPlain && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback))) return url.origin;
  throw new DinmoError({
    kind: 'configuration',
    code: 'dbt-cloud-host-invalid',
    message: 'DBT_CLOUD_ACCOUNT_HOST is not the host of an access URL.',
    fix: 'Give the host alone, such as ab123.us1.dbt.com; it is reached by https.',
  });
}
