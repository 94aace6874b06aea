import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/artifacts/profile.ts';
import { DinmoError } from '../../../src/errors.ts';
import { type SnowflakeAccount, snowflakeAccount } from '../../../src/warehouse/snowflake/profile.ts';

const folder = mkdtempSync(join(tmpdir(), 'dinmo-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const LOCKED = privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'sesame' })
  .toString();
const DER = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
const file = join(folder, 'key.p8');
writeFileSync(file, LOCKED);

const PLACE = { account: 'my_org-acc_one', user: 'ann', database: 'shop', schema: 'dbt' };

function account(fields: Readonly<Record<string, unknown>>, terminal = false): SnowflakeAccount {
  const profile: Profile = {
    file: '/home/ann/.dbt/profiles.yml',
    profileName: 'shop',
    targetName: 'prod',
    targetNames: ['prod'],
    type: 'snowflake',
    schema: 'dbt',
    database: 'shop',
    fields: { type: 'snowflake', ...PLACE, ...fields },
  };
  return snowflakeAccount(profile, { terminal });
}

function refusal(fields: Readonly<Record<string, unknown>>): DinmoError {
  try {
    account(fields);
  } catch (thrown) {
    if (thrown instanceof DinmoError) return thrown;
  }
  throw new Error('it was not refused');
}

describe('the ways to log in', () => {
  const jwt = { authenticator: 'SNOWFLAKE_JWT', username: 'ann', privateKey: PEM };
  it.each([
    ['a password', { password: 'p' }, { authenticator: 'SNOWFLAKE', username: 'ann', password: 'p' }],
    ['a password that is a number', { password: 123 }, { password: '123' }],
    [
      'a password with MFA',
      { authenticator: 'username_password_mfa', password: 'p' },
      { authenticator: 'USERNAME_PASSWORD_MFA', password: 'p' },
    ],
    ['a key as PEM', { private_key: PEM }, jwt],
    ['a key as PEM on one line', { private_key: PEM.replaceAll('\n', '\\n') }, jwt],
    ['a key as base64 of DER', { private_key: DER }, jwt],
    ['an encrypted key', { private_key: LOCKED, private_key_passphrase: 'sesame' }, jwt],
    ['an encrypted key in a file', { private_key_path: file, private_key_passphrase: 'sesame' }, jwt],
    ['a key that is named by its method', { method: 'keypair', private_key: PEM }, jwt],
    ['an OAuth token', { authenticator: 'oauth', token: 't' }, { authenticator: 'OAUTH', token: 't' }],
    ['a token that somebody made', { authenticator: 'jwt', token: 't' }, { authenticator: 'OAUTH', token: 't' }],
    [
      'a programmatic access token',
      { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 't' },
      { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 't' },
    ],
    [
      'Okta',
      { authenticator: 'https://acme.okta.com', password: 'p' },
      { authenticator: 'https://acme.okta.com', username: 'ann', password: 'p' },
    ],
  ])('%s', (_, fields, options) => {
    expect(account(fields)).toMatchObject({ options, refresh: null, interactive: false });
  });

  it('a refresh token is exchanged at the account', () => {
    const fields = { authenticator: 'oauth', token: 'r', oauth_client_id: 'id', oauth_client_secret: 's' };
    expect(account(fields).refresh).toEqual({
      url: 'https://my-org-acc-one.snowflakecomputing.com/oauth/token-request',
      clientId: 'id',
      clientSecret: 's',
      refreshToken: 'r',
    });
    expect(account(fields).options.token).toBeUndefined();
    const local = account({ ...fields, host: 'sf.example', port: 8443 });
    expect(local.refresh?.url).toBe('https://sf.example:8443/oauth/token-request');
  });

  it('a browser, where somebody is at a terminal', () => {
    const fields = { authenticator: 'externalbrowser' };
    expect(account(fields, true)).toMatchObject({ options: { authenticator: 'EXTERNALBROWSER' }, interactive: true });
    expect(refusal(fields)).toMatchObject({ kind: 'configuration', code: 'authenticator-needs-terminal' });
  });

  it.each([
    ['no password', {}, 'profile-invalid', '`password` is missing'],
    ['no token', { authenticator: 'jwt' }, 'profile-invalid', '`token` is missing'],
    [
      'half a client',
      { authenticator: 'oauth', token: 'r', oauth_client_id: 'i' },
      'profile-invalid',
      '`oauth_client_secret`',
    ],
    ['two keys', { private_key: PEM, private_key_path: file }, 'profile-invalid', 'beside `private_key_path`'],
    ['no passphrase', { private_key_path: file }, 'profile-invalid', '`private_key_path` holds no private key'],
    ['no file', { private_key_path: '/nowhere/key' }, 'profile-invalid', '/nowhere/key'],
    ['no key', { private_key: 'nonsense' }, 'profile-invalid', '`private_key` holds no private key'],
    ['what we do not know', { authenticator: 'workload_identity' }, 'authenticator-unsupported', 'workload_identity'],
  ])('refuses %s, and names the field', (_, fields, code, text) => {
    const refused = refusal(fields);
    expect(refused).toMatchObject({ kind: 'configuration', code });
    expect(refused.message).toContain(text);
    expect(refused.message).toContain('target prod of profile shop'.replace('target', 'Target'));
    expect(`${refused.message}${refused.fix}`).not.toMatch(/nonsense|BEGIN/);
    if (text.startsWith('`password`')) expect(refused.fix).toContain('`private_key_path:`');
    if (code === 'authenticator-unsupported') expect(refused.fix).toContain('programmatic_access_token');
  });
});

describe('the place', () => {
  it('is an account, whose underscores are no part of a host name', () => {
    const { options, place } = account({ password: 'p', role: 'loader', warehouse: 'wh' });
    expect(options).toMatchObject({ account: 'my-org-acc-one', role: 'loader', warehouse: 'wh', database: 'shop' });
    expect(options.accessUrl).toBeUndefined();
    expect(place).toBe('my-org-acc-one');
  });

  it('is a host, where one is named', () => {
    const fields = { password: 'p', host: '127.0.0.1', port: '8080', protocol: 'http' };
    expect(account(fields).options).toMatchObject({ accessUrl: 'http://127.0.0.1:8080' });
    expect(account({ password: 'p', host: 'sf.example' }).options.accessUrl).toBe('https://sf.example:443');
    expect(refusal({ ...fields, port: 'x' }).message).toContain('`port` is not a whole number');
  });

  it('keeps the tag of the profile, and what it says of the session', () => {
    const fields = {
      password: 'p',
      query_tag: 'dbt',
      client_session_keep_alive: true,
      proxy_host: 'px',
      proxy_port: 1,
    };
    const { queryTag, options } = account(fields);
    expect(queryTag).toBe('dbt');
    expect(options).toMatchObject({ clientSessionKeepAlive: true, proxyHost: 'px', proxyPort: 1 });
  });
});
