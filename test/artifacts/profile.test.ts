import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderJinja } from '../../src/artifacts/jinja.ts';
import { type Profile, type ProfileOptions, readProfile } from '../../src/artifacts/profile.ts';
import { DinmoError } from '../../src/errors.ts';
import { mask } from '../../src/log.ts';
import { tempFolder, writeFiles } from './raw-project.ts';

const SHOP = `
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev: {type: duckdb, path: 'data/shop.duckdb', schema: main}
    prod:
      type: postgres
      host: "{{ env_var('PG_HOST') }}"
      port: "{{ env_var('PG_PORT', '5432') | as_number }}"
      user: "app_{{ env_var('STAGE') | lower }}"
      password: "{{ env_var('DBT_ENV_SECRET_PG') }}"
      dbname: shop
      schema: "{{ 'prod' if env_var('STAGE') == 'PROD' else 'dev_' ~ env_var('STAGE') }}"
other:
  outputs:
    default: {type: duckdb, path: ":memory:"}
`;

function read(more: Partial<ProfileOptions> = {}, text = SHOP): Profile {
  const cwd = more.cwd ?? writeFiles(tempFolder(), { 'profiles.yml': text });
  return readProfile({ vars: {}, env: { HOME: tempFolder() }, cwd, projectDir: cwd, projectProfile: 'shop', ...more });
}

function errorOf(run: () => unknown): DinmoError {
  try {
    run();
  } catch (error) {
    if (error instanceof DinmoError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('which profile and target', () => {
  it('renders only the selected output', () => {
    expect(read()).toMatchObject({
      targetName: 'dev',
      targetNames: ['dev', 'prod'],
      type: 'duckdb',
      schema: 'main',
      database: 'shop',
    });
  });

  it('goes by flag, DBT_ENGINE_TARGET, DBT_TARGET, then the file', () => {
    const env = { PG_HOST: 'h', STAGE: 'PROD', DBT_ENV_SECRET_PG: 's3cr3t-hunter22' };
    expect(read({ env: { ...env, SHOP_TARGET: 'prod' } }).targetName).toBe('prod');
    expect(read({ env: { ...env, DBT_TARGET: 'prod' } }).targetName).toBe('prod');
    expect(read({ env: { ...env, DBT_TARGET: 'prod', DBT_ENGINE_TARGET: 'dev' } }).targetName).toBe('dev');
    expect(read({ env: { ...env, DBT_TARGET: 'dev' }, target: 'prod' }).targetName).toBe('prod');
    expect(read({ profile: 'other' }).targetName).toBe('default');
    expect(read({ env: { DBT_PROFILE: 'other' } })).toMatchObject({ profileName: 'other', database: 'memory' });
  });

  it('looks in the working directory, then in ~/.dbt, and nowhere else when a folder is named', () => {
    const [home, cwd, projectDir] = [tempFolder(), tempFolder(), tempFolder()];
    const at = (path: string): string => `shop: {outputs: {default: {type: duckdb, path: ${path}}}}`;
    const path = (options: Partial<ProfileOptions>): unknown =>
      read({ env: { HOME: home }, cwd, projectDir, ...options }).fields['path'];
    writeFiles(projectDir, { 'profiles.yml': at('project') });
    expect(path({})).toBe('project');
    writeFiles(home, { '.dbt/profiles.yml': at('home') });
    expect(path({})).toBe('home');
    writeFiles(cwd, { 'profiles.yml': at('cwd') });
    expect(path({})).toBe('cwd');
    expect(path({ profilesDir: '~/.dbt' })).toBe('home');
    expect(path({ env: { HOME: home, DBT_PROFILES_DIR: projectDir } })).toBe('project');
    expect(errorOf(() => path({ profilesDir: join(home, 'none') })).code).toBe('profile-file-missing');
  });

  it('suggests the nearest profile and target', () => {
    expect(errorOf(() => read({ profile: 'shpo' }))).toMatchObject({
      code: 'profile-not-found',
      fix: 'Did you mean `shop`?',
      exitCode: 2,
    });
    expect(errorOf(() => read({ target: 'prd' }))).toMatchObject({
      code: 'profile-target-not-found',
      fix: 'Did you mean `prod`?',
    });
    expect(errorOf(() => read({ projectProfile: null })).code).toBe('profile-unnamed');
    expect(errorOf(() => read({}, 'shop: {outputs: {default: {path: x}}}')).code).toBe('profile-invalid');
    expect(errorOf(() => read({}, 'shop: [unclosed password'))).toMatchObject({
      code: 'profile-file-unreadable',
      message: expect.not.stringContaining('password'),
    });
  });
});

describe('values', () => {
  const env = { PG_HOST: 'db.internal', STAGE: 'PROD', DBT_ENV_SECRET_PG: 's3cr3t-correct horse' };

  it('renders variables, filters, joins and conditions, and masks secrets', () => {
    const { fields, database, schema } = read({ env, target: 'prod' });
    expect(fields).toMatchObject({
      host: 'db.internal',
      port: 5432,
      user: 'app_prod',
      password: 's3cr3t-correct horse',
    });
    expect([database, schema]).toEqual(['shop', 'prod']);
    expect(mask('login with s3cr3t-correct horse failed')).toBe('login with *** failed');
  });

  it('names the variable that is missing and the field that needs it', () => {
    const error = errorOf(() => read({ env: { STAGE: 'x', DBT_ENV_SECRET_PG: 'y' }, target: 'prod' }));
    expect(error).toMatchObject({ code: 'profile-variable-missing', fix: 'Set PG_HOST, or give it a default.' });
    expect(error.message).toMatch(/`host` of target `prod`/);
  });

  it('masks keys line by line, tokens in paths, and variables used in part of a secret', () => {
    const keyText = '-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0\\n-----END PRIVATE KEY-----';
    const text = `
shop:
  outputs:
    default:
      type: snowflake
      private_key: "${keyText.replaceAll('\\n', '\\\\n')}"
      keyfile_json: {private_key: "abcdefgh12345678", client_email: me@example.com}
      path: "md:shop?motherduck_token=tokentoken1"
      token: "Bearer {{ env_var('RAW_TOKEN') }}"
      secrets: [{type: s3, region: eu-central-1, secret: s3cr3ts3cr3t}]
      pass: 12345678`;
    read({ env: { RAW_TOKEN: 's3cr3t-rawtokenvalue' } }, text);
    for (const secret of [
      'MIIEvQIBADANBgkqhkiG9w0',
      'abcdefgh12345678',
      'tokentoken1',
      's3cr3t-rawtokenvalue',
      's3cr3ts3cr3t',
      '12345678',
    ]) {
      expect(mask(`<${secret}>`)).toBe('<***>');
    }
    expect(mask('eu-central-1 me@example.com')).toBe('eu-central-1 me@example.com');
  });

  it('lets no filter see a secret, as in dbt', () => {
    const text = `shop: {outputs: {default: {type: postgres, password: "{{ env_var('DBT_ENV_SECRET_PG') | upper }}"}}}`;
    expect(read({ env }, text).fields['password']).toBe('s3cr3t-correct horse');
  });

  it('takes a password with braces as it is, and anchors, merge keys and YAML 1.1 as dbt does', () => {
    const text = `
shop:
  outputs:
    base: &base {type: postgres, sslmode: on, threads: 010}
    default: {<<: *base, password: "a{{b", since: 2024-01-01}`;
    expect(read({}, text).fields).toEqual({
      type: 'postgres',
      sslmode: true,
      threads: 8,
      password: 'a{{b',
      since: '2024-01-01',
    });
  });

  it('gives `var` from --vars', () => {
    const text = `shop: {outputs: {default: {type: duckdb, schema: "{{ var('s', 'none') }}", path: "{{ var('p') }}"}}}`;
    expect(read({ vars: { s: 'x', p: 'y' } }, text).fields).toMatchObject({ schema: 'x', path: 'y' });
    expect(errorOf(() => read({}, text))).toMatchObject({
      code: 'profile-variable-missing',
      message: expect.stringContaining('variable p'),
    });
  });

  it('refuses Jinja that it does not know, instead of rendering it wrong', () => {
    const text = `shop: {outputs: {default: {type: duckdb, path: "{{ modules.datetime.now() }}"}}}`;
    expect(errorOf(() => read({}, text))).toMatchObject({
      code: 'profile-jinja',
      message: expect.stringMatching(/`path` of target `default`/),
    });
  });
});

describe('Jinja of single values', () => {
  const functions = {
    env_var: ([name, fallback]: readonly unknown[]): unknown => (name === 'X' ? 'x' : (fallback ?? null)),
  };

  it.each([
    ['plain', 'plain'],
    ["{{ env_var('X') }}", 'x'],
    ["a{{ env_var('X') ~ '-' ~ 1 }}b", 'ax-1b'],
    ["{{ 'a' + 'b' }}", 'ab'],
    ["{{ '12' | as_number + 1 }}", 13],
    ["{{ 'TRUE' | as_bool }}", true],
    ["{{ ' Ab ' | trim | upper }}", 'AB'],
    ["{{ none | default('d') }}", 'd'],
    ["{{ '' | default('d', true) }}", 'd'],
    ["{{ env_var('Y', 'z') in ['z', 'y'] and not false }}", true],
    ["{{ ('b' if 1 > 2 else 'c') if 'x' != \"y\" else 'd' }}", 'c'],
    ["{% if env_var('X') == 'y' %}1{% elif env_var('X') == 'x' %}2{% else %}3{% endif %}!", '2!'],
    ["{{- 'it''s' -}}", 'JinjaError'],
    ["{{ 'brace }} inside' }}", 'brace }} inside'],
    ['{# note #}rest', 'rest'],
    ["{{ '12.7' | int }}", 12],
    ["{{ 'none' | as_native }}", 'none'],
    ['{{ open', 'JinjaError'],
    ['{{ nothing }}', 'JinjaError'],
    ["{{ 'a' | nope }}", 'JinjaError'],
    ['{% for x in y %}', 'JinjaError'],
    ['{{ 1 + }}', 'JinjaError'],
    [`{{ ${'('.repeat(5000)} }}`, 'JinjaError'],
  ])('%s', (text, expected) => {
    const render = (): unknown => renderJinja(text, functions);
    if (expected === 'JinjaError') expect(render).toThrow(/./);
    else expect(render()).toEqual(expected);
  });

  it('evaluates only the branch that is taken', () => {
    const strict = {
      env_var: (): unknown => {
        throw new Error('called');
      },
    };
    expect(renderJinja("{{ env_var('X') if false else 'safe' }}", strict)).toBe('safe');
    expect(renderJinja("{% if false %}{{ env_var('X') }}{% endif %}safe", strict)).toBe('safe');
  });
});
