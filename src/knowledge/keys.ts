import type { Manifest, ManifestTest } from '../artifacts/manifest.ts';
import { type NodeColumns, plainColumn } from './node-columns.ts';
import type { Provenance } from './store.ts';

/** Tests by the node they test. */
export type TestIndex = ReadonlyMap<string, readonly ManifestTest[]>;

export function indexTests(manifest: Manifest): TestIndex {
  const index = new Map<string, ManifestTest[]>();
  for (const test of manifest.tests) {
    if (test.attachedNode === null) continue;
    const list = index.get(test.attachedNode);
    if (list === undefined) index.set(test.attachedNode, [test]);
    else list.push(test);
  }
  return index;
}

/** Columns that dbt states to be the key, or part of what is unique. */
export interface KeyEvidence {
  readonly columns: readonly string[];
  readonly provenance: Provenance;
}

export interface KeyFacts {
  /** primary_key constraints. */
  readonly constraints: readonly KeyEvidence[];
  /** Columns with unique and not_null tests. */
  readonly columns: readonly KeyEvidence[];
  /** Combination tests over not_null columns. */
  readonly combinations: readonly KeyEvidence[];
  /** Everything proven unique, NULLs aside: whatever is one of the above, and unique tests without not_null. */
  readonly unique: readonly (readonly string[])[];
  /** Seen, and no proof. */
  readonly unused: readonly KeyEvidence[];
}

/** What dbt states about the keys of a node. A test counts only when it is enabled and looks at every row. */
export function keyFacts(columns: NodeColumns, tests: TestIndex): KeyFacts {
  const { node } = columns;
  const own = tests.get(node.uniqueId) ?? [];
  const counted = own.filter((test) => test.enabled && test.where === null);
  const notNull = notNullColumns(columns, counted);
  const unique = counted.filter(isUniqueTest).flatMap((test) => columnOf(columns, test) ?? []);
  const combined = counted.filter(isCombinationTest).map((test) => ({ test, columns: combinationOf(columns, test) }));
  const constraints = constraintKeys(columns);
  const named = (list: readonly string[]) => list.map((name) => `${node.name}.${name}`).join(', ');
  return {
    constraints,
    columns: [...new Set(unique)]
      .filter((name) => notNull.has(columns.fold(name)))
      .map((name) => evidence([name], 'test', `unique and not_null tests on ${named([name])}`)),
    combinations: combined
      .filter(({ columns: list }) => list.length > 0 && list.every((name) => notNull.has(columns.fold(name))))
      .map(({ columns: list }) => evidence(list, 'test', `unique combination and not_null tests on ${named(list)}`)),
    unique: [
      ...constraints.map((key) => key.columns),
      ...unique.map((name) => [name]),
      ...combined.map((c) => c.columns),
    ],
    unused: unusedTests(own, { columns, notNull }),
  };
}

/** Whether the columns hold at most one row for each of their values. `columns` and `sets` need not be in one order. */
export function coversUnique(
  columns: NodeColumns,
  names: readonly string[],
  sets: readonly (readonly string[])[],
): boolean {
  const have = new Set(names.map((name) => columns.fold(name)));
  return sets.some((set) => set.length > 0 && set.every((name) => have.has(columns.fold(name))));
}

function evidence(columns: readonly string[], source: string, detail: string): KeyEvidence {
  return { columns, provenance: { source, detail } };
}

/** True for dbt's own tests: a package may define another test of the same name. */
export function isBuiltIn(test: ManifestTest): boolean {
  return test.namespace === null || test.namespace === 'dbt';
}

function isUniqueTest(test: ManifestTest): boolean {
  return test.testName === 'unique' && isBuiltIn(test);
}

function isCombinationTest(test: ManifestTest): boolean {
  return test.testName === 'unique_combination_of_columns';
}

function columnOf(columns: NodeColumns, test: ManifestTest): string | null {
  const text = test.columnName ?? test.kwargs['column_name'];
  if (typeof text !== 'string') return null;
  const plain = plainColumn(text);
  return plain === null ? null : (columns.get(plain)?.name ?? plain);
}

/** The columns of a combination test; empty when one of them is an expression. */
function combinationOf(columns: NodeColumns, test: ManifestTest): readonly string[] {
  const list = test.kwargs['combination_of_columns'];
  if (!Array.isArray(list)) return [];
  const names = list.map((item) => (typeof item === 'string' ? plainColumn(item) : null));
  return names.includes(null) ? [] : names.flatMap((name) => (name === null ? [] : (columns.get(name)?.name ?? name)));
}

function notNullColumns(columns: NodeColumns, counted: readonly ManifestTest[]): ReadonlySet<string> {
  const tested = counted
    .filter((test) => test.testName === 'not_null' && isBuiltIn(test))
    .flatMap((test) => columnOf(columns, test) ?? []);
  const constrained = columns.node.contractEnforced
    ? [...columns.node.columns.values()]
        .filter((column) => column.constraints.some((constraint) => constraint.type === 'not_null'))
        .map((column) => column.name)
    : [];
  return new Set([...tested, ...constrained].map((name) => columns.fold(name)));
}

function constraintKeys(columns: NodeColumns): readonly KeyEvidence[] {
  const { node } = columns;
  const onModel = node.constraints.filter(
    (constraint) => constraint.type === 'primary_key' && constraint.columns.length > 0,
  );
  const onColumns = [...node.columns.values()].filter((column) =>
    column.constraints.some((constraint) => constraint.type === 'primary_key'),
  );
  const lists = [
    ...onModel.map((constraint) => constraint.columns.map((name) => plainColumn(name) ?? name)),
    ...onColumns.map((column) => [column.name]),
  ];
  const distinct = new Map<string, KeyEvidence>();
  for (const list of lists) {
    const names = list.map((name) => columns.get(name)?.name ?? name);
    const enforced = node.contractEnforced ? '' : ' (not enforced)';
    const detail = `primary_key constraint on ${node.name}.${names.join(', ')}${enforced}`;
    distinct.set(
      names
        .map((name) => columns.fold(name))
        .sort()
        .join(','),
      evidence(names, 'constraint', detail),
    );
  }
  return [...distinct.values()];
}

interface Tested {
  readonly columns: NodeColumns;
  /** Folded names of the columns that are never NULL. */
  readonly notNull: ReadonlySet<string>;
}

function unusedTests(own: readonly ManifestTest[], tested: Tested): readonly KeyEvidence[] {
  return own.flatMap((test) => {
    if (!isUniqueTest(test) && !isCombinationTest(test)) return [];
    const reason = reasonAgainst(test, tested);
    if (reason === null) return [];
    const names = testedColumns(test, tested.columns);
    const name = names.join(', ') || (isUniqueTest(test) ? 'an expression' : 'a combination');
    return [evidence(names, 'test', `the unique test on ${name} ${reason}`)];
  });
}

/** Empty where the test is on an expression. */
function testedColumns(test: ManifestTest, columns: NodeColumns): readonly string[] {
  if (!isUniqueTest(test)) return combinationOf(columns, test);
  const column = columnOf(columns, test);
  return column === null ? [] : [column];
}

/** Why a test proves no key; null where it does. */
function reasonAgainst(test: ManifestTest, { columns, notNull }: Tested): string | null {
  if (!test.enabled) return 'is disabled';
  if (test.where !== null) return 'has a where';
  const names = testedColumns(test, columns);
  if (names.length === 0) return 'is on an expression';
  const nullable = names.filter((name) => !notNull.has(columns.fold(name)));
  return nullable.length === 0 ? null : `stands without a not_null test on ${nullable.join(', ')}`;
}
