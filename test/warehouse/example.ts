import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { must, type Workspace } from '../e2e/workspace.ts';
import { deliveredBy, type ExampleTarget, exampleWorkspace, startSandbox, viewsOf } from './example-workspace.ts';

/** It runs dbt several times, each of which takes long where others use the machine too. */
export const EXAMPLE_TIMEOUT_MS = 900_000;

/** Whether the example is asked for on this target. */
export function isWanted(target: string): boolean {
  return process.env['DINMO_TEST_DBT']?.split(',').includes(target) ?? false;
}

/** dbt with the adapters of the clouds. Throws where it is not installed. */
export function cloudDbt(): string {
  const dbt = join(import.meta.dirname, '../../.venvs/dbt-cloud/bin/dbt');
  if (!existsSync(dbt)) throw new Error('dbt of the clouds is not installed: npm run setup -- --with-versions');
  return dbt;
}

/**
 * Builds the example on DuckDB and on another target, with the same seeds, the same moment and the same generated files, and expects all
 * that it computes and delivers to be the same. `grant`: a statement that doctor prints there.
 */
export async function expectSameAsDuckdb(target: ExampleTarget, { grant }: { readonly grant: string }): Promise<void> {
  const now = ['--vars', JSON.stringify({ dinmo_now: new Date().toISOString() })];
  const reference = await exampleWorkspace({ name: 'duckdb', env: {} }, null);
  await must(reference.dbt('parse'));
  await must(reference.dinmo('generate'));
  await must(reference.dbt('build', ...now));
  const other = await exampleWorkspace(target, reference);
  await must(other.dbt('build', ...now));
  expect((await must(other.dinmo('generate', '--check'))).stdout).toContain('all up to date');
  await must(other.dinmo('check'));
  expect((await must(other.dinmo('doctor', '--grants'))).stdout).toContain(grant);

  const [expected, views] = [await viewsOf(reference), await viewsOf(other)];
  expect(Object.keys(views).length).toBeGreaterThan(15);
  expect(Object.keys(views).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, rows] of Object.entries(expected)) expect(views[name], name).toEqual(rows);

  const [there, here] = [await delivered(reference), await delivered(other)];
  expect(here.planned).toEqual(there.planned);
  expect(here.planned.length).toBeGreaterThan(10);
  for (const [name, rows] of Object.entries(there.held)) {
    expect(rows.length, name).toBeGreaterThan(0);
    expect(here.held[name], name).toEqual(rows);
  }

  // A second build appends to the histories, and nobody is to be told anything.
  await must(other.dbt('build', ...now));
  const second = await other.json('sync', '--sandbox');
  expect(second.code, second.stderr).toBe(0);
  const changed = second.activations.filter(({ mode, accepted }) => {
    const { insert = 0, update = 0, delete: removed = 0 } = accepted ?? {};
    return mode !== 'full' && insert + update + removed > 0;
  });
  expect(changed).toEqual([]);
}

interface Delivered {
  readonly planned: readonly unknown[];
  readonly held: Readonly<Record<string, readonly string[]>>;
}

/** Plans and syncs everything: all that was planned is accepted. */
async function delivered(workspace: Workspace): Promise<Delivered> {
  const sandbox = await startSandbox(workspace);
  const plan = await workspace.json('plan', '--sandbox');
  expect(plan.code, plan.stderr).toBe(0);
  const first = await workspace.json('sync', '--sandbox');
  expect(first.code, JSON.stringify(first.activations.filter(({ status }) => status !== 'succeeded'))).toBe(0);
  expect(first.activations.map(({ accepted }) => accepted)).toEqual(plan.activations.map(({ planned }) => planned));
  return {
    planned: plan.activations.map(({ activation, planned, invalid }) => ({ activation, planned, invalid })),
    held: await deliveredBy(workspace, sandbox),
  };
}
