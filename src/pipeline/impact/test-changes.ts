import type { ManifestTest } from '../../artifacts/manifest.ts';
import { nodeLabel } from '../../knowledge/node.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import { fold } from './node-columns.ts';
import type { Side } from './sides.ts';

/** Tests that keys and relationships stand on. */
const KEY_TESTS = ['unique', 'not_null', 'unique_combination_of_columns', 'relationships'];

/** Tests of keys and foreign keys that are gone, or no longer stop anything. */
export function testChanges({ base, branch, reach }: Compared): readonly ImpactChange[] {
  const after = testsByMeaning(branch);
  return [...testsByMeaning(base)].flatMap(([meaning, test]): ImpactChange[] => {
    const node = test.attachedNode === null ? undefined : branch.project.manifest.nodes.get(test.attachedNode);
    if (node === undefined || !isOfKey(test, base)) return [];
    const weaker = weakness(test, after.get(meaning));
    if (weaker === null) return [];
    const column = columnsOf(test).join(', ');
    const name = `${test.testName} on ${nodeLabel(node)}${column === '' ? '' : `.${column}`}`;
    return [
      {
        code: weaker === 'is gone' ? 'test-removed' : 'test-weakened',
        severity: 'attention',
        subject: { kind: 'model', name: nodeLabel(node) },
        column: column === '' ? null : column,
        message: `The test ${name} ${weaker}.`,
        effect:
          test.testName === 'relationships'
            ? 'Nobody hears of rows whose other side is missing: rules over that relationship do not count them.'
            : 'Nobody hears of a bad key: rows whose key is NULL or occurs twice are not sent, and what the destination has for them stays.',
        before: null,
        after: null,
        guess: false,
        ...reach.ofColumn(node.uniqueId, null),
        location: node.patchPath === null ? null : { file: node.patchPath, line: 1, column: 1 },
      },
    ];
  });
}

function testsByMeaning({ project }: Side): ReadonlyMap<string, ManifestTest> {
  const counted = project.manifest.tests.filter(
    ({ testName, enabled }) => enabled && testName !== null && KEY_TESTS.includes(testName),
  );
  return new Map(
    counted.map((test) => [
      JSON.stringify([test.testName, test.attachedNode, columnsOf(test).map(fold), test.targetNode]),
      test,
    ]),
  );
}

function columnsOf(test: ManifestTest): readonly string[] {
  const several = test.kwargs['combination_of_columns'];
  if (Array.isArray(several)) return several.map(String).sort();
  return test.columnName === null ? [] : [test.columnName];
}

/** Of the primary key of an entity, or of a column by which entities meet. */
function isOfKey(test: ManifestTest, { store }: Side): boolean {
  const columns = new Set(columnsOf(test).map(fold));
  return [...store.entities.values()].some((entity) => {
    if (entity.node.uniqueId !== test.attachedNode) return false;
    const keys = [
      ...entity.primaryKey,
      ...[...entity.relationships.values()].flatMap(({ keys: own }) => own.map(([one]) => one)),
    ];
    return keys.some((key) => columns.has(fold(key)));
  });
}

function weakness(before: ManifestTest, after: ManifestTest | undefined): string | null {
  if (after === undefined) return 'is gone';
  if (before.severity === 'error' && after.severity === 'warn')
    return 'only warns now (severity: warn), and stops no sync';
  if (before.where === null && after.where !== null) return 'has a `where` now, and does not look at every row';
  return null;
}
