import type { ManifestColumn, ManifestNode } from '../artifacts/manifest.ts';
import type { CatalogColumns, Project } from '../artifacts/project.ts';
import { nearest } from '../finding.ts';
import { nodeLabel } from './node.ts';
import type { Provenance } from './store.ts';

/** Folds a column's name as the warehouse does, so that two spellings of one column compare equal. */
export function foldColumn(adapterType: string, name: string, quoted = false): string {
  switch (adapterType) {
    case 'snowflake':
      return quoted ? name : name.toUpperCase();
    case 'postgres':
    case 'redshift':
      return quoted ? name : name.toLowerCase();
    default:
      return name.toLowerCase();
  }
}

/** The name of a plain column, its quotes taken off; null for an expression. */
export function plainColumn(text: string): string | null {
  const trimmed = text.trim();
  const quoted = /^(["`])([^"`]+)\1$/.exec(trimmed) ?? /^(\[)([^\]]+)\]$/.exec(trimmed);
  if (quoted !== null) return quoted[2] ?? null;
  return /^[A-Za-z_][\w$]*$/.test(trimmed) ? trimmed : null;
}

/** A column that something else than the node's own YAML and the catalog tells of. */
export interface LearnedColumn {
  readonly name: string;
  readonly dataType: string | null;
  readonly from: Provenance;
}

export interface NodeColumn {
  /** As the user writes it in YAML; else as the catalog has it. */
  readonly name: string;
  readonly listed: ManifestColumn | null;
  readonly dataType: string | null;
  readonly typeFrom: Provenance | null;
}

/** What a name means among the columns of a node. */
export type ColumnMatch =
  | { readonly kind: 'found'; readonly name: string }
  /** It is not there, or very probably mistyped; `nearest` is what may have been meant. */
  | { readonly kind: 'missing'; readonly nearest: string | null }
  /** Nothing lists all columns of the node, so nothing says that it is not there. */
  | { readonly kind: 'unverified'; readonly name: string };

/** Everything that is known of the columns of one dbt node: listed in YAML, in the catalog, in the warehouse, and recorded in what was generated before. */
export class NodeColumns {
  readonly node: ManifestNode;
  /** By folded name: the listed ones in YAML's order, then those that only the catalog or something learned has. */
  readonly #columns = new Map<string, NodeColumn>();
  readonly #catalogKeys: ReadonlySet<string> | null;
  /** What the warehouse has now; else what was recorded. */
  readonly #learnedKeys: ReadonlySet<string>;
  readonly #isDescribed: boolean;
  readonly #adapterType: string;

  /** `learned`: of several of one name, the first with a type counts. */
  constructor(project: Project, node: ManifestNode, learned: readonly LearnedColumn[] = []) {
    this.node = node;
    this.#adapterType = project.manifest.metadata.adapterType;
    const catalog = project.catalog.get(node.uniqueId) ?? null;
    const types = { catalog: this.#foldCatalog(catalog), learned: this.#foldLearned(learned) };
    this.#catalogKeys = catalog === null ? null : new Set(types.catalog.keys());
    const described = learned.filter(isDescribed).map(({ name }) => this.#stored(name).key);
    this.#isDescribed = described.length > 0;
    this.#learnedKeys = new Set(described.length > 0 ? described : types.learned.keys());
    for (const column of node.columns.values()) {
      const key = this.fold(column.name);
      this.#columns.set(key, { name: column.name, listed: column, ...this.#typeOf(key, column, types) });
    }
    for (const [key, { name }] of [...types.catalog, ...types.learned]) {
      if (this.#columns.has(key)) continue;
      this.#columns.set(key, { name, listed: null, ...this.#typeOf(key, null, types) });
    }
  }

  /** True when a column that is not here does not exist. */
  get complete(): boolean {
    return this.#catalogKeys !== null || this.node.contractEnforced;
  }

  get names(): readonly string[] {
    return [...this.#columns.values()].map((column) => column.name);
  }

  get listedNames(): readonly string[] {
    return [...this.node.columns.values()].map((column) => column.name);
  }

  /** Every column there is, in the relation's order where that is known: for `columns: all`. What only a record has is gone. */
  get allNames(): readonly string[] {
    const order = this.#catalogKeys ?? this.#learnedKeys;
    const first = [...order].flatMap((key) => this.#columns.get(key)?.name ?? []);
    return [...first, ...this.listedNames.filter((name) => !order.has(this.fold(name)))];
  }

  fold(name: string): string {
    const direct = this.node.columns.get(name);
    return foldColumn(this.#adapterType, name, direct?.quoted === true);
  }

  get(name: string): NodeColumn | null {
    return this.#columns.get(this.fold(name)) ?? null;
  }

  /** True when the warehouse was asked for what dbt has built, which may be older than the model. */
  get described(): boolean {
    return this.#isDescribed;
  }

  /** True when the catalog has this relation and not this column. */
  isMissingInCatalog(name: string): boolean {
    return this.#catalogKeys !== null && !this.#catalogKeys.has(this.fold(name));
  }

  match(name: string): ColumnMatch {
    const column = this.get(name);
    if (column !== null) return { kind: 'found', name: column.name };
    const near = nearest(name, this.names);
    if (this.complete || (near !== null && isProbablyTypo(name, near))) return { kind: 'missing', nearest: near };
    return { kind: 'unverified', name };
  }

  #foldCatalog(catalog: CatalogColumns | null): Map<string, { name: string; dataType: string | null }> {
    const folded = new Map<string, { name: string; dataType: string | null }>();
    for (const [stored, dataType] of catalog ?? []) {
      const { key, name } = this.#stored(stored);
      folded.set(key, { name, dataType });
    }
    return folded;
  }

  /** Catalog and warehouse name columns as stored: on Snowflake CUSTOMER_ID is what everybody writes customer_id. */
  #stored(stored: string): { readonly key: string; readonly name: string } {
    const isFolded = this.#adapterType === 'snowflake' && stored === stored.toUpperCase();
    return { key: foldColumn(this.#adapterType, stored, true), name: isFolded ? stored.toLowerCase() : stored };
  }

  #foldLearned(learned: readonly LearnedColumn[]): Map<string, LearnedColumn> {
    const columns = new Map<string, LearnedColumn>();
    for (const column of learned) {
      const { key, name } = isDescribed(column)
        ? this.#stored(column.name)
        : { key: this.fold(column.name), name: column.name };
      if (!columns.get(key)?.dataType) columns.set(key, { ...column, name: columns.get(key)?.name ?? name });
    }
    return columns;
  }

  #typeOf(
    key: string,
    listed: ManifestColumn | null,
    types: {
      readonly catalog: ReadonlyMap<string, { readonly dataType: string | null }>;
      readonly learned: ReadonlyMap<string, LearnedColumn>;
    },
  ): Pick<NodeColumn, 'dataType' | 'typeFrom'> {
    const label = nodeLabel(this.node);
    if (listed?.dataType) {
      const source = this.node.contractEnforced ? 'contract' : 'data_type';
      return { dataType: listed.dataType, typeFrom: { source, detail: `${source} of ${label}.${listed.name}` } };
    }
    const fromCatalog = types.catalog.get(key)?.dataType;
    if (fromCatalog) return { dataType: fromCatalog, typeFrom: { source: 'catalog', detail: `catalog of ${label}` } };
    const column = types.learned.get(key);
    if (column?.dataType) return { dataType: column.dataType, typeFrom: column.from };
    return { dataType: null, typeFrom: null };
  }
}

/** Whether the warehouse itself tells of it. */
function isDescribed({ from }: LearnedColumn): boolean {
  return from.source === 'warehouse';
}

/** One letter off, or two in a long name; names that differ in a number only are different columns. */
function isProbablyTypo(typed: string, candidate: string): boolean {
  const letters = (text: string) => text.toLowerCase().replaceAll(/\d/g, '');
  if (letters(typed) === letters(candidate) || typed.length < 4) return false;
  const allowed = typed.length >= 8 ? 2 : 1;
  return differsBy(typed.toLowerCase(), candidate.toLowerCase(), allowed);
}

/** Whether so many letters inserted, left out, changed or swapped turn one text into the other. */
function differsBy(a: string, b: string, allowed: number): boolean {
  if (a === b) return true;
  if (allowed === 0 || Math.abs(a.length - b.length) > allowed) return false;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const [restA, restB] = [a.slice(same), b.slice(same)];
  const swapped = restA[0] === restB[1] && restA[1] === restB[0] && restA.length > 1;
  return (
    differsBy(restA.slice(1), restB.slice(1), allowed - 1) ||
    differsBy(restA.slice(1), restB, allowed - 1) ||
    differsBy(restA, restB.slice(1), allowed - 1) ||
    (swapped && differsBy(restA.slice(2), restB.slice(2), allowed - 1))
  );
}
