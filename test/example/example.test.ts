import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { toCsv } from '../../scripts/csv.mjs';
import { makeShop } from '../../scripts/seed-shop.mjs';
import { AGGREGATES, OPERATORS } from '../../src/artifacts/rule.ts';

const PROJECT = fileURLToPath(new URL('../../example-dbt-project', import.meta.url));
/** The day for which the seeds in the repository were made. */
const SEEDS_MADE_ON = Date.parse('2026-11-22T00:00:00Z');

interface SegmentFile {
  readonly segments: Readonly<Record<string, unknown>>;
}

/** Every key of a YAML value, at any depth. */
function keysOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
}

function readSegments(): Readonly<Record<string, unknown>> {
  const files = readdirSync(join(PROJECT, 'dinmo')).map((name) => readFileSync(join(PROJECT, 'dinmo', name), 'utf8'));
  return Object.assign({}, ...files.map((text) => (parse(text) as SegmentFile).segments));
}

describe('the segments of the example', () => {
  const segments = readSegments();
  const keys = new Set(keysOf(segments));

  test('are at least eight', () => {
    expect(Object.keys(segments).length).toBeGreaterThanOrEqual(8);
  });

  test('use every group, operator, aggregate and kind of operand', () => {
    const groups = ['all', 'any', 'none', 'not', 'attribute', 'relation', 'segment', 'during', 'where'];
    const others = ['limit', 'rows', 'percent', 'holdout', 'ago', 'ahead', 'last', 'next', 'first'];
    const missing = [...groups, ...others, ...OPERATORS, ...AGGREGATES].filter((key) => !keys.has(key));
    expect(missing).toEqual([]);
  });
});

describe('the seeds', () => {
  const days = ([1, 2] as const).map((day) => makeShop({ day, today: SEEDS_MADE_ON, customers: 300 }));

  test('in the repository are those that the script makes', () => {
    for (const [name, rows] of Object.entries(days[0] ?? {})) {
      expect(readFileSync(join(PROJECT, 'seeds', `raw_${name}.csv`), 'utf8'), name).toBe(toCsv(rows));
    }
  });

  test('hold addresses and numbers that are reserved for such use, and valid', () => {
    for (const { customers = [] } of days) {
      const emails = customers.map((row) => row['email']).filter((email) => email !== null);
      const phones = customers.map((row) => row['phone']).filter((phone) => phone !== null);
      expect(emails.filter((email) => !/@example\.(com|org|net)$/i.test(String(email)))).toEqual([]);
      expect(phones.filter((phone) => !parsePhoneNumberFromString(String(phone))?.isValid())).toEqual([]);
      expect(new Set(phones).size).toBe(phones.length);
      // One couple shares an address.
      expect(new Set(emails.map((email) => String(email).toLowerCase())).size).toBe(emails.length - 1);
    }
  });

  test('of the second day have joiners, leavers, movers and new addresses, and nothing from the future', () => {
    const [before = [], after = []] = days.map((tables) => tables['customers'] ?? []);
    const byId = new Map(after.map((row) => [row['customer_id'], row]));
    const changed = (column: string) =>
      before.filter((row) => byId.has(row['customer_id']) && byId.get(row['customer_id'])?.[column] !== row[column]);
    expect(before.filter((row) => !byId.has(row['customer_id'])).length).toBeGreaterThan(3);
    expect(after.length).toBeGreaterThan(before.length);
    expect(changed('country').length).toBeGreaterThan(3);
    expect(changed('email').length).toBeGreaterThan(3);
    const newest = days.flatMap((tables) => (tables['web_events'] ?? []).map((row) => String(row['occurred_at'])));
    expect(newest.toSorted().at(-1) ?? '').toMatch(/^2026-11-21 /);
  });
});
