import { existsSync } from 'node:fs';
import { DinmoError, messageOf } from '../errors.ts';
import { type Loose, mapAt, parseJson, readUtf8 } from './json-file.ts';
import { JsonScanner, KeyTable } from './json-scan.ts';
import { isMap } from './shape.ts';

/** A node of the manifest: its outline, and all of it on demand. */
export interface ManifestEntry {
  readonly uniqueId: string;
  /** The parts that are looked at in every node, those of `config` and `test_metadata` included. Everything else is missing. */
  readonly outline: Loose;
  /** Whether the word `dinmo` stands in it, as a key or a value of its own. False: nothing in it is annotated. */
  readonly mentionsUs: boolean;
  /** Parsed on the first call. Throws DinmoError `manifest-unreadable`. */
  whole(): Loose;
}

const SECTIONS = new KeyTable([
  'nodes',
  'sources',
  'metadata',
  'macros',
  'disabled',
  'exposures',
  'metrics',
  'semantic_models',
  'saved_queries',
  'unit_tests',
  'parent_map',
]);
/** The sections in which every entry gets an outline: the first of the table. */
const OUTLINED = 2;

const OUTLINE = new KeyTable([
  'config',
  'test_metadata',
  'unique_id',
  'resource_type',
  'name',
  'source_name',
  'package_name',
  'version',
  'latest_version',
  'relation_name',
  'original_file_path',
  'path',
  'tags',
  'attached_node',
]);
/** What is outlined of the maps among them: the first of the table. */
const OUTLINE_INSIDE = [new KeyTable(['enabled', 'materialized', 'severity']), new KeyTable(['name'])];
const ANY_KEY = new KeyTable([]);

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
    const outlined: Map<string, ManifestEntry>[] = [];
    this.#guarded(() => {
      this.#scanRoot(outlined);
    });
    const [nodes = new Map(), sources = new Map()] = outlined;
    this.nodes = nodes;
    this.sources = sources;
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
      scanner.members(span.start, ANY_KEY, (_, value) => {
        keys.add(scanner.key());
        return scanner.skipValue(value);
      });
    });
    return [...keys];
  }

  #scanRoot(outlined: Map<string, ManifestEntry>[]): void {
    const scanner = this.#scanner;
    const start = scanner.skipSpace(0);
    if (!scanner.isMap(start)) {
      parseJson(scanner.bytes.toString());
      return;
    }
    const rootEnd = scanner.members(start, SECTIONS, (known, value) => {
      if (known >= 0 && known < OUTLINED) outlined[known] = new Map();
      const entries = outlined[known];
      const isOutlined = entries !== undefined && scanner.isMap(value);
      const end = isOutlined ? this.#scanEntries(value, entries) : scanner.skipValue(value);
      if (known >= 0) this.#sections.set(SECTIONS.keys[known] ?? '', { start: value, end });
      return end;
    });
    scanner.requireEnd(rootEnd);
  }

  #scanEntries(from: number, entries: Map<string, ManifestEntry>): number {
    const scanner = this.#scanner;
    return scanner.members(from, ANY_KEY, (_, start) => {
      const uniqueId = scanner.key();
      if (!scanner.isMap(start)) {
        entries.delete(uniqueId);
        return scanner.skipValue(start);
      }
      const outline: Record<string, unknown> = {};
      const end = this.#scanOutline(start, outline);
      const mentionsUs = scanner.lastMention > start;
      entries.set(uniqueId, new OutlinedEntry({ uniqueId, outline, mentionsUs }, () => this.#parse({ start, end })));
      return end;
    });
  }

  #scanOutline(start: number, outline: Record<string, unknown>): number {
    const scanner = this.#scanner;
    return scanner.members(start, OUTLINE, (known, value) => {
      if (known < 0) return scanner.skipValue(value);
      const table = OUTLINE_INSIDE[known];
      if (table !== undefined && scanner.isMap(value)) {
        const inside: Record<string, unknown> = {};
        outline[OUTLINE.keys[known] ?? ''] = inside;
        return this.#scanInside(value, table, inside);
      }
      const end = scanner.skipValue(value);
      outline[OUTLINE.keys[known] ?? ''] = scanner.parse(value, end);
      return end;
    });
  }

  #scanInside(start: number, table: KeyTable, inside: Record<string, unknown>): number {
    const scanner = this.#scanner;
    return scanner.members(start, table, (known, value) => {
      const end = scanner.skipValue(value);
      if (known >= 0) inside[table.keys[known] ?? ''] = scanner.parse(value, end);
      return end;
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

class OutlinedEntry implements ManifestEntry {
  readonly uniqueId: string;
  readonly outline: Loose;
  readonly mentionsUs: boolean;
  readonly #parse: () => unknown;
  #whole: Loose | null = null;

  constructor(facts: Omit<ManifestEntry, 'whole'>, parse: () => unknown) {
    this.uniqueId = facts.uniqueId;
    this.outline = facts.outline;
    this.mentionsUs = facts.mentionsUs;
    this.#parse = parse;
  }

  whole(): Loose {
    if (this.#whole === null) {
      const parsed = this.#parse();
      this.#whole = isMap(parsed) ? parsed : {};
    }
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
