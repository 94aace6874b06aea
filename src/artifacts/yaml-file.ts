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
import { readText } from './json-file.ts';
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

/** One YAML file of the user's, read as YAML 1.2 with merge keys, that knows where each value stands. */
export class YamlFile {
  /** Relative to the dbt project, forward slashes. */
  readonly file: string;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly changedAt: number;
  /** What the YAML parser says is wrong. */
  readonly problems: readonly { readonly message: string; readonly location: SourceLocation }[];
  /** The whole content. Integers beyond 2^53 are bigint; undefined when the file is empty or cannot be resolved. */
  readonly value: unknown;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  /** `uniqueKeys`: whether a repeated key is a problem (our own files) or the last one wins, as in dbt. Throws what reading throws. */
  constructor(projectDir: string, file: string, options: { readonly uniqueKeys: boolean }) {
    const path = join(projectDir, file);
    this.file = file;
    this.text = readText(path);
    this.changedAt = statSync(path).mtimeMs;
    this.#document = parseDocument(this.text, {
      lineCounter: this.#lines,
      intAsBigInt: true,
      merge: true,
      uniqueKeys: options.uniqueKeys,
      prettyErrors: false,
      logLevel: 'silent',
    });
    const problems = this.#document.errors.map((error) => ({
      message: error.message,
      location: this.#place(error.pos[0]),
    }));
    let value: unknown;
    try {
      value = withPlainIntegers(this.#document.toJS());
    } catch (error) {
      problems.push({ message: messageOf(error), location: this.#place(0) });
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
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** YAML as dbt 1.x reads it (1.1: `yes`, `012`, merge keys), save that dates stay text. Throws what the parser finds. */
export function parseYaml11(text: string): unknown {
  const document = parseDocument(text, {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    logLevel: 'silent',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:timestamp'),
  });
  const error = document.errors[0];
  if (error !== undefined) throw error;
  return document.toJS();
}

function isNode(value: unknown): value is Node {
  return isAlias(value) || isScalar(value) || isCollection(value);
}

function keyText(pair: unknown): string | null {
  if (!isPair(pair)) return null;
  const key = isScalar(pair.key) ? pair.key.value : pair.key;
  return typeof key === 'symbol' ? '<<' : String(key);
}

function withPlainIntegers(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map(withPlainIntegers);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withPlainIntegers(inner)]));
}
