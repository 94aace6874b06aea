import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('the dbt package and the npm package are one version', () => {
  const dbt = parse(read('dbt_project.yml'));
  expect(dbt).toMatchObject({ name: 'dinmo', 'require-dbt-version': ['>=1.8.0', '<3.0.0'] });
  expect(dbt.version).toBe(JSON.parse(read('package.json')).version);
});

test('every macro of the package is documented', () => {
  const sql = read('macros/generate_schema_name.sql') + read('macros/generic_tests.sql');
  const defined = [...sql.matchAll(/\{% (macro|test) (\w+)\(/g)].map(([, kind, name]) =>
    kind === 'test' ? `test_${name}` : name,
  );
  const documented = parse(read('macros/_macros.yml')).macros.map(({ name }: { name: string }) => name);
  expect(documented.toSorted()).toEqual(defined.toSorted());
});
