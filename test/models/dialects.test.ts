import { Dialect, parse } from '@polyglot-sql/sdk';
import { expect, test } from 'vitest';
import { renderModels } from '../../src/models/render.ts';
import { bigqueryDialect } from '../../src/warehouse/bigquery/dialect.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { postgresDialect } from '../../src/warehouse/postgres/dialect.ts';
import { snowflakeDialect } from '../../src/warehouse/snowflake/dialect.ts';
import { shop } from './shop.ts';

/** Prints the few Jinja expressions that statistics use, as dbt would. */
function print(content: string, incremental: boolean): string {
  return content
    .replace(/\{\{ config\([\s\S]*?\n\) \}\}/, '')
    .replace(
      /\{% if (?:is_incremental\(\)|ledger) %\}([\s\S]*?)\{% else %\}([\s\S]*?)\{% endif %\}/g,
      incremental ? '$1' : '$2',
    )
    .replace(/\{% if (?:execute|flags\.EMPTY or flags\.SAMPLE) %\}([\s\S]*?)\{% endif %\}/g, '$1')
    .replace(/\{%[\s\S]*?%\}/g, '')
    .replace(/\{\{ dbt\.hash\('(\w+)'\) \}\}/g, 'md5($1)')
    .replace(/\{\{ (?:this|ledger|ref\('\w+'\)) \}\}/g, 'some_table')
    .replace(/\{\{ dbt\.type_bigint\(\) \}\}/g, 'integer')
    .replace(/\{\{ dbt\.type_string\(\) \}\}/g, 'string')
    .replace(/\{\{ dbt\.type_boolean\(\) \}\}/g, 'boolean')
    .replace(/\{\{ (?:dbt\.type_timestamp\(\)|'timestamp' if .*?) \}\}/g, 'timestamp')
    .replace(/\{\{ .*? \}\}/g, 'text');
}

test.each<[SqlDialect, Dialect]>([
  [bigqueryDialect, Dialect.BigQuery],
  [snowflakeDialect, Dialect.Snowflake],
  [postgresDialect, Dialect.PostgreSQL],
])('statistics are SQL of their warehouse (%#)', (dialect, grammar) => {
  const files = renderModels(shop({ input: { dialects: [dialect] } }).input);
  const statistics = files.filter(({ path }) => path.includes('/stats/') && path.endsWith('.sql'));
  expect(statistics).toHaveLength(7);
  for (const { path, content } of statistics) {
    for (const incremental of [true, false]) {
      const sql = print(content, incremental);
      expect(sql).not.toMatch(/\{[{%]/);
      const answer = parse(sql, grammar);
      expect(answer.success, `${path}: ${answer.success ? '' : answer.error}\n${sql}`).toBe(true);
    }
  }
});
