import type { ManifestNode } from './manifest-node.ts';

/** A `ref(...)` or `source(...)` as text. */
export type Reference =
  | { readonly kind: 'ref'; readonly package: string | null; readonly name: string; readonly version: string | null }
  | { readonly kind: 'source'; readonly source: string; readonly table: string };

const CALL = /\b(ref|source)\s*\(([^()]*)\)/;
const ARGUMENT = /(?:(\w+)\s*=\s*)?(?:'([^']*)'|"([^"]*)"|([\w.]+))/g;

/** The first `ref('x')`, `ref('package', 'x', v=2)` or `source('a', 'b')` of a text; null when there is none. */
export function parseReference(text: string): Reference | null {
  const call = CALL.exec(text);
  if (call === null) return null;
  const names: string[] = [];
  let version: string | null = null;
  for (const [, keyword, single, double, bare] of (call[2] ?? '').matchAll(ARGUMENT)) {
    const value = single ?? double ?? bare ?? '';
    if (keyword === 'v' || keyword === 'version') version = value;
    else if (keyword === undefined) names.push(value);
  }
  const [first, second] = names;
  if (first === undefined) return null;
  if (call[1] === 'source') return second === undefined ? null : { kind: 'source', source: first, table: second };
  return second === undefined
    ? { kind: 'ref', package: null, name: first, version }
    : { kind: 'ref', package: first, name: second, version };
}

type NodeLists = ReadonlyMap<string, readonly ManifestNode[]>;

/** Finds nodes by what dbt projects call them: refs, sources, relation names. Each way is prepared when it is first gone. */
export class ReferenceIndex {
  readonly nodes: ReadonlyMap<string, ManifestNode>;
  readonly #rootPackage: string;
  #names: { readonly byName: NodeLists; readonly bySource: NodeLists } | null = null;
  #relations: ReadonlyMap<string, ManifestNode> | null = null;

  constructor(nodes: ReadonlyMap<string, ManifestNode>, rootPackage: string) {
    this.nodes = nodes;
    this.#rootPackage = rootPackage;
  }

  /**
   * The node that a reference means where it is written in `fromPackage`; null when there is none. As in dbt, an unversioned
   * ref means the latest version, and a package's own model is preferred, then the root project's.
   */
  find(reference: Reference, fromPackage: string): ManifestNode | null {
    if (reference.kind === 'source') {
      const tables = this.#named().bySource.get(`${reference.source}.${reference.table}`) ?? [];
      return this.#preferred(tables, fromPackage);
    }
    const named = (this.#named().byName.get(reference.name) ?? []).filter(
      (node) => reference.package === null || node.packageName === reference.package,
    );
    const versioned = named.filter((node) =>
      reference.version === null
        ? node.version === null || node.version === node.latestVersion
        : node.version === reference.version,
    );
    return this.#preferred(versioned, fromPackage);
  }

  /** The node that a text means: `ref('x')`, `source('a', 'b')`, or a rendered relation name such as `"db"."schema"."x"`. */
  findText(text: string, fromPackage: string): ManifestNode | null {
    const reference = parseReference(text);
    if (reference !== null) return this.find(reference, fromPackage);
    const relation = plainRelation(text);
    if (relation === '') return null;
    const relations = this.#byRelation();
    const exact = relations.get(relation);
    if (exact !== undefined) return exact;
    const matches = [...relations].filter(([full]) => full.endsWith(`.${relation}`));
    return matches.length === 1 ? (matches[0]?.[1] ?? null) : null;
  }

  #named(): { readonly byName: NodeLists; readonly bySource: NodeLists } {
    if (this.#names !== null) return this.#names;
    const byName = new Map<string, ManifestNode[]>();
    const bySource = new Map<string, ManifestNode[]>();
    for (const node of this.nodes.values()) {
      if (node.resourceType === 'source') push(bySource, `${node.sourceName}.${node.name}`, node);
      else push(byName, node.name, node);
    }
    this.#names = { byName, bySource };
    return this.#names;
  }

  #byRelation(): ReadonlyMap<string, ManifestNode> {
    if (this.#relations !== null) return this.#relations;
    const relations = new Map<string, ManifestNode>();
    for (const node of this.nodes.values()) {
      if (node.relationName !== null) relations.set(plainRelation(node.relationName), node);
    }
    this.#relations = relations;
    return relations;
  }

  #preferred(nodes: readonly ManifestNode[], fromPackage: string): ManifestNode | null {
    return (
      nodes.find((node) => node.packageName === fromPackage) ??
      nodes.find((node) => node.packageName === this.#rootPackage) ??
      nodes[0] ??
      null
    );
  }
}

function push(map: Map<string, ManifestNode[]>, key: string, node: ManifestNode): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [node]);
  else list.push(node);
}

/** A relation name without quotes, in lower case: Snowflake's rendered names are upper case or unquoted. */
function plainRelation(name: string): string {
  return name.replaceAll(/["`[\]\s]/g, '').toLowerCase();
}
