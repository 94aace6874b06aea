import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { renderDocs } from '../../scripts/docs.mjs';
import { readErrors, readSources } from '../../scripts/docs-errors.mjs';
import { ROW_CODES, SHAPE_FINDINGS } from '../../scripts/docs-words.mjs';
import { FINDING_DOCS } from '../../src/checks/registry.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the pages of docs/', () => {
  test.each([...renderDocs()])('%s is what the code says (else run node scripts/docs.mjs)', (path, text) => {
    expect(readFileSync(`${ROOT}${path}`, 'utf8')).toBe(text);
  });

  test('say of every error what is wrong and what to do', () => {
    const bare = readErrors().filter(({ exitCode, message, fix }) => exitCode === 0 || message === '' || fix === '');
    expect(bare).toEqual([]);
  });

  test('have every code that the sources use', () => {
    const documented = new Set([
      ...readErrors().map(({ code }) => code),
      ...FINDING_DOCS.map(({ code }) => code),
      ...SHAPE_FINDINGS.map(([code]) => code),
      ...ROW_CODES.map(([code]) => code),
    ]);
    // The sandbox speaks in the platforms' codes, and destinations pass them on.
    const sources = readSources().filter(({ path }) => !/^(sandbox|destinations|delivery)\//.test(path));
    const used = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/(?:\bcode: |\badd\(\s*|failure\(\s*|#report\(\s*)'([a-z0-9]+(?:-[a-z0-9]+)+)'/g)].map(
        (match) => `${path}: ${match[1]}`,
      ),
    );
    expect(used.length).toBeGreaterThan(60);
    // What `impact` says of a change has its words in the page of CI.
    const impact = readFileSync(`${ROOT}docs/ci.md`, 'utf8');
    const isDocumented = (path: string, code: string): boolean =>
      documented.has(code) || (path.startsWith('pipeline/impact/') && impact.includes(`\`${code}\``));
    expect(
      used.filter((use) => {
        const [path = '', code = ''] = use.split(': ');
        return !isDocumented(path, code);
      }),
    ).toEqual([]);
  });
});

test('docs/meta.md names every key that the readers take', () => {
  const page = readFileSync(`${ROOT}docs/meta.md`, 'utf8');
  const readers = readSources().filter(({ path }) =>
    /^artifacts\/(parse-(activation|annotation|segment)|settings(-destination)?)\.ts$/.test(path),
  );
  const keys = readers.flatMap(({ text }) =>
    [...text.matchAll(/const \w*KEYS = (\[[\s\S]*?\])(?: as const)?;/g)].flatMap(([, list = '']) =>
      [...list.matchAll(/'([a-z_]+)'/g)].map((match) => match[1] ?? ''),
    ),
  );
  expect(keys.length).toBeGreaterThan(40);
  expect(keys.filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
});
