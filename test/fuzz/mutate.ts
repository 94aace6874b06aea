import type { Dice } from './seeded.ts';

/** A piece of JSON text; also what no JavaScript value could be printed as. */
type Piece = string;

const deepList = (depth: number): Piece => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const deepMap = (depth: number, key: string): Piece =>
  `${`{${JSON.stringify(key)}:`.repeat(depth)}1${'}'.repeat(depth)}`;

/** What may stand where something else was meant. */
export const ODD_JSON: readonly Piece[] = [
  ...['null', 'true', 'false', '0', '-1', '1e308', '-1e-308', '1e999', 'NaN', '-Infinity', '12345678901234567890'],
  ...['""', '" "', '"0"', '"NaN"', '"dinmo"', '"\\u0000"', '"\\ud800"', '"{{ x }}"', '"a\\nb"', '[]', '{}', '[null]'],
  ...[
    '[[]]',
    '[{}]',
    '{"":null}',
    '{"a":{}}',
    '{"name":1}',
    '{"name":null}',
    '["a",1,null,{}]',
    '{"0":"a","length":1}',
  ],
  '{"__proto__":{"polluted":"yes"}}',
  '{"constructor":{"prototype":{"polluted":"yes"}}}',
  '{"toString":1,"valueOf":1}',
  '{"hasOwnProperty":1,"then":1,"toJSON":1}',
  '{"dinmo":{"entity":{"name":"x","relationships":{"__proto__":{"to":"x"}}}}}',
  '{"meta":{"dinmo":null}}',
  '{"config":{"meta":{"dinmo":{"entity":[]}}}}',
  deepList(10_000),
  deepMap(10_000, 'a'),
  deepMap(2_000, 'all'),
  deepMap(2_000, 'not'),
  `[${'0,'.repeat(5_000)}0]`,
  `"${'x'.repeat(200_000)}"`,
  `"${'a '.repeat(50_000)}"`,
  `{${Array.from({ length: 2_000 }, (_, index) => `"k${index}":${index}`).join(',')}}`,
];

/** Where the values of a JSON text stand, from and to. */
function valuesOf(text: string): readonly (readonly [from: number, to: number])[] {
  const spans: (readonly [number, number])[] = [];
  const open: number[] = [];
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[[{]|[\]}]|[^\s,:[\]{}"]+/g;
  for (const match of text.matchAll(token)) {
    const [whole, colon] = match;
    const at = match.index;
    if (whole === '[' || whole === '{') open.push(at);
    else if (whole === ']' || whole === '}') spans.push([open.pop() ?? 0, at + 1]);
    else if (colon === undefined) spans.push([at, at + whole.length]);
  }
  return spans;
}

/** Replaces values, whatever they are, by odd ones; keys of maps by odd names; and repeats keys. */
export class JsonMutator {
  readonly #text: string;
  readonly #values: readonly (readonly [from: number, to: number])[];
  readonly #keys: readonly (readonly [from: number, to: number])[];

  constructor(text: string) {
    this.#text = text;
    this.#values = valuesOf(text);
    this.#keys = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?=\s*:)/g)].map(({ index, 0: key }) => [
      index,
      index + key.length,
    ]);
  }

  mutate(dice: Dice): string {
    switch (dice.below(8)) {
      case 0:
        return this.#replace(dice.of(this.#keys), dice.of(['"__proto__"', '"constructor"', '""', '"dinmo"', '"0"']));
      case 1:
        return this.#repeatKey(dice.of(this.#keys), dice.of(ODD_JSON));
      case 2:
        return this.#replace(dice.of(this.#values), '');
      default:
        return this.#replace(dice.of(this.#values), dice.of(ODD_JSON));
    }
  }

  #replace([from, to]: readonly [number, number], by: string): string {
    return `${this.#text.slice(0, from)}${by}${this.#text.slice(to)}`;
  }

  /** The key once more, before itself, with another value. */
  #repeatKey([from, to]: readonly [number, number], value: string): string {
    return `${this.#text.slice(0, from)}${this.#text.slice(from, to)}:${value},${this.#text.slice(from)}`;
  }
}

/** What YAML can be broken, bombed or bent with, put in at any place. */
const ODD_YAML: readonly string[] = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|',
    '>',
    '&a ',
    '*a',
    '*missing',
    '!!x ',
    '!!binary ',
    '<<: ',
    '<<: *a\n',
    '? ',
    ': ',
  ],
  ...[
    '- ',
    '\t',
    '\n\t',
    '\r\n',
    '\r',
    '\0',
    '\u2028',
    '\u00a0',
    '\u200b',
    '\ufeff',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '#',
  ],
  ...['~', 'null', 'yes', '0o17', '0x10', '.nan', '-.inf', '1e999', '123456789012345678901234567890', '2024-13-45'],
  ...['{{', '}}', '{% if %}', '{# ', '__proto__: {polluted: yes}\n', 'constructor: {prototype: {polluted: yes}}\n'],
  ...[
    'toString: 1\n',
    '"": 1\n',
    '? [a, b]\n: 1\n',
    '? {a: b}\n: 1\n',
    '!!set {a}\n',
    '!!omap [a: 1]\n',
    '!!timestamp 2024-01-01\n',
  ],
  `${'['.repeat(10_000)}`,
  `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
  `${'{a: '.repeat(3_000)}1${'}'.repeat(3_000)}`,
  `${Array.from({ length: 2_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')}\n`,
  `${'- '.repeat(5_000)}a\n`,
  `${'x'.repeat(200_000)}`,
  `"${'x'.repeat(200_000)}"`,
  `${Array.from({ length: 2_000 }, (_, index) => `k${index}: ${index}`).join('\n')}\n`,
  bomb(),
  chain(),
];

/** Nine anchors, each ten times the one before. */
function bomb(): string {
  const lines = ['lol0: &l0 [a, a, a, a, a, a, a, a, a, a]'];
  for (let level = 1; level < 10; level++)
    lines.push(`lol${level}: &l${level} [${Array.from({ length: 10 }, () => `*l${level - 1}`).join(', ')}]`);
  return `${lines.join('\n')}\n`;
}

/** Maps that merge the one before twice over, which no count of aliases alone bounds. */
function chain(): string {
  const lines = ['m0: &m0 {a: 1}'];
  for (let level = 1; level < 40; level++)
    lines.push(`m${level}: &m${level} {<<: [*m${level - 1}, *m${level - 1}], b${level}: 1}`);
  return `${lines.join('\n')}\n`;
}

/** Something put in, taken out or cut off, at any place. */
export function mutateYaml(text: string, dice: Dice): string {
  const at = dice.below(text.length + 1);
  switch (dice.below(6)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + dice.below(40));
    case 2: {
      const lines = text.split('\n');
      const line = dice.below(lines.length);
      const change = dice.of<(given: string) => string>([
        (given) => ` ${given}`,
        (given) => `\t${given}`,
        (given) => given.trimStart(),
        (given) => `${given}\n${given}`,
        (given) => given.replace(/:.*$/, `: ${dice.of(ODD_JSON)}`),
        (given) => given.replace(/([\w]+):/, `${dice.of(['__proto__', 'constructor', '<<', '""', '? a', 'no'])}:`),
      ]);
      return lines.map((given, index) => (index === line ? change(given) : given)).join('\n');
    }
    default:
      return `${text.slice(0, at)}${dice.of(ODD_YAML)}${text.slice(at)}`;
  }
}

/** Bytes that no text should have, or another encoding altogether. */
export function mutateBytes(text: string, dice: Dice): Buffer {
  const bytes = Buffer.from(text);
  const at = dice.below(bytes.length + 1);
  switch (dice.below(8)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + dice.below(8)), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([
        Buffer.from([0xff, 0xfe]),
        Buffer.from(text, 'utf16le').subarray(0, dice.below(2) + 2 * at),
      ]);
    case 4:
      return Buffer.concat([Buffer.from([0xfe, 0xff]), swapped(text).subarray(0, dice.below(2) + 2 * at)]);
    case 5:
      return Buffer.from(text, 'utf16le');
    case 6:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    default: {
      const flipped = Buffer.from(bytes);
      if (flipped.length > 0) flipped[at % flipped.length] = dice.below(256);
      return flipped;
    }
  }
}

/** UTF-16 with the high byte first. */
export function swapped(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}
