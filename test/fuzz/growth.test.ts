import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseYaml11, YamlFile } from '../../src/artifacts/yaml-file.ts';
import { scrub } from '../../src/log.ts';

/** Inputs that once took time with the square of their length, or without end: four times as much may take some times as long. */
const folder = mkdtempSync(join(tmpdir(), 'dinmo-growth-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function open(text: string): unknown {
  writeFileSync(join(folder, 'a.yml'), text);
  return new YamlFile(folder, 'a.yml', { uniqueKeys: true }).problems;
}

function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    // A refusal is an answer; a stack that ran out is none.
    if (!(error instanceof Error) || error instanceof RangeError) throw error;
  }
}

const keys = (count: number): string => Array.from({ length: count }, (_, index) => `key${index}: ${index}`).join('\n');
const doubling = (levels: number): string =>
  ['l0: &l0 [a, a]', ...Array.from({ length: levels }, (_, i) => `l${i + 1}: &l${i + 1} [*l${i}, *l${i}]`)].join('\n');

const CASES: readonly (readonly [what: string, size: number, run: (size: number) => void])[] = [
  ['one long word of a platform', 250_000, (size) => void scrub('a'.repeat(size))],
  ['hexadecimal digits without end', 250_000, (size) => void scrub('af09'.repeat(size))],
  ['half of many addresses', 250_000, (size) => void scrub('a.b.'.repeat(size))],
  ['keys in one map', 2_000, (size) => attempt(() => open(keys(size)))],
  ['lists in each other', 2_500, (size) => attempt(() => open(`a: ${'['.repeat(size)}${']'.repeat(size)}`))],
  ['lists as keys of each other', 300, (size) => attempt(() => open(`a: ${'{? ['.repeat(size)}1${']}'.repeat(size)}`))],
  ['anchors that double', 40, (size) => attempt(() => open(doubling(size)))],
  ['anchors that double, as dbt reads them', 40, (size) => attempt(() => parseYaml11(doubling(size)))],
  ['uses of one anchor', 1_000, (size) => attempt(() => open(`a: &a {b: 1}\nc: [${'*a, '.repeat(size)}*a]`))],
  ['a list that holds itself many times', 200, (size) => attempt(() => open(`a: &a [${'*a, '.repeat(size)}*a]`))],
];

function cpuMs(run: () => void): number {
  const tries = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...tries);
}

test.each(CASES)('%s', (_what, size, run) => {
  const once = cpuMs(() => run(size));
  const fourTimes = cpuMs(() => run(4 * size));
  // What is over in no time is measured badly.
  if (fourTimes > 250) expect(fourTimes / Math.max(once, 20)).toBeLessThan(10);
});
