import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { findService } from '../../src/destinations/registry.ts';
import { webhookUrl } from '../../src/destinations/slack/session.ts';
import type { Destination } from '../../src/knowledge/store.ts';
import type { Context } from '../../src/pipeline/context.ts';
import { type Endpoint, readEndpoint, type SecretUse } from '../../src/pipeline/endpoint.ts';

interface Written {
  readonly platform: 'files' | 'webhook' | 'slack' | 'salesforce' | 'zendesk';
  readonly service?: 'events';
  readonly config: Readonly<Record<string, string>>;
  readonly credentials?: Readonly<Record<string, string>>;
  readonly baseUrl?: string;
}

async function endpoint(
  { platform, service: kind, config, credentials = {}, baseUrl }: Written,
  { sandboxUrl = null, secrets = 'needed' }: { readonly sandboxUrl?: string | null; readonly secrets?: SecretUse },
): Promise<Endpoint> {
  const context = {
    options: { sandboxUrl },
    project: { env: { SECRET: 's3cr3t-top-secret' }, targetPath: '/p/target' },
  };
  const destination = {
    name: 'out',
    platform,
    config,
    credentials,
    baseUrl: baseUrl ?? null,
    origin: { locate: () => null },
  };
  const service = await findService(platform, kind ?? 'audiences');
  // Only what is looked at.
  return readEndpoint(context as unknown as Context, destination as unknown as Destination, { service, secrets });
}

const SANDBOX = { sandboxUrl: 'http://127.0.0.1:8900/' };

describe('in a rehearsal', () => {
  test.each([
    ['exports/a', '/p/target/dinmo_sandbox/exports/a'],
    ['../../etc', '/p/target/dinmo_sandbox/etc'],
    ['/srv/out', '/p/target/dinmo_sandbox/srv/out'],
  ])('the folder %s stands below the target folder', async (path, expected) => {
    expect((await endpoint({ platform: 'files', config: { path } }, SANDBOX)).config['path']).toBe(expected);
  });

  test('a platform is reached below the sandbox, whatever its own address', async () => {
    const hook: Written = {
      platform: 'webhook',
      config: { url: 'https://hooks.example.com/in' },
      baseUrl: 'https://proxy.example.com',
    };
    expect(await endpoint(hook, SANDBOX)).toMatchObject({
      baseUrl: 'http://127.0.0.1:8900/webhook/out',
      isRehearsal: true,
    });
    expect((await endpoint(hook, {})).baseUrl).toBe('https://proxy.example.com');
  });
});

test('a setting whose variable is not set is named, with its destination', async () => {
  const config = { path: "{{ env_var('NO_FOLDER') }}/out" };
  await expect(endpoint({ platform: 'files', config }, {})).rejects.toMatchObject({
    code: 'setting-missing',
    message: 'Destination out: config.path: The environment variable NO_FOLDER is not set.',
  });
});

describe('a secret that is not set', () => {
  const hook: Written = {
    platform: 'webhook',
    config: { url: 'https://hooks.example.com/in' },
    credentials: { secret: "{{ env_var('MISSING') }}" },
  };

  test('stops what sends to the real platform', async () => {
    await expect(endpoint(hook, {})).rejects.toMatchObject({
      code: 'invalid-destination-settings',
      message: /MISSING/,
    });
  });

  test.each([SANDBOX, { secrets: 'unused' as const }])('does not stop a rehearsal or a plan: %j', async (use) => {
    expect((await endpoint(hook, use)).credentials['secret']).toEqual(expect.any(String));
  });

  test('has a stand-in of its own form in a rehearsal where it is taken apart before it is sent', async () => {
    const unset = "{{ env_var('MISSING') }}";
    const slack: Written = { platform: 'slack', service: 'events', config: {}, credentials: { webhook_url: unset } };
    expect(webhookUrl(await endpoint(slack, SANDBOX))).toMatch(
      /^http:\/\/127\.0\.0\.1:8900\/slack\/out\/services\/T\w+\/B\w+\/\w+$/,
    );
    const zendesk: Written = { platform: 'zendesk', config: { subdomain: 'shop' }, credentials: { email: unset } };
    expect((await endpoint(zendesk, SANDBOX)).credentials['email']).toMatch(/^\w+@\w+$/);
    const config = { member_field: 'Email', instance_url: 'https://acme.my.salesforce.com', username: 'u' };
    const credentials = { client_id: unset, private_key: unset };
    const salesforce = await endpoint({ platform: 'salesforce', config, credentials }, SANDBOX);
    const pem = salesforce.credentials['private_key']?.replaceAll('\\n', '\n') ?? '';
    expect(createPrivateKey(pem).asymmetricKeyType).toBe('rsa');
  });
});
