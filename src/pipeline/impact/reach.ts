import type { Manifest } from '../../artifacts/manifest.ts';
import { ancestorsOf } from '../../diff/gate.ts';
import type { KnowledgeStore } from '../../knowledge/store.ts';
import { activationUses, type ColumnUses, segmentsBehind, segmentUses } from './uses.ts';

/** Segments and activations, by name and id, sorted. */
export interface Reached {
  readonly segments: readonly string[];
  readonly activations: readonly string[];
}

/** Which segments and activations read what: the way from a changed column, model or segment to the people it touches. */
export class Reach {
  readonly #store: KnowledgeStore;
  readonly #manifest: Manifest;
  readonly #segments = new Map<string, ColumnUses>();
  readonly #activations = new Map<string, ColumnUses>();
  readonly #behind = new Map<string, ReadonlySet<string>>();
  readonly #ancestors = new Map<string, ReadonlySet<string>>();

  constructor(store: KnowledgeStore, manifest: Manifest) {
    this.#store = store;
    this.#manifest = manifest;
    for (const segment of store.segments.values()) {
      this.#segments.set(segment.name, segmentUses(store, segment));
      this.#behind.set(segment.name, segmentsBehind(store, segment.name));
    }
    for (const activation of store.activations.values())
      this.#activations.set(activation.id, activationUses(store, activation));
  }

  /** unique_ids of every node that a segment or activation reads, directly. */
  get nodes(): ReadonlySet<string> {
    return new Set([...this.#segments.values(), ...this.#activations.values()].flatMap((uses) => [...uses.keys()]));
  }

  /** The same, and everything upstream of them. */
  get nodesAndAncestors(): ReadonlySet<string> {
    return new Set([...this.nodes].flatMap((node) => [...this.#ancestorsOf(node)]));
  }

  /** Columns of a node that something reads. */
  columnsOf(node: string): readonly string[] {
    const all = [...this.#segments.values(), ...this.#activations.values()];
    return [...new Set(all.flatMap((uses) => [...(uses.get(node) ?? [])]))].sort();
  }

  /** Nodes that something reads directly, and that stand on this one (itself, where it is read). */
  readersOf(node: string): readonly string[] {
    return [...this.nodes].filter((read) => this.#ancestorsOf(read).has(node));
  }

  /** What reads a column of a node directly; without a column, the node. */
  ofColumn(node: string, column: string | null): Reached {
    const reads = (uses: ColumnUses): boolean => {
      const columns = uses.get(node);
      return columns !== undefined && (column === null || columns.has(column));
    };
    return this.#close(reads);
  }

  /** What stands on a node, however far downstream. */
  ofNode(node: string): Reached {
    const readers = new Set(this.readersOf(node));
    return this.#close((uses) => [...uses.keys()].some((read) => readers.has(read)));
  }

  /** A segment, those that name it, and what is sent of either. */
  ofSegment(name: string): Reached {
    const segments = new Set(
      [...this.#behind].filter(([own, behind]) => own === name || behind.has(name)).map(([own]) => own),
    );
    return this.#withActivations(segments, () => false);
  }

  /** Every activation of a destination. */
  ofDestination(name: string): Reached {
    const activations = [...this.#store.activations.values()].filter(({ destination }) => destination === name);
    return { segments: [], activations: activations.map(({ id }) => id).sort() };
  }

  #close(reads: (uses: ColumnUses) => boolean): Reached {
    const segments = new Set([...this.#segments].filter(([, uses]) => reads(uses)).map(([name]) => name));
    return this.#withActivations(segments, (id) => {
      const uses = this.#activations.get(id);
      return uses !== undefined && reads(uses);
    });
  }

  #withActivations(segments: ReadonlySet<string>, also: (id: string) => boolean): Reached {
    const activations = [...this.#store.activations.values()].filter(({ id, parent, mapping, destination, entity }) => {
      const excluded = this.#store.destinations.get(destination)?.exclude ?? [];
      return (
        also(id) ||
        (parent.kind === 'segment' && segments.has(parent.name)) ||
        mapping.some(({ source }) => source.kind === 'segment' && segments.has(source.segment)) ||
        excluded.some((name) => segments.has(name) && this.#store.segments.get(name)?.entity === entity)
      );
    });
    return { segments: [...segments].sort(), activations: activations.map(({ id }) => id).sort() };
  }

  #ancestorsOf(node: string): ReadonlySet<string> {
    const known = this.#ancestors.get(node) ?? ancestorsOf(this.#manifest, [node]);
    this.#ancestors.set(node, known);
    return known;
  }
}
