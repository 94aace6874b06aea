import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateProject, readProject } from '../../src/artifacts/project.ts';
import { type Raw, rawManifest, rawModel, rawProject, tempFolder, writeFiles } from './raw-project.ts';

const PROFILE = 'shop: {outputs: {default: {type: duckdb, path: "{{ env_var(\'SHOP_PATH\') }}"}}}';
const results = (invocation: string): Raw => ({
  metadata: { invocation_id: invocation },
  args: { which: 'build' },
  results: [],
});

describe('where the project is', () => {
  it('is the nearest folder upwards, or the one that is named', () => {
    const folder = writeFiles(tempFolder(), {
      'dbt_project.yml': 'name: shop\n',
      'elsewhere/dbt_project.yml': 'name: other\n',
    });
    const deep = join(folder, 'models', 'marts');
    mkdirSync(deep, { recursive: true });
    const locate = (options: Parameters<typeof locateProject>[0]): string =>
      locateProject({ cwd: deep, env: {}, ...options }).dir;
    expect(locate({})).toBe(folder);
    expect(locate({ projectDir: '../../elsewhere' })).toBe(join(folder, 'elsewhere'));
    expect(locate({ env: { DBT_PROJECT_DIR: folder, DBT_ENGINE_PROJECT_DIR: join(folder, 'elsewhere') } })).toBe(
      join(folder, 'elsewhere'),
    );
    expect(() => locate({ projectDir: 'nowhere' })).toThrow(
      expect.objectContaining({ code: 'project-not-found', exitCode: 2 }),
    );
    expect(() => locate({ cwd: tempFolder() })).toThrow(expect.objectContaining({ code: 'project-not-found' }));
  });

  it('says what is wrong with dbt_project.yml', () => {
    for (const content of ['name: [', 'version: 1', '']) {
      const folder = writeFiles(tempFolder(), { 'dbt_project.yml': content });
      expect(() => locateProject({ cwd: folder, env: {} })).toThrow(
        expect.objectContaining({ code: 'project-unreadable' }),
      );
    }
  });

  it('finds the target folder by flag, environment, dbt_project.yml, default', () => {
    const folder = writeFiles(tempFolder(), { 'dbt_project.yml': 'name: shop\n' });
    const own = writeFiles(tempFolder(), {
      'dbt_project.yml': "name: shop\ntarget-path: \"{{ env_var('OUT', 'out') }}\"\n",
    });
    const target = (dir: string, options: Parameters<typeof locateProject>[0] = {}): string =>
      locateProject({ cwd: dir, env: {}, ...options }).targetPath.slice(dir.length + 1);
    expect(target(folder)).toBe('target');
    expect(target(own)).toBe('out');
    expect(target(own, { env: { OUT: 'x' } })).toBe('x');
    expect(target(own, { env: { DBT_TARGET_PATH: 'env' } })).toBe('env');
    expect(target(own, { env: { DBT_TARGET_PATH: 'env', DBT_ENGINE_TARGET_PATH: 'engine' }, targetPath: 'flag' })).toBe(
      'flag',
    );
  });
});

describe('what is read', () => {
  it('is everything, newest run results last', () => {
    const project = rawProject(
      {
        'dbt_project.yml': 'name: shop\nmodel-paths: [models, more/]\n',
        'target/run_results.json': results('own'),
        'target/catalog.json': {
          nodes: { 'model.shop.a': { columns: { ID: { name: 'ID', type: 'INT', index: 1 } } } },
        },
        'other/run_results.json': results('named'),
      },
      rawManifest([rawModel('a')]),
      { runResults: ['other/run_results.json'], vars: '{dinmo_now: 2026-01-01T00:00:00Z}' },
    );
    expect(project).toMatchObject({
      name: 'shop',
      modelPaths: ['models', 'more'],
      vars: { dinmo_now: '2026-01-01T00:00:00Z' },
    });
    expect(project.runResults.map((run) => run.invocationId)).toEqual(['own', 'named']);
    expect(project.catalog.get('model.shop.a')?.get('ID')).toBe('INT');
  });

  it('names the run results that are missing, and vars that are no map', () => {
    const read = (options: Raw): unknown => rawProject({}, rawManifest([]), options);
    expect(() => read({ runResults: ['gone.json'] })).toThrow(
      expect.objectContaining({ code: 'run-results-missing', exitCode: 3 }),
    );
    for (const vars of ['just text', '{a: [']) {
      expect(() => read({ vars })).toThrow(expect.objectContaining({ code: 'invalid-vars', exitCode: 2 }));
    }
  });

  it('takes the name of a project from dbt_project.yml where an old manifest has none', () => {
    const old = rawManifest([], { schema: 'v9', version: '1.5.0' });
    Reflect.deleteProperty(old['metadata'] as Raw, 'project_name');
    expect(rawProject({}, old).manifest.metadata.projectName).toBe('shop');
  });

  it('reads profiles.yml only when it is asked to', () => {
    const project = rawProject({}, rawManifest([]), { env: { HOME: tempFolder() } });
    expect(() => project.profile()).toThrow(expect.objectContaining({ code: 'profile-file-missing' }));
  });

  it('reads .env where dbt 2 does, behind the shell', () => {
    const files = {
      'profiles.yml': PROFILE,
      '.env': '# note\nexport SHOP_PATH="from file" # more\nSHOP_OTHER=\'x y\'\nBARE=a#b # c\n',
    };
    const read = (version: string, env: Readonly<Record<string, string>>): ReturnType<typeof rawProject> =>
      rawProject(files, rawManifest([], { version }), { env });
    const second = read('2.0.0', {});
    expect(second.profile().fields['path']).toBe('from file');
    expect(second.env).toMatchObject({ SHOP_OTHER: 'x y', BARE: 'a#b' });
    expect(read('2.0.0-preview.196', { SHOP_PATH: 'shell' }).profile().fields['path']).toBe('shell');
    expect(() => read('1.12.6', {}).profile()).toThrow(expect.objectContaining({ code: 'profile-variable-missing' }));
  });

  it('can be located without a manifest', () => {
    const folder = writeFiles(tempFolder(), {
      'dbt_project.yml': 'name: shop\nprofile: shop\n',
      'profiles.yml': PROFILE,
    });
    const location = locateProject({ cwd: folder, env: { SHOP_PATH: 'x' } });
    expect(location.dbtProject).toMatchObject({ name: 'shop', modelPaths: ['models'], packagesPath: 'dbt_packages' });
    expect(location.profile().type).toBe('duckdb');
    expect(() => readProject({ cwd: folder, env: {} })).toThrow(expect.objectContaining({ code: 'manifest-missing' }));
  });
});
