import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from '@polyglot-sql/sdk';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readAbout } from '../../../src/about.ts';
import type { ConnectOptions } from '../../../src/warehouse/registry.ts';
import { Life, MOMENTS, WAREHOUSES, type WarehouseName } from './moments.ts';
import { purposeOf } from './purposes.ts';

/** `UPDATE_GOLDEN=1 vitest run test/warehouse/statements` writes the files anew; `npm run docs` makes docs/statements.md of them. */
const UPDATE = process.env['UPDATE_GOLDEN'] === '1';
const FOLDER = join(import.meta.dirname, '../../golden/statements');
const PARSERS: Readonly<Record<WarehouseName, string>> = {
  duckdb: 'duckdb',
  postgres: 'postgresql',
  snowflake: 'snowflake',
  bigquery: 'bigquery',
};

/** What the parser does not know though PostgreSQL does: an index without a name, and blocks. The server itself runs both in other tests. */
const UNPARSED = ['create unique index on pg_temp.', 'do $do$'];
/** What the parser lets pass though the vendors do not: names that are reserved words (their lists of 2026), where none of ours is quoted. */
const RESERVED: Readonly<Partial<Record<WarehouseName, RegExp>>> = {
  bigquery:
    /\bas (all|any|array|at|between|by|collate|contains|cube|current|default|define|enum|escape|exclude|extract|fetch|following|for|full|grouping|groups|hash|if|ignore|in|inner|interval|into|lookup|merge|natural|new|no|nulls|of|outer|over|partition|preceding|proto|range|recursive|respect|rows|set|some|tablesample|to|treat|unbounded|unnest|using|window|within)\b/i,
  snowflake:
    /\bas (account|all|alter|any|between|by|check|column|connect|connection|constraint|cross|current|database|distinct|exists|following|for|full|grant|group|gscluster|increment|inner|issue|lateral|minus|natural|of|organization|qualify|regexp|revoke|right|rlike|row|rows|sample|schema|set|some|start|table|tablesample|to|trigger|unique|using|values|view|whenever)\b/i,
};

const running = vi.hoisted(() => ({ life: null as Life | null }));
vi.mock('../../../src/warehouse/registry.ts', async (original) => ({
  ...(await original<object>()),
  connect: (_: unknown, { readOnly }: ConnectOptions) => running.life?.connect(readOnly),
}));

/** The statements of what was sent as one: a script, or a few that belong together. */
function parts(sent: string): readonly string[] {
  if (sent.startsWith('do $do$')) return [sent];
  return sent.split(/;\s*(?=\n)|; (?=create |drop |analyze )/).map((part) => part.trim());
}

/** What differs from run to run. */
function normalised(statement: string): string {
  return statement
    .replaceAll(/\d{8}T\d{6}-[0-9a-f]{10}/g, '<run>')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, '<instant>')
    .replaceAll(/(lease_host.? = )'[^']*'/gi, "$1'<host>'")
    .replaceAll(/(lease_pid.? = )\d+/gi, '$1<pid>')
    .replaceAll(/(lease_started.? = )('[^']*'|null)/gi, "$1'<started>'")
    .replaceAll(`'${readAbout().version}'`, "'<version>'")
    .replaceAll(/127\.0\.0\.1:\d+/g, '<destination>');
}

/** Reading the next changes, announcing and recording others overlap: their order is one of several. */
const OVERLAPPING = /a page of 10,000 changes|what may go out|what was answered/;

function page(sent: readonly string[]): string {
  const jobs = sent.map((text) => {
    const lines = parts(text).map((part) => `-- ${purposeOf(part)}\n${normalised(part)};\n`);
    return { text: lines.join('\n'), overlaps: lines.length === 1 && OVERLAPPING.test(purposeOf(text)) };
  });
  for (let from = 0; from < jobs.length; from++) {
    let to = from;
    while (jobs[to]?.overlaps) to++;
    const sorted = jobs.slice(from, to).sort((one, other) => (one.text < other.text ? -1 : 1));
    jobs.splice(from, to - from, ...sorted);
    from = Math.max(from, to - 1);
  }
  return jobs.map(({ text }, index) => `-- ${index + 1}.\n${text}`).join('\n');
}

describe.each(WAREHOUSES)('%s', (name) => {
  let life: Life;
  let sent: Awaited<ReturnType<Life['all']>>;
  beforeAll(async () => {
    life = await Life.open(name);
    running.life = life;
    sent = await life.all();
  });
  afterAll(() => life.close());

  test.each(MOMENTS)('%s', (moment) => {
    const text = page(sent.get(moment) ?? []);
    const file = join(FOLDER, name, `${moment.replaceAll(' ', '-')}.sql`);
    if (UPDATE) {
      mkdirSync(join(FOLDER, name), { recursive: true });
      writeFileSync(file, text);
    }
    expect(text).toBe(existsSync(file) ? readFileSync(file, 'utf8') : '');
  });

  test('each is SQL of its dialect', () => {
    const wrong: string[] = [];
    for (const statement of distinct(sent)) {
      if (statement.startsWith('-- ') || UNPARSED.some((start) => statement.startsWith(start))) continue;
      const answer = validate(statement, PARSERS[name], { strictSyntax: true });
      if (!answer.valid) wrong.push(`${answer.errors[0]?.message}\n${statement.slice(0, 600)}`);
    }
    expect(wrong).toEqual([]);
  });

  test('each is what a parser does not look at: no reserved word names anything, and BigQuery wants a condition of each change', () => {
    const reserved = RESERVED[name];
    for (const statement of distinct(sent)) {
      const words = statement.replaceAll(/'(?:[^'\\]|\\.)*'/g, "''");
      if (reserved) expect(words).not.toMatch(reserved);
      if (name === 'bigquery' && /^(delete|update)\b/.test(words)) expect(words).toMatch(/\bwhere\b/);
    }
  });

  test('each names the columns of the model that are mapped, and no other', () => {
    const reading = [...distinct(sent)].filter((statement) => /(from|join) [^\s(]*segment_vip/i.test(statement));
    expect(reading.length).toBeGreaterThan(2);
    for (const statement of reading) {
      expect(statement).not.toMatch(/\*\s+from\s+\S*segment_vip/i);
      expect(statement).toMatch(
        /select\s+person\.id as k0,\s+person\.email as i0,\s+person\.phone as i1\s+from \S*segment_vip/,
      );
    }
  });
});

function distinct(sent: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  return new Set([...sent.values()].flat().flatMap(parts));
}
