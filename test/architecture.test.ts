import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FILE_LINES_MAX, findViolations, importsOf, ROOMS, type Source } from './architecture/rules.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

function readSources(folder: string): readonly Source[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(folder, file).replaceAll('\\', '/'), text: readFileSync(file, 'utf8') }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function messages(path: string, text: string): readonly string[] {
  return findViolations([{ path, text }]).map((violation) => violation.message);
}

describe('the sources', () => {
  const sources = readSources(SRC);

  test('are found', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap((source) => importsOf(source.text)).length).toBeGreaterThan(sources.length);
  });

  test('keep the order of rooms, the borders of plug-ins, names and sizes', () => {
    const violations = findViolations(sources);
    expect(violations.map(({ path, line, message }) => `src/${path}:${line} ${message}`)).toEqual([]);
  });
});

describe('the checker finds a planted', () => {
  const faults: readonly (readonly [fault: string, path: string, text: string, message: RegExp])[] = [
    ['import of a later room', 'segment/a.ts', "import { b } from '../diff/b.ts';", /diff comes after segment/],
    ['type import of a later room', 'errors.ts', "import type { L } from './log.ts';", /log comes after errors/],
    ['re-export of a later room', 'segment/a.ts', "export * from '../index.ts';", /index comes after segment/],
    ['import over several lines', 'diff/a.ts', "import {\n  b,\n} from '../record/b.ts';", /record comes after diff/],
    ['dynamic import', 'models/a.ts', "const b = await import('../delivery/b.ts');", /delivery comes after models/],
    [
      'import type expression',
      'models/a.ts',
      "let b: typeof import('../delivery/b.ts');",
      /delivery comes after models/,
    ],
    ['room that nobody knows', 'segment/a.ts', "import '../plumbing/b.ts';", /stands in no room/],
    ['sandbox that shares code', 'sandbox/meta/a.ts', "import '../../destinations/meta/b.ts';", /the other side/],
    ['command past the API', 'cli/sync.ts', "import { b } from '../diff/b.ts';", /go through the public API/],
    ['sister plug-in', 'destinations/meta/a.ts', "import '../hubspot/b.ts';", /does not know its sisters/],
    ['plug-in by name', 'delivery/a.ts', "import '../destinations/meta/b.ts';", /only destinations\/registry.ts/],
    [
      'vendor package',
      'diff/a.ts',
      "import { DuckDBInstance } from '@duckdb/node-api';",
      /belongs in warehouse\/duckdb/,
    ],
    [
      'part of a vendor package',
      'destinations/meta/a.ts',
      "import p from 'libphonenumber-js/max';\nimport 'undici/x';",
      /imports undici/,
    ],
    ['second queue', 'destinations/a.ts', "import PQueue from 'p-queue';", /belongs in delivery/],
    ['global fetch', 'destinations/meta/a.ts', "await fetch('http://localhost');", /global fetch/],
    ['name that says nothing', 'segment/string-utils.ts', '', /says nothing/],
    ['folder that says nothing', 'common/a.ts', '', /says nothing/],
    ['name in another case', 'segment/compileRule.ts', '', /kebab-case/],
    ['default export', 'segment/a.ts', 'export default 1;', /default export/],
    ['file without end', 'segment/a.ts', 'a;\n'.repeat(FILE_LINES_MAX + 1), /is the limit/],
  ];

  test.each(faults)('%s', (_fault, path, text, message) => {
    expect(messages(path, text)).toEqual([expect.stringMatching(message)]);
  });

  test('nothing where nothing is wrong', () => {
    const text = [
      "// import { a } from '../cli/main.ts';",
      "/* export * from '../index.ts'; */",
      "import { DinmoError } from '../../errors.ts';",
      "import { rest } from './rest.ts';",
      "import { createHash } from 'node:crypto';",
      'export const page = \'import "../cli/main.ts"\';',
      'await client.fetch(rest);',
    ].join('\n');
    expect(messages('destinations/meta/audiences.ts', text)).toEqual([]);
    expect(messages('destinations/registry.ts', "const load = () => import('./meta/platform.ts');")).toEqual([]);
  });

  test('the line of the fault', () => {
    const [violation] = findViolations([{ path: 'segment/a.ts', text: "\n\nimport '../cli/main.ts';\n" }]);
    expect(violation?.line).toBe(3);
  });
});

test('no room is listed twice', () => {
  expect(new Set(ROOMS).size).toBe(ROOMS.length);
});
