import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCatalog } from '../../src/artifacts/catalog.ts';
import { type RunResults, readRunResults } from '../../src/artifacts/run-results.ts';
import { type Raw, tempFolder, writeFiles } from './raw-project.ts';

function read(root: unknown): RunResults | null {
  return readRunResults(join(writeFiles(tempFolder(), { 'run_results.json': root }), 'run_results.json'));
}

function results(args: unknown, list: readonly unknown[] = []): Raw {
  const metadata = { dbt_version: '1.12.6', generated_at: '2026-01-01T10:00:00.123456Z', invocation_id: 'one' };
  return { metadata, args, results: list };
}

describe('run results', () => {
  it('is null where dbt has written none, and an error where it is broken', () => {
    expect(readRunResults(join(tempFolder(), 'run_results.json'))).toBeNull();
    expect(() => read('{"metadata": {')).toThrow(
      expect.objectContaining({ code: 'run-results-unreadable', exitCode: 3 }),
    );
  });

  it.each([
    ['build', true],
    ['run', true],
    ['seed', true],
    ['snapshot', true],
    ['retry', true],
    ['clone', true],
    ['test', false],
    ['compile', false],
    ['generate', false],
  ])('knows whether %s builds relations: %s', (which, builds) => {
    expect(read(results({ which }))).toMatchObject({ which, builds, partialData: false });
  });

  it('knows nothing of a command that is not named', () => {
    expect(read(results(null))).toMatchObject({ which: null, builds: false });
  });

  it.each([
    [{ which: 'run', empty: true }, true],
    [{ which: 'run', empty: false, sample: null }, false],
    [{ which: 'build', sample: { start: 'x' } }, true],
    [{ which: 'build', invocation_command: 'dbt build --sample "3 days"' }, true],
    [{ which: 'build', invocation_command: 'dbt build --select sample' }, false],
    [{ command: 'build', which: 'build', __other__: { empty: true } }, true],
  ])('tells from %j whether the data is partial: %s', (args, partialData) => {
    expect(read(results(args))?.partialData).toBe(partialData);
  });

  it('reads the results of dbt 1.x and 2.x', () => {
    const list = [
      {
        ...{ unique_id: 'model.shop.a', status: 'success', message: 'OK', failures: null },
        timing: [
          { name: 'compile', completed_at: '2026-01-01T09:00:00.5Z' },
          { name: 'execute', completed_at: '2026-01-01T09:00:01.000001Z' },
        ],
      },
      {
        unique_id: 'model.shop.b',
        status: 'Success',
        timing: [{ name: 'execute', completed_at: '2026-01-01T09:00:00.123456789Z' }],
      },
      { unique_id: 'test.shop.c', status: 'FAIL', failures: 3, timing: [] },
      { unique_id: 'model.shop.d', status: 'Partial Success' },
      { status: 'success' },
      null,
    ];
    const read_ = read(results({ which: 'build', target: 'prod' }, list));
    expect(read_).toMatchObject({ target: 'prod', invocationId: 'one', generatedAt: '2026-01-01T10:00:00.123Z' });
    expect([...(read_?.results.values() ?? [])].map(({ status, completedAt }) => [status, completedAt])).toEqual([
      ['success', '2026-01-01T09:00:01.000Z'],
      ['success', '2026-01-01T09:00:00.123Z'],
      ['fail', '2026-01-01T10:00:00.123Z'],
      ['partial success', '2026-01-01T10:00:00.123Z'],
    ]);
    expect(read_?.results.get('test.shop.c')?.failures).toBe(3);
  });
});

describe('catalog', () => {
  it('gives the types of columns in their order, as the warehouse spells them', () => {
    const columns = {
      B: { name: 'B', type: 'NUMBER(38,0)', index: 2 },
      A: { name: 'A', type: 'TEXT', index: 1 },
      C: null,
    };
    const root = {
      metadata: {},
      nodes: { 'model.shop.a': { columns } },
      sources: { 'source.shop.b.c': { columns: {} } },
      errors: null,
    };
    const catalog = readCatalog(join(writeFiles(tempFolder(), { 'catalog.json': root }), 'catalog.json')).relations;
    expect([...(catalog.get('model.shop.a') ?? [])]).toEqual([
      ['A', 'TEXT'],
      ['B', 'NUMBER(38,0)'],
    ]);
    expect(catalog.get('source.shop.b.c')?.size).toBe(0);
    expect(readCatalog(join(tempFolder(), 'catalog.json')).relations.size).toBe(0);
  });
});
