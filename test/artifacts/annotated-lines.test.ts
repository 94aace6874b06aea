import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotatedLines } from '../../src/artifacts/annotated-lines.ts';
import { YamlFile } from '../../src/artifacts/yaml-file.ts';
import { tempFolder } from './raw-project.ts';

const folder = tempFolder();

function open(text: string, isPart: boolean): YamlFile {
  writeFileSync(join(folder, 'a.yml'), text);
  const part = (content: string) => annotatedLines(content, 'dinmo');
  return new YamlFile(folder, 'a.yml', isPart ? { uniqueKeys: false, part } : { uniqueKeys: false });
}

interface Item {
  readonly name: string;
  readonly isAnnotated: boolean;
  readonly description: string;
  readonly before: string;
}

/** Descriptions in all styles of YAML, some with lines that look like items, keys or comments. */
const descriptions = [
  'Plain.',
  '"Quoted: with # signs\n      and - a second line"',
  "'single\n\n      quoted'",
  '|\n      # not a comment\n      - not an item\n\n      models:\n      end',
  '>-\n      folded\n        deeper\n',
  'plain text\n      that goes on',
  '{flow: [1, 2,\n          3]}',
];

const item: fc.Arbitrary<Item> = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  isAnnotated: fc.boolean(),
  description: fc.constantFrom(...descriptions),
  before: fc.constantFrom('', '\n', '# a comment at the margin\n', '      # a comment deep inside\n\n'),
});

function linesOf(items: readonly Item[], indent: string): string {
  const lines = items.map(({ name, isAnnotated, description, before }) => {
    const block = isAnnotated ? `${indent}  config: {meta: {dinmo: {entity: {name: ${name}}}}}\n` : '';
    return `${before}${indent}- name: ${name}\n${indent}  description: ${description}\n${block}`;
  });
  return lines.join('');
}

const file = fc
  .record({
    models: fc.array(item, { maxLength: 5 }),
    seeds: fc.array(item, { maxLength: 3 }),
    indent: fc.constantFrom('', '  ', '    '),
    head: fc.constantFrom('', 'version: 2\n', '---\nversion: 2\n\n', '# header\n'),
    between: fc.constantFrom('', 'metrics:\n  - {name: m}\n', 'exposures: []\n', '\n\n'),
    newline: fc.constantFrom('\n', '\r\n'),
  })
  .map(({ models, seeds, indent, head, between, newline }) =>
    `${head}models: # the list\n${linesOf(models, indent)}${between}seeds:\n${linesOf(seeds, indent)}`.replaceAll(
      '\n',
      newline,
    ),
  );

function annotated(yaml: YamlFile): readonly unknown[] {
  return ['models', 'seeds'].flatMap((section) => {
    const items = yaml.at([section]);
    if (!Array.isArray(items)) return [];
    return items.flatMap((value: unknown, index) => {
      const path = [section, index, 'config', 'meta', 'dinmo'];
      if (yaml.at(path) === undefined) return [];
      const origin = yaml.origin(path);
      return [{ value, key: origin.locateKey([]), name: origin.locate(['entity', 'name']) }];
    });
  });
}

describe('of a properties file', () => {
  it('every annotated item keeps its content and its place', () => {
    let shorter = 0;
    fc.assert(
      fc.property(file, (text) => {
        const [whole, part] = [open(text, false), open(text, true)];
        expect(annotated(part)).toEqual(annotated(whole));
        if (part.text.length < whole.text.length) shorter++;
      }),
      { numRuns: 120 },
    );
    expect(shorter).toBeGreaterThan(30);
  });

  const two = (first: string): string => `models:\n${first}\n  - name: b\n    meta: {dinmo: {}}\n`;

  it.each([
    ['an anchor', two('  - &x {name: a}')],
    ['an alias', two('  - name: a\n    columns: *shared')],
    ['a map where a list is expected', 'models:\n  a: {name: a}\n  b: {meta: {dinmo: {}}}\n'],
    ['an item that ends at its dash', two('  - {\n    name: a\n  }')],
    ['tabs', two('\t- name: a')],
    ['a second document', `${two('  - name: a')}---\nmodels: []\n`],
  ])('all is read where it holds %s', (_, text) => {
    expect(annotatedLines(text, 'dinmo')).toBeNull();
  });

  it('all is read where every item is annotated', () => {
    expect(annotatedLines('models:\n- name: a\n  meta: {dinmo: 1}\n', 'dinmo')).toBeNull();
  });

  it('of fifty items the one is read', () => {
    const items = Array.from(
      { length: 50 },
      (_, index) => `  - name: m${index}\n    meta: {${index === 30 ? 'dinmo' : 'x'}: 1}\n`,
    );
    expect(annotatedLines(`version: 2\nmodels:\n${items.join('')}`, 'dinmo')).toEqual({
      text: 'version: 2\nmodels:\n  - name: m30\n    meta: {dinmo: 1}',
      numbers: [1, 2, 63, 64],
    });
  });
});
