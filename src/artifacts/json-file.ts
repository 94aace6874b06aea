import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { isMap } from './shape.ts';

/** A JSON object or map as it came from outside: any key may be missing, null or of another type. */
export type Loose = Readonly<Record<string, unknown>>;

const EMPTY: Loose = Object.freeze({});
const NOTHING: readonly never[] = Object.freeze([]);

/**
 * Reads a JSON file as dbt writes it: UTF-8 with or without a byte order mark, UTF-16 from Windows shells, and Python's
 * `NaN` and `Infinity`, which are read as null. Throws what `readFileSync` and `JSON.parse` throw.
 */
export function readJson(path: string): unknown {
  return parseJson(readText(path));
}

/** Reads a text file, whichever Unicode encoding an editor or a shell gave it. Throws what `readFileSync` throws. */
export function readText(path: string): string {
  const bytes = readFileSync(path);
  return utf16Text(bytes) ?? bytes.toString('utf8', startOfUtf8(bytes));
}

/** Whether the bytes are text at all: UTF-8, or UTF-16 with its mark. Anything else is read with `\uFFFD` in its place. Throws what `readFileSync` throws. */
export function isUnicode(path: string): boolean {
  const bytes = readFileSync(path);
  return utf16Text(bytes) !== null || isUtf8(bytes);
}

/** The same as bytes of UTF-8 without a mark: for files that may be longer than any string. */
export function readUtf8(path: string): Buffer {
  const bytes = readFileSync(path);
  const text = utf16Text(bytes);
  return text === null ? bytes.subarray(startOfUtf8(bytes)) : Buffer.from(text);
}

function startOfUtf8(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** null where the bytes do not begin with a mark of UTF-16. */
function utf16Text(bytes: Buffer): string | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  if (bytes[0] !== 0xfe || bytes[1] !== 0xff) return null;
  return Buffer.from(bytes.subarray(2, bytes.length - (bytes.length % 2)))
    .swap16()
    .toString('utf16le');
}

/** The value of a JSON text; Python's `NaN` and `Infinity` are null. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const finite = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:Infinity|NaN)\b/g, (token) =>
      token.startsWith('"') ? token : 'null',
    );
    if (finite === text) throw error;
    return JSON.parse(finite);
  }
}

/** The map at a key, or an empty one. */
export function mapAt(parent: Loose, key: string): Loose {
  const value = parent[key];
  return isMap(value) ? value : EMPTY;
}

/** The list at a key, or an empty one. */
export function listAt(parent: Loose, key: string): readonly unknown[] {
  const value = parent[key];
  return Array.isArray(value) ? value : NOTHING;
}

/** The text at a key, or null. */
export function textAt(parent: Loose, key: string): string | null {
  const value = parent[key];
  return typeof value === 'string' ? value : null;
}

/** The texts of the list at a key; anything else in it is left out. */
export function textsAt(parent: Loose, key: string): readonly string[] {
  const list = listAt(parent, key);
  if (list.length === 0) return NOTHING;
  // Manifests have hundreds of thousands of these, nearly all of them sound: those are not copied.
  return areTexts(list) ? list : list.filter((item) => typeof item === 'string');
}

function areTexts(list: readonly unknown[]): list is readonly string[] {
  return list.every((item) => typeof item === 'string');
}

/** A path as dbt wrote it on any system, with forward slashes and without `package://`. */
export function plainPath(path: string): string {
  return path.replace(/^[A-Za-z_][\w.-]*:\/\//, '').replaceAll('\\', '/');
}
