import { existsSync } from 'node:fs';
import { DinmoError, messageOf } from '../errors.ts';
import { type Loose, mapAt, parseJson, readUtf8 } from './json-file.ts';
import { JsonScanner, WantedKeys } from './json-scan.ts';
import { isMap } from './shape.ts';

/** What is looked at in every node, without parsing it. */
const OUTLINE = [
  'resource_type',
  'name',
  'source_name',
  'package_name',
  'version',
  'latest_version',
  'relation_name',
  'tags',
  'attached_node',
  'config.enabled',
  'config.materialized',
  'config.severity',
  'test_metadata.name',
] as const;
export type OutlineKey = (typeof OUTLINE)[number];

/** A node of the manifest: its outline, and all of it on demand. Both may throw DinmoError `manifest-unreadable`. */
export interface ManifestEntry {
  readonly uniqueId: string;
  /** Whether the word `dinmo` stands in it, as a key or a value of its own. False: nothing in it is annotated. */
  readonly mentionsUs: boolean;
  /** A part of its outline, as JSON has it; undefined where there is none. */
  part(key: OutlineKey): unknown;
  /** Parsed on the first call. */
  whole(): Loose;
}

/** The text that is this part of an outline, or null. */
export function partText(entry: ManifestEntry, key: OutlineKey): string | null {
  const value = entry.part(key);
  return typeof value === 'string' ? value : null;
}

/** An entry of a node that was parsed already. */
export function parsedEntry(uniqueId: string, node: Loose): ManifestEntry {
  return {
    uniqueId,
    mentionsUs: true,
    part(key) {
      const [outer = '', inner] = key.split('.');
      return inner === undefined ? node[outer] : mapAt(node, outer)[inner];
    },
    whole: () => node,
  };
}

const WANTED = new WantedKeys(OUTLINE);
const SLOTS: Readonly<Record<string, number>> = Object.fromEntries(OUTLINE.map((key, slot) => [key, slot]));
/** Texts that come again and again are short. */
const KEPT_LENGTH_MAX = 64;

/** Numbers in a row of places: begin and end of the node, then of each part. */
const ROW = 2 + 2 * OUTLINE.length;

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * manifest.json with the places of its parts. The file is looked through once; of its nodes only an outline is read, and the
 * rest when somebody asks: a manifest has tens of thousands of nodes, of which few are looked at.
 */
export class ManifestFile {
  readonly path: string;
  readonly nodes: ReadonlyMap<string, ManifestEntry>;
  readonly sources: ReadonlyMap<string, ManifestEntry>;
  readonly #scanner: JsonScanner;
  readonly #sections = new Map<string, Span>();
  readonly #parsed = new Map<string, Loose>();

  /** Throws DinmoError `manifest-missing` and `manifest-unreadable`. */
  constructor(path: string) {
    this.path = path;
    this.#scanner = new JsonScanner(readManifestBytes(path), 'dinmo');
    const nodes = new Map<string, ManifestEntry>();
    const sources = new Map<string, ManifestEntry>();
    this.nodes = nodes;
    this.sources = sources;
    this.#guarded(() => {
      this.#scanRoot({ nodes, sources });
    });
    if (!isMap(this.#parse(this.#sections.get('metadata')))) throw unreadable(path, 'it has no `metadata`', undefined);
  }

  /** A section as it stands there, or an empty map. Throws DinmoError `manifest-unreadable`. */
  section(name: string): Loose {
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    const section = mapAt({ [name]: this.#parse(this.#sections.get(name)) }, name);
    this.#parsed.set(name, section);
    return section;
  }

  /** The keys of a section, which cost less than its content. Throws DinmoError `manifest-unreadable`. */
  keysOf(name: string): readonly string[] {
    const scanner = this.#scanner;
    const span = this.#sections.get(name);
    const keys = new Set<string>();
    if (span === undefined || !scanner.isMap(span.start)) return [];
    this.#guarded(() => {
      scanner.members(span.start, (value) => {
        keys.add(scanner.key());
        return scanner.skipValue(value);
      });
    });
    return [...keys];
  }

  #scanRoot(outlined: Readonly<Record<string, Map<string, ManifestEntry>>>): void {
    const scanner = this.#scanner;
    const start = scanner.skipSpace(0);
    if (!scanner.isMap(start)) {
      parseJson(scanner.bytes.toString());
      return;
    }
    const rootEnd = scanner.members(start, (value) => {
      const name = scanner.key();
      const entries = Object.hasOwn(outlined, name) ? outlined[name] : undefined;
      entries?.clear();
      const end =
        entries !== undefined && scanner.isMap(value) ? this.#scanEntries(value, entries) : scanner.skipValue(value);
      this.#sections.set(name, { start: value, end });
      return end;
    });
    scanner.requireEnd(rootEnd);
  }

  #scanEntries(from: number, entries: Map<string, ManifestEntry>): number {
    const scanner = this.#scanner;
    const outlines = new Outlines(scanner, (read) => this.#guarded(read));
    return scanner.members(from, (start) => {
      const uniqueId = scanner.key();
      if (scanner.isMap(start)) return outlines.add(start, uniqueId, entries);
      entries.delete(uniqueId);
      return scanner.skipValue(start);
    });
  }

  #parse(span: Span | undefined): unknown {
    return span === undefined ? undefined : this.#guarded(() => this.#scanner.parse(span.start, span.end));
  }

  /** The scanner says less of what is wrong than `JSON.parse` does. */
  #guarded<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      let cause: unknown = error;
      try {
        parseJson(this.#scanner.bytes.toString());
      } catch (clearer) {
        if (clearer instanceof SyntaxError) cause = clearer;
      }
      throw unreadable(this.path, messageOf(cause), cause);
    }
  }
}

/** Where the nodes of one section stand, and the parts of their outlines: a row of places for each. */
class Outlines {
  readonly scanner: JsonScanner;
  readonly guarded: <Value>(read: () => Value) => Value;
  places = new Uint32Array(ROW * 1024);
  #rows = 0;
  readonly #kept: (string | undefined)[] = [];

  constructor(scanner: JsonScanner, guarded: <Value>(read: () => Value) => Value) {
    this.scanner = scanner;
    this.guarded = guarded;
  }

  /** Outlines the node that begins here; where it ends. */
  add(start: number, uniqueId: string, entries: Map<string, ManifestEntry>): number {
    const row = this.#rows++ * ROW;
    if (row + ROW > this.places.length) {
      const more = new Uint32Array(this.places.length * 2);
      more.set(this.places);
      this.places = more;
    }
    const { places, scanner } = this;
    const end = scanner.collect(start, WANTED, { places, base: row + 2 });
    places[row] = start;
    places[row + 1] = end;
    entries.set(uniqueId, new OutlinedEntry(uniqueId, scanner.lastMention > start, { outlines: this, row }));
    return end;
  }

  /** The part of an outline. What stands in many nodes, such as a package's name, is kept once. */
  part(row: number, key: OutlineKey): unknown {
    const slot = SLOTS[key] ?? 0;
    const start = this.places[row + 2 + 2 * slot] ?? 0;
    const end = this.places[row + 3 + 2 * slot] ?? 0;
    if (end === 0) return undefined;
    // By part and length, which tells nearly all of them apart.
    const place = slot + OUTLINE.length * (end - start);
    const kept = this.#kept[place];
    if (kept !== undefined && this.scanner.isText(start, end, kept)) return kept;
    const value = this.guarded(() => this.scanner.parse(start, end));
    if (typeof value === 'string' && end - start < KEPT_LENGTH_MAX) this.#kept[place] = value;
    return value;
  }
}

class OutlinedEntry implements ManifestEntry {
  readonly uniqueId: string;
  readonly mentionsUs: boolean;
  readonly #at: { readonly outlines: Outlines; readonly row: number };
  #whole: Loose | null = null;

  constructor(uniqueId: string, mentionsUs: boolean, at: { readonly outlines: Outlines; readonly row: number }) {
    this.uniqueId = uniqueId;
    this.mentionsUs = mentionsUs;
    this.#at = at;
  }

  part(key: OutlineKey): unknown {
    return this.#at.outlines.part(this.#at.row, key);
  }

  whole(): Loose {
    if (this.#whole !== null) return this.#whole;
    const { outlines, row } = this.#at;
    const [start = 0, end = 0] = outlines.places.subarray(row, row + 2);
    const parsed = outlines.guarded(() => outlines.scanner.parse(start, end));
    this.#whole = isMap(parsed) ? parsed : {};
    return this.#whole;
  }
}

function readManifestBytes(path: string): Buffer {
  if (!existsSync(path)) {
    throw new DinmoError({
      kind: 'artifact',
      code: 'manifest-missing',
      message: `There is no manifest at ${path}.`,
      fix: 'Run `dbt parse` (or any dbt command) first, or name its folder with --target-path.',
    });
  }
  try {
    return readUtf8(path);
  } catch (cause) {
    throw unreadable(path, messageOf(cause), cause);
  }
}

/** What is said of a manifest whose content is of no use. */
export function unreadable(path: string, reason: string, cause: unknown): DinmoError {
  return new DinmoError({
    kind: 'artifact',
    code: 'manifest-unreadable',
    message: `The manifest at ${path} cannot be read: ${reason.slice(0, 200)}.`,
    fix: 'Run `dbt parse` again; if a dbt command is running, wait for it to end.',
    cause,
  });
}
