import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Document,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  isSeq,
  isMap as isYamlMap,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';
import type { SourceLocation } from '../errors.ts';
import { messageOf } from '../errors.ts';
import type { KeptLines } from './annotated-lines.ts';
import { isUnicode, readText } from './json-file.ts';
import type { Origin, Path } from './position.ts';

/** A block's origin that can also point at a key instead of its value. */
export interface BlockOrigin extends Origin {
  /** The place of the last key of the path, where it can be found; else as `locate`. */
  locateKey(path: Path): SourceLocation;
  /** The origin of a block inside this one. */
  inside(path: Path): BlockOrigin;
}

/** An origin of which only one place is known: a `config(` in SQL, or a file as a whole. */
export function originAt(location: SourceLocation): BlockOrigin {
  const origin: BlockOrigin = {
    file: location.file,
    locate: () => location,
    locateKey: () => location,
    inside: () => origin,
  };
  return origin;
}

export interface YamlOptions {
  /** Whether a repeated key is a problem (our own files) or the last one wins, as in dbt. */
  readonly uniqueKeys: boolean;
  /** Chooses the lines that are read; null for all. Places count from the file's beginning all the same. */
  readonly part?: (text: string) => KeptLines | null;
}

/** What is wrong with a file, and where. With a fault of syntax what was read of it need not be what was meant. */
export interface YamlProblem {
  readonly message: string;
  readonly location: SourceLocation;
  readonly isSyntax: boolean;
}

/** One YAML file of the user's, read as YAML 1.2 with merge keys, that knows where each value stands. */
export class YamlFile {
  /** Relative to the dbt project, forward slashes. */
  readonly file: string;
  /** What is read of it. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly changedAt: number;
  /** What the YAML parser says is wrong. */
  readonly problems: readonly YamlProblem[];
  /** The whole content. Integers beyond 2^53 are bigint; undefined when the file is empty or cannot be resolved. */
  readonly value: unknown;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #numbers: readonly number[] | null;

  /** Throws what reading throws. */
  constructor(projectDir: string, file: string, options: YamlOptions) {
    const path = join(projectDir, file);
    const whole = readText(path);
    const part = options.part?.(whole) ?? null;
    this.file = file;
    this.text = part?.text ?? whole;
    this.#numbers = part?.numbers ?? null;
    this.changedAt = statSync(path).mtimeMs;
    this.#document = parseText(this.text, {
      lineCounter: this.#lines,
      intAsBigInt: true,
      merge: true,
      prettyErrors: false,
    });
    const problems = this.#document.errors.map((error) => ({
      message: error.code === 'MULTIPLE_DOCS' ? SEVERAL_DOCUMENTS : error.message,
      location: this.#place(error.pos[0]),
      isSyntax: true,
    }));
    const strange = this.text.indexOf('\uFFFD');
    if (strange >= 0 && !isUnicode(path)) {
      problems.push({ message: 'it is not UTF-8', location: this.#place(strange), isSyntax: true });
    }
    let value: unknown;
    try {
      const repeated = inspect(this.#document);
      if (options.uniqueKeys) {
        problems.push(
          ...repeated.map(({ key, at }) => ({
            message: `the key \`${key}\` stands twice`,
            location: this.#place(at),
            isSyntax: false,
          })),
        );
      }
      value = withPlainIntegers(this.#document.toJS({ maxAliasCount: ALIASES_MAX }));
    } catch (error) {
      problems.push({ message: messageOf(error), location: this.#place(0), isSyntax: true });
    }
    this.problems = problems;
    this.value = value;
  }

  /** The value at a path; undefined when there is none. */
  at(path: Path): unknown {
    let value = this.value;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = Reflect.get(value, key);
    }
    return value;
  }

  /** The same value as dbt 1.x reads it, in YAML 1.1. Dates stay text. undefined when there is none. */
  atInYaml11(path: Path): unknown {
    let value: unknown;
    try {
      value = parseYaml11(this.text);
    } catch {
      return undefined;
    }
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = Reflect.get(value, key);
    }
    return value;
  }

  /** The characters of an unquoted value as they stand in the file; null for anything else. */
  plainTextAt(path: Path): string | null {
    const { node, isComplete } = this.#find(path);
    return isComplete && isScalar(node) && node.type === 'PLAIN' ? (node.source ?? null) : null;
  }

  /** Where the value at a path stands, or its nearest ancestor that can be found. A block that begins below its key is found at the key. */
  locate(path: Path): SourceLocation {
    const found = this.#find(path);
    const key = found.key?.range?.[0];
    const range = found.node?.range;
    const isEmpty = range !== undefined && range !== null && range[0] === range[1];
    const value = isEmpty ? undefined : range?.[0];
    if (value === undefined) return this.#place(key ?? 0);
    const isBlock = isCollection(found.node) && found.node.flow !== true;
    return this.#place(isBlock && key !== undefined ? key : value);
  }

  /** Where the last key of a path stands. */
  locateKey(path: Path): SourceLocation {
    const found = this.#find(path);
    const key = found.isComplete ? found.key?.range?.[0] : undefined;
    return key === undefined ? this.locate(path) : this.#place(key);
  }

  /** The origin of the block at a path. */
  origin(base: Path): BlockOrigin {
    return {
      file: this.file,
      locate: (path) => this.locate([...base, ...path]),
      locateKey: (path) => this.locateKey([...base, ...path]),
      inside: (path) => this.origin([...base, ...path]),
    };
  }

  #find(path: Path): { readonly node: Node | null; readonly key: Node | null; readonly isComplete: boolean } {
    let node: Node | null = this.#document.contents;
    let key: Node | null = null;
    for (const step of path) {
      const holder: Node | null = isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
      if (isSeq(holder) && typeof step === 'number') {
        const item: unknown = holder.items[step];
        if (!isNode(item)) return { node, key, isComplete: false };
        node = item;
        key = null;
        continue;
      }
      const pair = this.#pair(holder, String(step));
      if (pair === null) return { node, key, isComplete: false };
      key = isNode(pair.key) ? pair.key : null;
      node = isNode(pair.value) ? pair.value : null;
    }
    return { node, key, isComplete: true };
  }

  /** The pair of a key in a map, its own or one that it merges in. */
  #pair(holder: Node | null, key: string): Pair<unknown, unknown> | null {
    if (!isYamlMap(holder)) return null;
    const own = holder.items.findLast((pair) => keyText(pair) === key);
    if (own !== undefined) return own;
    for (const pair of holder.items) {
      if (keyText(pair) !== '<<') continue;
      for (const merged of isSeq(pair.value) ? pair.value.items : [pair.value]) {
        const target = isAlias(merged) ? (merged.resolve(this.#document) ?? null) : merged;
        const found = isNode(target) ? this.#pair(target, key) : null;
        if (found !== null) return found;
      }
    }
    return null;
  }

  #place(offset: number): SourceLocation {
    const { line, col } = this.#lines.linePos(offset);
    const number = this.#numbers === null ? line : (this.#numbers[line - 1] ?? this.#numbers.at(-1) ?? line);
    return { file: this.file, line: Math.max(1, number), column: Math.max(1, col) };
  }
}

/** YAML as dbt 1.x reads it (1.1: `yes`, `012`, merge keys), save that dates stay text. Throws what the parser finds. */
export function parseYaml11(text: string): unknown {
  const document = parseText(text, {
    version: '1.1',
    merge: true,
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:timestamp'),
  });
  const error = document.errors[0];
  if (error !== undefined) throw error;
  inspect(document);
  const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
  requireShallow(value);
  return value;
}

/**
 * How deep maps and lists may stand in each other. No reader follows more; beyond it the YAML library takes time with the
 * square of the depth, and everything that walks the value all of the stack.
 */
const DEPTH_MAX = 250;
const TOO_DEEP = `maps and lists stand more than ${DEPTH_MAX} deep in each other, or one of them holds itself`;

const SEVERAL_DOCUMENTS = 'it holds several documents: leave out the line `---`';

const STACK_IS_OUT = 'Maximum call stack size exceeded';

/** Uses of one anchor, those inside of other anchors multiplied. A large project may share a block between hundreds of places. */
const ALIASES_MAX = 10_000;

/** Keys that are repeated are for `inspect`: the library compares each key with every other. */
function parseText(text: string, options: Parameters<typeof parseDocument>[1]): Document.Parsed {
  try {
    const document = parseDocument(text, { ...options, uniqueKeys: false, logLevel: 'error' });
    // The library runs out of stack before anything can be counted, and takes that for an error of the text.
    for (const error of document.errors) if (error.message.startsWith(STACK_IS_OUT)) error.message = TOO_DEEP;
    return document;
  } catch (error) {
    if (error instanceof RangeError) throw new Error(TOO_DEEP);
    throw error;
  }
}

/** A collection on the way through a document, and those that it stands in. */
interface Visit {
  readonly node: unknown;
  readonly depth: number;
  readonly holder: Visit | null;
}

interface RepeatedKey {
  readonly key: string;
  readonly at: number;
}

/** Keys that their map has already. Throws when the document is nested too deeply, or holds itself. */
function inspect(document: Document.Parsed): readonly RepeatedKey[] {
  const repeated: RepeatedKey[] = [];
  const left: Visit[] = [{ node: document.contents, depth: 0, holder: null }];
  for (let visit = left.pop(); visit !== undefined; visit = left.pop()) {
    const { node, depth } = visit;
    if (depth > DEPTH_MAX) throw new Error(TOO_DEEP);
    if (isYamlMap(node)) repeated.push(...repeatedKeys(node.items));
    const items: readonly unknown[] = isCollection(node) ? node.items : [];
    for (const item of items) {
      for (const part of isPair(item) ? [item.key, item.value] : [item]) {
        if (isCollection(part)) left.push({ node: part, depth: depth + 1, holder: visit });
        else if (isAlias(part) && standsIn(visit, part.source)) throw new Error(TOO_DEEP);
      }
    }
  }
  return repeated;
}

function standsIn(visit: Visit, anchor: string): boolean {
  for (let outer: Visit | null = visit; outer !== null; outer = outer.holder) {
    if (isCollection(outer.node) && outer.node.anchor === anchor) return true;
  }
  return false;
}

function repeatedKeys(pairs: readonly Pair<unknown, unknown>[]): readonly RepeatedKey[] {
  const seen = new Set<unknown>();
  const repeated: RepeatedKey[] = [];
  for (const { key } of pairs) {
    if (!isScalar(key) || typeof key.value === 'symbol') continue;
    if (seen.has(key.value)) repeated.push({ key: String(key.value).slice(0, 60), at: key.range?.[0] ?? 0 });
    seen.add(key.value);
  }
  return repeated;
}

/** Throws for a value that is nested too deeply, as one that holds itself by an alias is. */
function requireShallow(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > DEPTH_MAX) throw new Error(TOO_DEEP);
  for (const inner of Object.values(value)) requireShallow(inner, depth + 1);
}

function isNode(value: unknown): value is Node {
  return isAlias(value) || isScalar(value) || isCollection(value);
}

function keyText(pair: unknown): string | null {
  if (!isPair(pair)) return null;
  const key = isScalar(pair.key) ? pair.key.value : pair.key;
  return typeof key === 'symbol' ? '<<' : String(key);
}

/** Throws for a value that is nested too deeply, as one that holds itself by an alias is. */
function withPlainIntegers(value: unknown, depth = 0): unknown {
  if (depth > DEPTH_MAX) throw new Error(TOO_DEEP);
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map((item) => withPlainIntegers(item, depth + 1));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withPlainIntegers(inner, depth + 1)]));
}
