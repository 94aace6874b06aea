import { nearest } from '../finding.ts';
import type { Path } from './position.ts';
import { describe, isMap, type ShapeProblems, shortened } from './shape.ts';

/** What entities, segments, activations, destinations and relationships may be called. */
export const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/**
 * Reads the keys of one block that a user wrote, and collects everything that is wrong with it: the caller gets null for what
 * is absent and for what is wrong, and goes on.
 */
export class BlockReader {
  readonly at: Path;
  readonly problems: ShapeProblems;
  readonly #value: Readonly<Record<string, unknown>>;

  private constructor(value: Readonly<Record<string, unknown>>, at: Path, problems: ShapeProblems) {
    this.#value = value;
    this.at = at;
    this.problems = problems;
  }

  /** Opens a map that has only these keys. Null, and a problem, when the value is no map. */
  static open(
    value: unknown,
    keys: readonly string[],
    place: { readonly at: Path; readonly problems: ShapeProblems; readonly what: string },
  ): BlockReader | null {
    if (!isMap(value)) {
      const fix = `Write a map with keys such as ${keys.slice(0, 3).join(', ')}.`;
      return place.problems.add('wrong-type', place.at, `${place.what} is a map, not ${describe(value)}.`, fix);
    }
    for (const key of Object.keys(value)) if (!keys.includes(key)) place.problems.unknownKey(key, place.at, keys);
    return new BlockReader(value, place.at, place.problems);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, key);
  }

  /** The value as it is; undefined when absent. */
  raw(key: string): unknown {
    return this.has(key) ? this.#value[key] : undefined;
  }

  path(key: string): Path {
    return [...this.at, key];
  }

  text(key: string): string | null {
    return this.#read(key, (value) => (typeof value === 'string' && value !== '' ? value : null), 'text');
  }

  /** A text that must be there. */
  requiredText(key: string, what: string): string | null {
    return this.#require(key, what) ? this.text(key) : null;
  }

  name(key: string): string | null {
    const name = this.text(key);
    return name === null || this.#checkName('invalid-name', name, this.path(key)) ? name : null;
  }

  requiredName(key: string, what: string): string | null {
    return this.#require(key, what) ? this.name(key) : null;
  }

  flag(key: string): boolean | null {
    return this.#read(key, (value) => (typeof value === 'boolean' ? value : null), 'true or false');
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[]): Choice | null {
    if (!this.#isPresent(key)) return null;
    return this.#choose(this.raw(key), this.path(key), choices);
  }

  requiredChoice<Choice extends string>(key: string, choices: readonly Choice[], what: string): Choice | null {
    return this.#require(key, what) ? this.choice(key, choices) : null;
  }

  choices<Choice extends string>(key: string, choices: readonly Choice[]): readonly Choice[] | null {
    const items = this.#items(key);
    const chosen = items?.map((item, index) => this.#choose(item, [...this.path(key), index], choices)) ?? null;
    return chosen === null ? null : this.#withoutRepeats(key, chosen);
  }

  /** A number within bounds, whole unless `fraction`. */
  number(
    key: string,
    bounds: { readonly min: number; readonly max?: number; readonly fraction?: boolean },
  ): number | null {
    const max = bounds.max ?? Number.MAX_SAFE_INTEGER;
    const what = `a ${bounds.fraction === true ? '' : 'whole '}number ${bounds.max === undefined ? `of at least ${bounds.min}` : `from ${bounds.min} to ${bounds.max}`}`;
    const accept = (value: unknown): number | null => {
      if (typeof value !== 'number' || !(value >= bounds.min && value <= max)) return null;
      return bounds.fraction === true || Number.isInteger(value) ? value : null;
    };
    return this.#read(key, accept, what);
  }

  /** A list of texts. */
  texts(key: string): readonly string[] | null {
    const items = this.#items(key);
    if (items === null) return null;
    const texts = items.map((item, index) => {
      if (typeof item === 'string' && item !== '') return item;
      const at = [...this.path(key), index];
      return this.problems.add('wrong-type', at, `Text is expected here, not ${describe(item)}.`, 'Quote the value.');
    });
    return this.#withoutRepeats(key, texts);
  }

  /** One text, or a list of them. */
  textOrTexts(key: string): readonly string[] | null {
    if (Array.isArray(this.raw(key))) return this.texts(key);
    const text = this.text(key);
    return text === null ? null : [text];
  }

  /** The entries of a map of named blocks; those with a bad name are reported and left out. */
  named(key: string, what: string): readonly (readonly [name: string, value: unknown, at: Path])[] {
    return this.entries(key, what).filter(([name, , at]) => this.#checkName('invalid-key', name, at));
  }

  /** The entries of a map. */
  entries(key: string, what: string): readonly (readonly [name: string, value: unknown, at: Path])[] {
    if (!this.#isPresent(key)) return [];
    const value = this.raw(key);
    if (isMap(value)) return Object.entries(value).map(([name, inner]) => [name, inner, [...this.path(key), name]]);
    this.problems.add(
      'wrong-type',
      this.path(key),
      `\`${key}\` is a map of ${what}, not ${describe(value)}.`,
      `Write a map of ${what}.`,
    );
    return [];
  }

  #checkName(code: 'invalid-name' | 'invalid-key', name: string, at: Path): boolean {
    if (NAME.test(name)) return true;
    this.problems.add(
      code,
      at,
      `\`${shortened(name)}\` is not a valid name.`,
      'Names begin with a lower-case letter and have up to 40 lower-case letters, digits and underscores.',
    );
    return false;
  }

  /** Present and not null; null is a problem, since it is most often a value that was forgotten. */
  #isPresent(key: string): boolean {
    if (!this.has(key)) return false;
    if (this.raw(key) !== null) return true;
    this.problems.add('null-value', this.path(key), `\`${key}\` has no value.`, 'Give it a value or remove the key.');
    return false;
  }

  #require(key: string, what: string): boolean {
    if (this.has(key)) return true;
    this.problems.add('missing-key', this.at, `${what} needs \`${key}\`.`, `Add \`${key}:\`.`);
    return false;
  }

  #read<Value>(key: string, accept: (value: unknown) => Value | null, what: string): Value | null {
    if (!this.#isPresent(key)) return null;
    const value = this.raw(key);
    const accepted = accept(value);
    if (accepted !== null) return accepted;
    const isEmptyList = Array.isArray(value) && value.length === 0;
    const given = value === '' ? 'an empty text' : isEmptyList ? 'an empty one' : describe(value);
    const fix = what === 'text' ? 'Write text; quote it if it looks like a number or a date.' : `Write ${what}.`;
    const message =
      given === 'a number' && what.includes('number')
        ? `\`${key}\` is ${what}.`
        : `\`${key}\` is ${what}, not ${given}.`;
    return this.problems.add('wrong-type', this.path(key), message, fix);
  }

  #items(key: string): readonly unknown[] | null {
    return this.#read(
      key,
      (value) => (Array.isArray(value) && value.length > 0 ? value : null),
      'a list with at least one item',
    );
  }

  #choose<Choice extends string>(value: unknown, at: Path, choices: readonly Choice[]): Choice | null {
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    const near = typeof value === 'string' ? nearest(value, choices) : null;
    const given = typeof value === 'string' ? `\`${shortened(value)}\`` : describe(value);
    const fix = near === null ? `Use one of ${choices.join(', ')}.` : `Did you mean \`${near}\`?`;
    return this.problems.add('invalid-value', at, `${given} is not known here.`, fix);
  }

  #withoutRepeats<Item extends string>(key: string, items: readonly (Item | null)[]): readonly Item[] | null {
    const present = items.filter((item): item is Item => item !== null);
    if (present.length < items.length) return null;
    const repeated = present.findIndex((item, index) => present.indexOf(item) < index);
    if (repeated < 0) return present;
    return this.problems.add(
      'repeated-item',
      [...this.path(key), repeated],
      `\`${shortened(present[repeated] ?? '')}\` is listed twice.`,
      'Remove one.',
    );
  }
}
