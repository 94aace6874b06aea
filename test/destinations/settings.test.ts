import { describe, expect, it } from 'vitest';
import type { DestinationBlock } from '../../src/artifacts/settings.ts';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { readServiceSettings, requireServiceSettings } from '../../src/destinations/settings.ts';
import type { ServiceFacts } from '../../src/knowledge/service-facts.ts';
import { mask } from '../../src/log.ts';

const ENV: Readonly<Record<string, string>> = { TOKEN: 's3cr3t-tok-en-value', BROKEN: 'tok\nen', SIZE: '50' };

function resolve(text: string): string {
  const name = /env_var\('(\w+)'\)/.exec(text)?.[1];
  if (name === undefined) return text;
  const value = ENV[name];
  if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

function factsOf(platform: string, service: 'audiences' | 'objects'): ServiceFacts {
  const facts = serviceLookup().facts(platform, service);
  if (facts === null) throw new Error('no such service');
  return facts;
}

function destination(
  part: Pick<DestinationBlock, 'config' | 'credentials'>,
): Parameters<typeof readServiceSettings>[0]['destination'] {
  const locate = (path: readonly (string | number)[]) => ({ file: path.join('.'), line: 1, column: 1 });
  return { name: 'there', origin: { file: 'dinmo.yml', locate }, ...part };
}

const token = "{{ env_var('TOKEN') }}";

describe('settings of a destination', () => {
  it('fills in defaults, takes an account number without quotes, and fetches and masks secrets', () => {
    const facts = factsOf('meta', 'audiences');
    const { settings, findings } = readServiceSettings({
      facts,
      destination: destination({ config: { ad_account_id: 1234567890 }, credentials: { access_token: token } }),
      resolve,
    });
    expect(findings).toEqual([]);
    expect(settings).toEqual({
      config: { ad_account_id: '1234567890', replace: 'delta' },
      credentials: { access_token: 's3cr3t-tok-en-value' },
    });
    expect(mask('Bearer s3cr3t-tok-en-value')).toBe('Bearer ***');
  });

  it('converts what an environment variable gives', () => {
    const config = { url: 'https://x.example', batch_size: "{{ env_var('SIZE') }}" };
    const read = requireServiceSettings({
      facts: factsOf('webhook', 'objects'),
      destination: destination({ config, credentials: {} }),
      resolve,
    });
    expect(read.config).toMatchObject({ url: 'https://x.example', batch_size: 50 });
  });

  it('reports everything that is wrong at once, where it is, and no secret', () => {
    const { settings, findings } = readServiceSettings({
      facts: factsOf('webhook', 'objects'),
      destination: destination({
        config: { batchsize: 5, batch_size: -1 },
        credentials: { secret: "{{ env_var('BROKEN') }}" },
      }),
      resolve,
    });
    expect(settings).toBeNull();
    expect(findings.map((finding) => [finding.code, finding.location?.file, finding.fix])).toEqual([
      ['unknown-setting', 'destinations.there.config.batchsize', 'Did you mean batch_size?'],
      ['missing-setting', 'destinations.there.config', 'Add url under config.'],
      ['invalid-setting', 'destinations.there.config.batch_size', 'Correct the value.'],
      ['invalid-credential', 'destinations.there.credentials.secret', expect.stringContaining('line break')],
    ]);
    expect(JSON.stringify(findings)).not.toContain('tok');
  });

  it.each([
    [540, []],
    ['540', []],
    [541, ['config.membership_days must be a whole number above 0, and at most 540']],
  ])('a number beyond what the platform takes is not cut to it in silence: %s', (days, messages) => {
    const config = { customer_id: '1234567890', terms_accepted: true, membership_days: days };
    const { findings } = readServiceSettings({
      facts: factsOf('google', 'audiences'),
      destination: destination({ config, credentials: { refresh_token: 'a', client_id: 'b', client_secret: 'c' } }),
      resolve,
    });
    expect(findings.map(({ message }) => message).filter((one) => one.includes('membership_days'))).toEqual(
      messages.map((one) => expect.stringContaining(one)),
    );
  });

  it('names the missing environment variable and the choices of a setting', () => {
    const missing = {
      facts: factsOf('meta', 'audiences'),
      destination: destination({
        config: { ad_account_id: '1' },
        credentials: { access_token: "{{ env_var('NONE') }}" },
      }),
      resolve,
    };
    expect(readServiceSettings(missing).findings).toMatchObject([
      { code: 'unresolved-setting', message: expect.stringContaining('NONE') },
    ]);
    const choice = {
      facts: factsOf('files', 'objects'),
      destination: destination({ config: { path: 'out', format: 'cvs' }, credentials: {} }),
      resolve,
    };
    expect(() => requireServiceSettings(choice)).toThrow(/one of csv, jsonl, parquet/);
  });

  it.each(['"s3cr3t-in-quotes"', "'s3cr3t-in-quotes'"])(
    'refuses a secret that the shell left in quotes: %s',
    (secret) => {
      const { findings } = readServiceSettings({
        facts: factsOf('webhook', 'objects'),
        destination: destination({
          config: { url: 'https://a.example' },
          credentials: { secret: "{{ env_var('S') }}" },
        }),
        resolve: (text) => (text.includes('env_var') ? secret : text),
      });
      expect(findings).toMatchObject([{ code: 'invalid-credential', message: /quotes around it/ }]);
    },
  );
});
