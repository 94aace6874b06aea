import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { activateSegment } from '../../src/pipeline/activate.ts';
import { checkProject } from '../../src/pipeline/check.ts';
import { initProject } from '../../src/pipeline/init.ts';
import { type ProjectFiles, writeProject } from '../cli/project.ts';

const projects: { remove(): void }[] = [];
afterEach(() => {
  for (const project of projects.splice(0)) project.remove();
});

function project(files: ProjectFiles) {
  const made = writeProject(files);
  projects.push(made);
  return { ...made, options: { projectDir: made.dir, env: {}, cwd: made.dir } };
}

describe('init', () => {
  test('writes settings that check accepts, before any manifest exists', async () => {
    const { dir, options } = project({ settings: '', withManifest: false });
    const report = await initProject(options);
    expect(report).toMatchObject({ created: true, settingsFile: 'dinmo.yml', next: ['dbt parse', 'dinmo init'] });
    const settings = parse(readFileSync(join(dir, 'dinmo.yml'), 'utf8'));
    expect(settings).toMatchObject({
      version: 1,
      targets: ['dev'],
      destinations: { export_csv: { platform: 'files' } },
    });
    expect(report.proposals.map(({ file }) => file)).toEqual(['packages.yml', 'dbt_project.yml']);
  });

  test('never overwrites settings', async () => {
    const { dir, options } = project({ settings: '# mine\n' });
    expect((await initProject(options)).created).toBe(false);
    expect(readFileSync(join(dir, 'dinmo.yml'), 'utf8')).toBe('# mine\n');
  });

  test('proposes annotations which, pasted as they are, check finds sound', async () => {
    const { dir, options } = project({ settings: '', annotation: null });
    const [annotations] = (await initProject(options)).proposals;
    expect(annotations?.text).toContain('email: {identifier: email}');
    expect(annotations?.text).toContain("# primary_key: customer_id, as dbt's tests or constraints say");
    mkdirSync(join(dir, 'dinmo'));
    writeFileSync(join(dir, 'dinmo/entities.yml'), annotations?.text ?? '');
    const { findings, store } = await checkProject(options);
    expect(findings.filter((finding) => finding.severity === 'error')).toEqual([]);
    expect([...store.activations.keys()]).toEqual(['customer_with_email.export_csv']);
    expect((await initProject(options)).proposals.map(({ file }) => file)).not.toContain('dinmo/entities.yml');
  });
});

describe('activate', () => {
  const SEGMENTS = '# ours\nsegments:\n  vip:\n    entity: customer # people\n';

  test('writes a block that check accepts, and nothing else', async () => {
    const { dir, options } = project({ segments: SEGMENTS });
    const report = await activateSegment({ ...options, segment: 'vip', to: 'export_csv' });
    expect(report).toMatchObject({ activation: 'vip.export_csv', file: 'dinmo/segments.yml', line: 5 });
    const text = readFileSync(join(dir, 'dinmo/segments.yml'), 'utf8');
    expect(text).toBe(`${SEGMENTS}    activations:\n      export_csv:\n        to: export_csv\n`);
    expect([...(await checkProject(options)).store.activations.keys()]).toEqual(['vip.export_csv']);
    await expect(activateSegment({ ...options, segment: 'vip', to: 'export_csv' })).rejects.toMatchObject({
      code: 'activation-exists',
    });
  });

  test('finds the block of an entity in dbt’s own YAML', async () => {
    const { dir, options } = project({});
    await activateSegment({ ...options, segment: 'customer', to: 'export_csv' });
    const text = readFileSync(join(dir, 'models/schema.yml'), 'utf8');
    expect(parse(text).models[0].config.meta.dinmo.entity.activations).toEqual({ export_csv: { to: 'export_csv' } });
  });

  test.each([
    ['segment', { segment: 'vips', to: 'export_csv' }, 'unknown-segment', /vip\?/],
    ['destination', { segment: 'vip', to: 'export_cvs' }, 'unknown-destination', /export_csv\?/],
    ['name', { segment: 'vip', to: 'export_csv', name: 'No Name' }, 'invalid-name', /lower-case/],
  ])('names what is wrong with the %s', async (_what, wish, code, fix) => {
    const { options } = project({ segments: SEGMENTS });
    await expect(activateSegment({ ...options, ...wish })).rejects.toMatchObject({
      code,
      fix: expect.stringMatching(fix),
    });
  });
});
