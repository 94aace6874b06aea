import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, expect, test } from 'vitest';
import { checkProject } from '../../src/pipeline/check.ts';
import { generateModels } from '../../src/pipeline/generate.ts';
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

async function inDuckdb(path: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

test('a type that only the warehouse knows is read before the conditions that hang on it are judged, and recorded', async () => {
  const { dir, options } = project({
    segments: 'segments: {early: {entity: customer, where: {attribute: seen, before: 2024-01-01}}}\n',
  });
  const codes = ({ findings }: { findings: readonly { code: string }[] }) => findings.map(({ code }) => code);
  expect(codes(await checkProject(options))).toContain('unknown-type');
  await inDuckdb(join(dir, 'shop.duckdb'), 'create table customers (customer_id integer, seen timestamptz)');
  // A column that the project lists and dbt has not built yet is nothing to stop for.
  expect(codes(await generateModels(options))).toEqual([]);
  const properties = readFileSync(join(dir, 'models/dinmo/entities/_entities.yml'), 'utf8');
  expect(properties).toContain('- name: seen\n        description: Seen\n        data_type: TIMESTAMP WITH TIME ZONE');
});
