import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../src/artifacts/manifest.ts';
import { ManifestFile, parsedEntry } from '../../src/artifacts/manifest-file.ts';
import { type ManifestNode, readNode } from '../../src/artifacts/manifest-node.ts';
import { type ManifestTest, readTest } from '../../src/artifacts/manifest-test.ts';
import { ReferenceIndex } from '../../src/artifacts/reference.ts';
import { DinmoError } from '../../src/errors.ts';
import { numbersFrom, writeOddly } from './odd-json.ts';
import { type Raw, rawColumn, rawManifest, rawModel, rawTest, tempFolder } from './raw-project.ts';

const NODE_FACTS: readonly (keyof ManifestNode)[] = [
  ...(['uniqueId', 'resourceType', 'name', 'sourceName', 'packageName', 'database', 'schema', 'identifier'] as const),
  ...([
    'relationName',
    'materialized',
    'columns',
    'hasAnnotatedColumns',
    'annotation',
    'annotationInOldPlace',
  ] as const),
  ...([
    'description',
    'tags',
    'group',
    'access',
    'version',
    'latestVersion',
    'contractEnforced',
    'constraints',
  ] as const),
  ...(['primaryKey', 'dependsOn', 'originalFilePath', 'patchPath', 'checksum', 'rawCode', 'config'] as const),
];
const TEST_FACTS: readonly (keyof ManifestTest)[] = [
  ...(['uniqueId', 'testName', 'namespace', 'kwargs', 'columnName', 'attachedNode', 'targetNode'] as const),
  ...(['severity', 'where', 'enabled', 'dependsOn'] as const),
];

function facts<Value>(of: Value, names: readonly (keyof Value)[]): readonly unknown[] {
  return names.map((name) => of[name]);
}

/** A part of a node that is missing, null, or of any other shape. */
const odd = fc.constantFrom<unknown>(null, {}, [], '', 'dinmo', 'é "x" \\', 3, false, ['dinmo'], {
  dinmo: { entity: {} },
});

function altered(node: Raw): fc.Arbitrary<Raw> {
  const inner = fc.constantFrom('enabled', 'materialized', 'severity', 'meta', 'name', 'kwargs', 'dinmo');
  const change = fc.tuple(fc.constantFrom(...Object.keys(node)), fc.option(inner), fc.option(odd, { nil: undefined }));
  return fc.array(change, { maxLength: 4 }).map((changes) => {
    let made = node;
    for (const [key, within, value] of changes) {
      const holder = made[key];
      const isHolder = within !== null && typeof holder === 'object' && holder !== null && !Array.isArray(holder);
      made = { ...made, [key]: isHolder ? { ...holder, [within]: value } : value };
    }
    return made;
  });
}

const meta = { dinmo: { entity: { name: 'a' } } };
const model = rawModel('a', {
  ...{ version: 2, latest_version: '2', source_name: 'crm', tags: ['x'], path: 'models\\a.sql', meta },
  columns: { c: rawColumn('c', { config: { meta: { dinmo: { hidden: true } } } }), d: rawColumn('d') },
});
const plain = rawModel('b', { columns: { c: rawColumn('c') }, tags: ['dinmo'] });
const test = rawTest('t', {
  attached_node: 'model.shop.a',
  depends_on: { nodes: ['model.shop.a', 'model.shop.b'] },
  test_metadata: {
    name: 'relationships',
    namespace: null,
    kwargs: { to: "ref('b')", model: "ref('a')", column_name: 'c' },
  },
});

describe('what is read of an outline', () => {
  const path = join(tempFolder(), 'manifest.json');

  it('is what a parsed node says, whatever stands in it and however it is written', () => {
    fc.assert(
      fc.property(altered(model), altered(plain), altered(test), fc.integer(), (first, second, third, seed) => {
        const nodes = { 'model.shop.a': first, 'model.shop.b': second, 'test.shop.t': third };
        writeFileSync(
          path,
          writeOddly({ ...rawManifest([]), nodes, sources: { 'model.shop.a': first } }, numbersFrom(seed)),
        );
        const file = new ManifestFile(path);
        expect([...file.nodes.keys()]).toEqual(Object.keys(nodes));
        const known = { index: new ReferenceIndex(new Map(), 'shop'), disabled: new Set(['model.shop.a']) };
        for (const [uniqueId, node] of Object.entries(nodes)) {
          const entry = file.nodes.get(uniqueId);
          if (entry === undefined) throw new Error(uniqueId);
          const parsed = parsedEntry(uniqueId, JSON.parse(JSON.stringify(node)));
          for (const type of ['model', 'source'] as const) {
            const as = { type, isDbt2: seed % 2 === 0 };
            expect(facts(readNode(entry, as), NODE_FACTS)).toEqual(facts(readNode(parsed, as), NODE_FACTS));
          }
          expect(facts(readTest(entry, true, known), TEST_FACTS)).toEqual(
            facts(readTest(parsed, true, known), TEST_FACTS),
          );
          expect(entry.part('resource_type')).toEqual(parsed.part('resource_type'));
          expect(entry.part('config.enabled')).toEqual(parsed.part('config.enabled'));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('takes the last section of a name, and nothing of what is no map', () => {
    const { metadata } = rawManifest([]);
    const one = JSON.stringify(rawModel('a'));
    const text = (nodes: string): string => `{"metadata": ${JSON.stringify(metadata)}, ${nodes}}`;
    const keys = (content: string): readonly string[] => {
      writeFileSync(path, content);
      return [...readManifest(path).nodes.keys()];
    };
    expect(keys(text(`"nodes": {"a": ${one}}, "nodes": {"b": ${one}, "c": 3}`))).toEqual(['b']);
    expect(keys(text(`"nodes": {"a": ${one}}, "nodes": null`))).toEqual([]);
    expect(keys(text(`"nodes": {"a": ${one}, "a": []}, "sources": "x"`))).toEqual([]);
  });
});

describe('a manifest that is damaged where nobody has looked yet', () => {
  const path = join(tempFolder(), 'manifest.json');
  const written = (from: string, to: string): void => {
    const text = JSON.stringify(rawManifest([rawModel('a', { raw_code: 'select 1', columns: { c: rawColumn('c') } })]));
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
  };

  it('says so when the node is asked', () => {
    written('"select 1"', 'select');
    const node = readManifest(path).nodes.get('model.shop.a');
    expect(node?.name).toBe('a');
    expect(() => node?.rawCode).toThrow(DinmoError);
    expect(() => node?.rawCode).toThrow(expect.objectContaining({ code: 'manifest-unreadable' }));
  });

  it('tells what JSON.parse finds, when the file as a whole cannot be gone through', () => {
    const text = JSON.stringify(rawManifest([rawModel('a')]));
    for (const broken of [text.slice(0, -1), text.slice(0, 300), `${text}}`, text.replace('"nodes":', '"nodes"')]) {
      let said = '';
      try {
        JSON.parse(broken);
      } catch (error) {
        said = String(error instanceof Error ? error.message : error);
      }
      writeFileSync(path, broken);
      expect(() => readManifest(path)).toThrow(
        expect.objectContaining({ code: 'manifest-unreadable', message: expect.stringContaining(said.slice(0, 40)) }),
      );
    }
  });
});
