import type { EntityDraft } from './entity-draft.ts';
import type { Relationship } from './store.ts';

/** A way that has no name yet. */
export interface UnnamedWay {
  readonly from: EntityDraft;
  readonly to: EntityDraft;
  readonly way: Omit<Relationship, 'name'>;
  /** The columns that lead to the other's key, and that key: they tell ways of one name apart. */
  readonly foreignKey: readonly string[];
  readonly parentKey: readonly string[];
}

export interface NamedWays {
  readonly named: readonly Relationship[];
  /** Ways of one entity that would take one name, whatever is done. */
  readonly clashes: readonly {
    readonly from: EntityDraft;
    readonly name: string;
    readonly ways: readonly UnnamedWay[];
  }[];
}

/**
 * Names the ways of one entity after the other side: its plural where there are many, its name where there is one. Of
 * several that would take one name the one whose foreign key is named like the parent's key keeps it, and the others
 * get `_by_<foreign key column>`. `taken` are the names that the user gave.
 */
export function nameWays(ways: readonly UnnamedWay[], taken: ReadonlySet<string>): NamedWays {
  const names = new Map<UnnamedWay, string>();
  for (const [base, group] of groupBy(ways, baseName)) {
    const natural = group.filter(isNamedLikeParentKey);
    const keeper = taken.has(base) ? null : group.length === 1 ? group[0] : natural.length === 1 ? natural[0] : null;
    for (const way of group) names.set(way, way === keeper ? base : `${base}_by_${way.foreignKey.join('_')}`);
  }
  const named: Relationship[] = [];
  const clashes: NamedWays['clashes'][number][] = [];
  for (const [name, group] of groupBy(ways, (way) => names.get(way) ?? '')) {
    const [first] = group;
    if (first === undefined) continue;
    if (group.length > 1 || taken.has(name)) clashes.push({ from: first.from, name, ways: group });
    else named.push({ ...first.way, name });
  }
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { named, clashes };
}

function baseName(way: UnnamedWay): string {
  return way.way.type === 'many_to_one' || way.way.type === 'one_to_one' ? way.to.name : way.to.plural;
}

function isNamedLikeParentKey(way: UnnamedWay): boolean {
  const plain = (names: readonly string[]) =>
    names
      .map((name) => name.toLowerCase())
      .sort()
      .join('\0');
  return plain(way.foreignKey) === plain(way.parentKey);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
