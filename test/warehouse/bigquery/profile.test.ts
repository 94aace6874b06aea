import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/artifacts/profile.ts';
import { bigqueryClient } from '../../../src/warehouse/bigquery/client.ts';
import { bigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';

const folder = mkdtempSync(join(tmpdir(), 'dinmo-bigquery-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pem = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const key = {
  type: 'service_account',
  project_id: 'shop',
  private_key_id: '1',
  private_key: pem,
  client_email: 'dinmo@shop.iam.gserviceaccount.com',
  client_id: '2',
  token_uri: 'https://oauth2.googleapis.com/token',
};
const keyfile = join(folder, 'key.json');
writeFileSync(keyfile, JSON.stringify(key));

function profile(fields: Readonly<Record<string, unknown>>): Profile {
  return {
    ...{ file: 'profiles.yml', profileName: 'shop', targetName: 'prod', targetNames: ['prod'], type: 'bigquery' },
    ...{ schema: 'analytics', database: 'shop' },
    fields: { type: 'bigquery', project: 'shop', dataset: 'analytics', ...fields },
  };
}

describe('a BigQuery profile', () => {
  it.each([
    ['oauth', { method: 'oauth' }, { kind: 'default' }],
    ['a key file', { method: 'service-account', keyfile }, { kind: 'key-file', path: keyfile }],
    [
      'a key as a mapping, its line ends in two characters',
      { method: 'service-account-json', keyfile_json: { ...key, private_key: pem.replaceAll('\n', '\\n') } },
      { kind: 'key', credentials: key },
    ],
    [
      'a key in base64',
      { method: 'service-account-json', keyfile_json: Buffer.from(JSON.stringify(key)).toString('base64') },
      { kind: 'key', credentials: key },
    ],
    [
      'a key as JSON',
      { method: 'service-account-json', keyfile_json: JSON.stringify(key) },
      { kind: 'key', credentials: key },
    ],
    ['a token', { method: 'oauth-secrets', token: 'ya29.x' }, { kind: 'token', token: 'ya29.x' }],
    [
      'a refresh token',
      { method: 'oauth-secrets', refresh_token: 'r', client_id: 'c', client_secret: 's', token_uri: 'https://t/' },
      { kind: 'refresh-token', token: 'r', clientId: 'c', clientSecret: 's', tokenUri: 'https://t/' },
    ],
  ])('takes %s', (_, fields, auth) => {
    expect(bigqueryPlace(profile(fields)).auth).toEqual(auth);
  });

  it('reads everything else, by its old and its new name', () => {
    const fields = {
      method: 'oauth',
      execution_project: 'billing',
      location: 'EU',
      priority: 'batch',
      maximum_bytes_billed: 1_000_000_000_000,
      job_execution_timeout_seconds: '600',
      job_retries: 3,
      quota_project: 'quota',
      reservation: 'projects/billing/locations/EU/reservations/r',
      impersonate_service_account: 'writer@shop.iam.gserviceaccount.com',
      api_endpoint: 'http://127.0.0.1:9050/',
      scopes: ['https://www.googleapis.com/auth/bigquery'],
    };
    expect(bigqueryPlace(profile(fields))).toEqual({
      project: 'shop',
      executionProject: 'billing',
      location: 'EU',
      priority: 'BATCH',
      maximumBytesBilled: '1000000000000',
      jobTimeoutMs: 600_000,
      retries: 3,
      quotaProject: 'quota',
      reservation: 'projects/billing/locations/EU/reservations/r',
      impersonate: 'writer@shop.iam.gserviceaccount.com',
      apiEndpoint: 'http://127.0.0.1:9050',
      scopes: ['https://www.googleapis.com/auth/bigquery'],
      auth: { kind: 'default' },
    });
    expect(bigqueryPlace(profile({ method: 'oauth', timeout_seconds: 60, retries: 0 }))).toMatchObject({
      jobTimeoutMs: 60_000,
      retries: 0,
      executionProject: 'shop',
      location: null,
    });
    const database = profile({ method: 'oauth', project: undefined, database: 'other' });
    expect(bigqueryPlace(database).project).toBe('other');
  });

  it.each([
    ['no method', {}, 'profile-invalid', '`method`'],
    ['no project', { method: 'oauth', project: undefined }, 'profile-invalid', '`project`'],
    ['a method that is not supported', { method: 'external-oauth-wif' }, 'bigquery-method', 'external-oauth-wif'],
    ['no key file', { method: 'service-account' }, 'profile-invalid', '`keyfile`'],
    [
      'a key that is none',
      { method: 'service-account-json', keyfile_json: 'c2VjcmV0' },
      'profile-invalid',
      '`keyfile_json`',
    ],
    [
      'half a key',
      { method: 'service-account-json', keyfile_json: { client_email: 'a@b' } },
      'profile-invalid',
      '`keyfile_json.private_key`',
    ],
    ['no token', { method: 'oauth-secrets' }, 'profile-invalid', '`token`'],
    [
      'half a refresh token',
      { method: 'oauth-secrets', refresh_token: '1//hidden', client_id: 'c' },
      'profile-invalid',
      '`client_secret`',
    ],
    [
      'a path in its endpoint',
      { method: 'oauth', api_endpoint: 'https://host/v2' },
      'profile-invalid',
      '`api_endpoint`',
    ],
    [
      'a timeout in words',
      { method: 'oauth', job_execution_timeout_seconds: 'long' },
      'profile-invalid',
      '`job_execution_timeout_seconds`',
    ],
    ['another priority', { method: 'oauth', priority: 'high' }, 'profile-invalid', '`priority`'],
  ])('refuses %s', (_, fields, code, named) => {
    let thrown: unknown;
    try {
      bigqueryPlace(profile(fields));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ kind: 'configuration', code });
    expect(String(thrown)).toContain(named);
    expect(String(thrown)).not.toMatch(/c2VjcmV0|hidden/);
  });

  it('names the methods that there are', () => {
    expect(() => bigqueryPlace(profile({ method: 'wif' }))).toThrow(
      expect.objectContaining({
        fix: expect.stringContaining('oauth, service-account, service-account-json, oauth-secrets'),
      }),
    );
  });
});

describe('the client of a profile', () => {
  const clientOf = async (fields: Readonly<Record<string, unknown>>) => {
    const client = await bigqueryClient(bigqueryPlace(profile(fields)));
    return { client, auth: await client.authClient.getClient() };
  };

  it.each([
    ['a key file', { method: 'service-account', keyfile }, 'JWT'],
    ['a key', { method: 'service-account-json', keyfile_json: key }, 'JWT'],
    ['a token', { method: 'oauth-secrets', token: 'ya29.x' }, 'OAuth2Client'],
    [
      'a refresh token',
      { method: 'oauth-secrets', refresh_token: 'r', client_id: 'c', client_secret: 's' },
      'UserRefreshClient',
    ],
    [
      'a key, as somebody else',
      { method: 'service-account', keyfile, impersonate_service_account: 'writer@shop.iam.gserviceaccount.com' },
      'Impersonated',
    ],
    [
      'a token, on this machine',
      { method: 'oauth-secrets', token: 'x', api_endpoint: 'http://127.0.0.1:1/' },
      'PassThroughClient',
    ],
  ])('identifies us by %s', async (_, fields, name) => {
    const { client, auth } = await clientOf({
      execution_project: 'billing',
      location: 'EU',
      quota_project: 'quota',
      ...fields,
    });
    expect(auth.constructor.name).toBe(name);
    expect([client.projectId, client.location]).toEqual(['billing', 'EU']);
  });

  it('shows its token', async () => {
    const { auth } = await clientOf({ method: 'oauth-secrets', token: 'ya29.x' });
    const asked = new Headers(await auth.getRequestHeaders()).get('authorization');
    expect(asked).toBe('Bearer ya29.x');
  });

  it('says what is wrong with a key that cannot be read', async () => {
    await expect(clientOf({ method: 'service-account', keyfile: join(folder, 'none.json') })).rejects.toMatchObject({
      code: 'bigquery-login-refused',
    });
  });
});
