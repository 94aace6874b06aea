import { parseJson } from './json-file.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;
/** Lists open and close with the bytes of maps, less this bit. */
const MAP_BIT = 0x20;

interface WantedKey {
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Where the place of its value is kept; -1 where only something inside of it is wanted. */
  readonly slot: number;
  readonly inside: WantedKeys | null;
}

/** Keys whose values are wanted, as paths: `name`, and `config.enabled` for what stands inside a map. */
export class WantedKeys {
  readonly paths: readonly string[];
  readonly #slots: readonly number[];
  readonly #byLength: (readonly WantedKey[] | undefined)[] = [];

  /** Keys of ASCII characters, none of which JSON would escape. `slots`: the place of each path in a row of places. */
  constructor(paths: readonly string[], slots: readonly number[] = paths.map((_, index) => index)) {
    this.paths = paths;
    this.#slots = slots;
    for (const key of new Set(paths.map((path) => path.split('.')[0] ?? ''))) {
      const inner = paths.flatMap((path, index) =>
        path.startsWith(`${key}.`) ? [{ path: path.slice(key.length + 1), slot: slots[index] ?? -1 }] : [],
      );
      const wanted = {
        key,
        bytes: Buffer.from(key),
        slot: slots[paths.indexOf(key)] ?? -1,
        inside:
          inner.length === 0
            ? null
            : new WantedKeys(
                inner.map(({ path }) => path),
                inner.map(({ slot }) => slot),
              ),
      };
      this.#byLength[key.length] = [...(this.#byLength[key.length] ?? []), wanted];
    }
  }

  /** The wanted key that stands there without escapes. */
  match(bytes: Uint8Array, start: number, end: number): WantedKey | undefined {
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      let at = 0;
      while (start + at < end && bytes[start + at] === candidate.bytes[at]) at++;
      if (start + at === end) return candidate;
    }
    return undefined;
  }

  find(key: string): WantedKey | undefined {
    return this.#byLength[key.length]?.find((candidate) => candidate.key === key);
  }

  /** Forgets the places of all its keys. */
  clear(places: Uint32Array, base: number): void {
    for (const slot of this.#slots) places[base + 2 * slot + 1] = 0;
  }
}

/**
 * Finds where the parts of a JSON text stand, in UTF-8, without making values of them: several times faster than
 * `JSON.parse`, and not bound by the longest string that the engine can hold. What is skipped is only looked at as far as
 * brackets and quotes go; `parse` is as strict as `JSON.parse`, save for Python's `NaN` and `Infinity`.
 *
 * Every method throws SyntaxError where the text ends too early or is no JSON.
 */
export class JsonScanner {
  readonly bytes: Buffer;
  /** Where the last text began that is exactly the word; -1 before the first. */
  lastMention = -1;
  readonly #word: string;
  readonly #first: number;
  readonly #second: number;
  #keyStart = 0;
  #keyEnd = 0;
  #keyHasEscape = false;

  /** `word`: a text of two letters or more whose mentions are noticed on the way, as key or as value. */
  constructor(bytes: Buffer, word: string) {
    this.bytes = bytes;
    this.#word = word;
    this.#first = word.charCodeAt(0);
    this.#second = word.charCodeAt(1);
  }

  /** Where the next byte stands that is no white space. */
  skipSpace(from: number): number {
    const { bytes } = this;
    let at = from;
    let byte = bytes[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at];
    return at;
  }

  /** Where the value ends that begins here. */
  skipValue(at: number): number {
    const byte = this.bytes[at];
    if (byte === QUOTE) return this.#skipText(at + 1);
    if (byte === OPEN_MAP || byte === OPEN_LIST) return this.#skipHolder(at);
    return this.#skipWord(at);
  }

  /** Throws where something else than white space stands from here on. */
  requireEnd(from: number): void {
    const at = this.skipSpace(from);
    if (at < this.bytes.length) throw this.#unexpected(at);
  }

  /** Whether a map begins here. */
  isMap(at: number): boolean {
    return this.bytes[at] === OPEN_MAP;
  }

  /** Visits the members of the map that begins here: `visit` gets where a value begins, and answers where it ends. Where the map ends. */
  members(from: number, visit: (value: number) => number): number {
    let at = this.skipSpace(from + 1);
    if (this.bytes[at] === CLOSE_MAP) return at + 1;
    for (;;) {
      at = this.skipSpace(visit(this.#readKey(at)));
      if (this.bytes[at] === CLOSE_MAP) return at + 1;
      at = this.#skipComma(at);
    }
  }

  /** The key of the member that is being visited, before anything else is read. */
  key(): string {
    return this.text(this.#keyStart, this.#keyEnd);
  }

  /**
   * Goes through the map that begins here and writes where the wanted values stand: at `base`, two numbers for each slot,
   * the value's begin and its end. Of a key that is repeated the last one counts. Where the map ends.
   */
  collect(from: number, wanted: WantedKeys, into: { readonly places: Uint32Array; readonly base: number }): number {
    const { bytes } = this;
    const { places, base } = into;
    let at = this.skipSpace(from + 1);
    if (bytes[at] === CLOSE_MAP) return at + 1;
    for (;;) {
      const value = this.#readKey(at);
      const key = this.#keyHasEscape ? wanted.find(this.key()) : wanted.match(bytes, this.#keyStart, this.#keyEnd);
      if (key === undefined) at = this.skipValue(value);
      else if (key.inside === null) {
        at = this.skipValue(value);
        places[base + 2 * key.slot] = value;
        places[base + 2 * key.slot + 1] = at;
      } else {
        key.inside.clear(places, base);
        at = bytes[value] === OPEN_MAP ? this.collect(value, key.inside, into) : this.skipValue(value);
      }
      at = this.skipSpace(at);
      if (bytes[at] === CLOSE_MAP) return at + 1;
      at = this.#skipComma(at);
    }
  }

  /** The value that stands between the two places. */
  parse(start: number, end: number): unknown {
    const { bytes } = this;
    const first = bytes[start];
    if (first === QUOTE) return this.text(start + 1, end - 1);
    if (first === 0x6e && this.#isAscii(start, end, 'null')) return null;
    if (first === 0x74 && this.#isAscii(start, end, 'true')) return true;
    return parseJson(bytes.toString('utf8', start, end));
  }

  /** Whether the value that stands between the two places is this text, of ASCII characters without escapes. */
  isText(start: number, end: number, text: string): boolean {
    return this.bytes[start] === QUOTE && this.#isAscii(start + 1, end - 1, text);
  }

  /** The text whose quotes stand just outside the two places. */
  text(start: number, end: number): string {
    const { bytes } = this;
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (byte !== undefined && byte >= 0x20 && byte < 0x80 && byte !== BACKSLASH) continue;
      const parsed: unknown = JSON.parse(bytes.toString('utf8', start - 1, end + 1));
      if (typeof parsed !== 'string') throw this.#unexpected(start);
      return parsed;
    }
    return bytes.toString('latin1', start, end);
  }

  #isAscii(start: number, end: number, text: string): boolean {
    const { bytes } = this;
    if (end - start !== text.length) return false;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (bytes[start + index] !== code || code >= 0x80 || code === BACKSLASH) return false;
    }
    return true;
  }

  /** Notes the key that begins here; where its value begins. */
  #readKey(from: number): number {
    const { bytes } = this;
    if (bytes[from] !== QUOTE) throw this.#unexpected(from);
    let at = from + 1;
    let hasEscape = false;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      if (byte === undefined) throw this.#unexpected(at);
      if (byte !== BACKSLASH) continue;
      hasEscape = true;
      at++;
    }
    this.#keyStart = from + 1;
    this.#keyEnd = at;
    this.#keyHasEscape = hasEscape;
    at = this.skipSpace(at + 1);
    if (bytes[at] !== COLON) throw this.#unexpected(at);
    return this.skipSpace(at + 1);
  }

  #skipComma(at: number): number {
    if (this.bytes[at] !== COMMA) throw this.#unexpected(at);
    return this.skipSpace(at + 1);
  }

  /** One loop over the bytes, without calls: most of the time that a large file takes is spent here. */
  #skipHolder(from: number): number {
    const { bytes } = this;
    const { length } = bytes;
    const first = this.#first;
    let depth = 0;
    let at = from;
    while (at < length) {
      const byte = bytes[at++] ?? 0;
      if (byte === QUOTE) {
        let inside = bytes[at++];
        if (inside === first || inside === BACKSLASH) this.#notice(at - 1);
        for (; inside !== QUOTE; inside = bytes[at++]) {
          if (inside === BACKSLASH) at++;
          else if (inside === undefined) throw this.#unexpected(length);
        }
      } else if ((byte | MAP_BIT) === OPEN_MAP) depth++;
      else if ((byte | MAP_BIT) === CLOSE_MAP && --depth === 0) return at;
    }
    throw this.#unexpected(length);
  }

  /** `from`: behind the opening quote. */
  #skipText(from: number): number {
    const { bytes } = this;
    let at = from;
    for (let inside = bytes[at++]; inside !== QUOTE; inside = bytes[at++]) {
      if (inside === BACKSLASH) at++;
      else if (inside === undefined) throw this.#unexpected(bytes.length);
    }
    return at;
  }

  /** A number, true, false, null, or what Python writes for numbers that JSON has not. */
  #skipWord(from: number): number {
    const { bytes } = this;
    let at = from;
    for (let byte = bytes[at]; byte !== undefined; byte = bytes[++at]) {
      const isLetterOrDigit = (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a);
      if (!isLetterOrDigit && byte !== 0x2d && byte !== 0x2b && byte !== 0x2e) break;
    }
    if (at === from) throw this.#unexpected(at);
    return at;
  }

  /** Notes the text that begins here, where it is the word; `\u0064` is a letter, too. */
  #notice(start: number): void {
    const { bytes } = this;
    const second = bytes[start + 1];
    if (bytes[start] === BACKSLASH ? second !== 0x75 : second !== this.#second && second !== BACKSLASH) return;
    const end = this.#skipText(start) - 1;
    if (end - start < this.#word.length || end - start > this.#word.length * 6) return;
    if (this.text(start, end) === this.#word) this.lastMention = start;
  }

  #unexpected(at: number): SyntaxError {
    const { length } = this.bytes;
    return new SyntaxError(at >= length ? 'Unexpected end of JSON input' : `Unexpected content in JSON at byte ${at}`);
  }
}
