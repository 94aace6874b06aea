import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Project } from '../../src/artifacts/project.ts';
import { readProject } from '../../src/artifacts/project.ts';
import { rawManifest, rawModel, summary, tempFolder, touch, writeFiles } from './raw-project.ts';

/** A segment whose operand is written like this, and what dbt put into the manifest. `changed`: the file is newer than the manifest. */
function project(written: string, manifest: unknown, { changed = false, key = 'eq' } = {}): Project {
  const segments = { s: { where: { attribute: 'x', [key]: manifest } } };
  const meta = { dinmo: { entity: { name: 'a', segments } } };
  const folder = writeFiles(tempFolder(), {
    'dbt_project.yml': 'name: shop\n',
    'models/shop.yml': `models:
  - name: a
    config:
      meta:
        dinmo:
          entity:
            name: a
            segments:
              s: {where: {attribute: x, ${written}}}
`,
    'target/manifest.json': rawManifest([rawModel('a', { meta })], { generatedAt: '2026-01-02T00:00:00.123456789Z' }),
  });
  touch(join(folder, 'models/shop.yml'), changed ? '2026-01-03T00:00:00Z' : '2026-01-01T00:00:00Z');
  return readProject({ projectDir: folder, cwd: folder, env: {} });
}

describe('what dbt reads and YAML 1.2 says', () => {
  it.each([
    ['eq: NO', false],
    ['eq: yes', true],
    ['eq: On', true],
    ['eq: 012', 10],
    ['eq: 12:30', 750],
    ['eq: 1_000', 1000],
    ['eq: 0b11', 3],
    ['eq: 1e3', '1e3'],
    ['eq: 0o14', '0o14'],
    // dbt 2 reads these otherwise than YAML 1.2 too.
    ['eq: 01234', '01234'],
  ])('says to quote %s, which the manifest has as %j', (written, manifest) => {
    const { findings } = project(written, manifest);
    expect(summary(findings)).toEqual(['yaml-1-1-value models/shop.yml:9:45']);
    expect(findings[0]).toMatchObject({ severity: 'error', fix: expect.stringContaining(`"${written.slice(4)}"`) });
  });

  it('says what dbt made of it', () => {
    const messageOf = (written: string, manifest: unknown, key = 'eq'): string | undefined =>
      project(written, manifest, { key }).findings[0]?.message;
    expect(messageOf('eq: NO', false)).toBe('The value `NO` is unquoted, and dbt reads it as `false`.');
    expect(messageOf('eq: 1e3', '1e3')).toBe('The value `1e3` is unquoted, and dbt reads it as the text "1e3".');
    expect(messageOf('on: 1', 1, 'true')).toBe('The key `on` is unquoted, and dbt reads it as `true`.');
  });

  it('finds the item of a list and the key that is no text', () => {
    expect(summary(project('in: [FR, NO]', ['FR', false], { key: 'in' }).findings)).toEqual([
      'yaml-1-1-value models/shop.yml:9:50',
    ]);
    expect(summary(project('on: {a: 1}', { a: 1 }, { key: 'true' }).findings)).toEqual([
      'yaml-1-1-value models/shop.yml:9:41',
    ]);
  });

  it.each([
    ["eq: 'NO'", 'NO'],
    ['eq: 2024-01-01', '2024-01-01'],
    ['eq: 2024-01-01 10:00:00', '2024-01-01T10:00:00'],
    ['eq: 2024-01-01T10:00:00Z', '2024-01-01T10:00:00+00:00'],
    ['eq: 2024-01-01T10:00:00+02:00', '2024-01-01T10:00:00+02:00'],
    ['eq: 1.10', 1.1],
    ['eq: 0x1F', 31],
    ['eq: "{{ var(\'x\') }}"', 'rendered'],
    ['eq: "{{ 1 + 1 }}"', 2],
    ['eq: "two\\nlines\\n"', 'two\nlines'],
    ['eq: 9007199254740993', 9007199254740992],
    ['eq: y', 'y'],
  ])('has nothing against %s', (written, manifest) => {
    for (const changed of [false, true]) expect(project(written, manifest, { changed }).findings).toEqual([]);
  });

  it('calls a manifest stale where the file was changed since', () => {
    expect(summary(project('eq: FR', 'DE', { changed: true }).findings)).toEqual([
      'stale-manifest models/shop.yml:9:45',
    ]);
    expect(summary(project('eq: "5"', 5, { changed: true }).findings)).toEqual(['stale-manifest models/shop.yml:9:45']);
    expect(summary(project('neq: FR', 'FR').findings)).toContain('stale-manifest models/shop.yml:9:46');
    expect(project('neq: FR', 'FR').findings).toHaveLength(1);
    // Still the trap, whatever was changed elsewhere in the file.
    expect(summary(project('eq: NO', false, { changed: true }).findings)).toEqual([
      'yaml-1-1-value models/shop.yml:9:45',
    ]);
  });

  it('calls it stale where it does not have an annotation that the file has', () => {
    const folder = writeFiles(tempFolder(), {
      'dbt_project.yml': 'name: shop\n',
      'models/shop.yml': `models:
  - name: a
    config: {meta: {dinmo: {entity: {}}}}
    columns: [{name: c, config: {meta: {dinmo: {hidden: true}}}}]
  - name: b
    config: {meta: {dinmo: {entity: {}}}}
`,
      'target/manifest.json': rawManifest([rawModel('a')]),
    });
    const { findings } = readProject({ projectDir: folder, cwd: folder, env: {} });
    expect(summary(findings)).toEqual([
      'stale-manifest models/shop.yml:3:21',
      'stale-manifest models/shop.yml:4:41',
      'stale-manifest models/shop.yml:6:21',
    ]);
  });
});
