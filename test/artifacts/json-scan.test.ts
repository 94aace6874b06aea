import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonScanner, WantedKeys } from '../../src/artifacts/json-scan.ts';
import { numbersFrom, writeOddly } from './odd-json.ts';

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'dinmo', 'config', 'é"\\', '', 'dinmo_', '__proto__', 'toString'),
  fc.string({ unit: 'grapheme' }),
);
const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1.5e-7, 12345678901, 'dinmo', '\\', '\\"', '"}]', '\u2028🙂', 'a'),
  fc.string({ unit: 'grapheme' }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('map')),
  map: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
}));
const map = fc.array(fc.tuple(key, value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries));

/** Each map as text, written in an odd way. */
function written(): fc.Arbitrary<string> {
  return fc.tuple(map, fc.integer()).map(([root, seed]) => writeOddly(root, numbersFrom(seed)));
}

function open(text: string): { readonly scanner: JsonScanner; readonly start: number } {
  const scanner = new JsonScanner(Buffer.from(text), 'dinmo');
  return { scanner, start: scanner.skipSpace(0) };
}

function mentions(json: unknown): boolean {
  if (json === 'dinmo') return true;
  if (typeof json !== 'object' || json === null) return false;
  return Object.entries(json).some(([name, inner]) => (name === 'dinmo' && !Array.isArray(json)) || mentions(inner));
}

function at(json: unknown, path: string): unknown {
  let found = json;
  for (const step of path.split('.')) {
    const isMap = typeof found === 'object' && found !== null && !Array.isArray(found);
    if (!isMap || !Object.hasOwn(found as object, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}

describe('JSON.parse says what a scan must find', () => {
  it('where a value ends, and every member, the last of those with one key', () => {
    fc.assert(
      fc.property(written(), (text) => {
        const { scanner, start } = open(text);
        scanner.requireEnd(scanner.skipValue(start));
        const found = new Map<string, unknown>();
        const end = scanner.members(start, (from) => {
          const name = scanner.key();
          const to = scanner.skipValue(from);
          found.set(name, scanner.parse(from, to));
          return to;
        });
        scanner.requireEnd(end);
        expect(found).toEqual(new Map(Object.entries(JSON.parse(text) as object)));
      }),
      { numRuns: 500 },
    );
  });

  it('the wanted keys, at the top and inside of maps', () => {
    const paths = ['a', 'b', 'dinmo', 'config.a', 'config.dinmo', '__proto__.a', 'toString'];
    const wanted = new WantedKeys(paths);
    fc.assert(
      fc.property(written(), (text) => {
        const { scanner, start } = open(text);
        const places = new Uint32Array(2 * paths.length + 1).fill(0);
        scanner.requireEnd(scanner.collect(start, wanted, { places, base: 1 }));
        const json: unknown = JSON.parse(text);
        for (const [slot, path] of paths.entries()) {
          const [from = 0, to = 0] = places.subarray(1 + 2 * slot);
          expect(to === 0 ? undefined : scanner.parse(from, to), path).toEqual(at(json, path));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('no mention of the word is missed, however it is escaped', () => {
    fc.assert(
      fc.property(written(), (text) => {
        const { scanner, start } = open(text);
        scanner.skipValue(start);
        // Of a key that comes again, what JSON.parse forgets may be noticed, too.
        if (mentions(JSON.parse(text))) expect(scanner.lastMention).toBeGreaterThan(start);
        if (!/d|\\u0064/i.test(text)) expect(scanner.lastMention).toBe(-1);
      }),
      { numRuns: 500 },
    );
  });

  it('the word is no part of another', () => {
    const { scanner, start } = open('{"dinmo_a": "xdinmo", "b": "dinm", "c": ["dinmo ", "\\\\dinmo"], "d\\\\inmo": 1}');
    scanner.skipValue(start);
    expect(scanner.lastMention).toBe(-1);
  });
});

describe('text that is no JSON', () => {
  const read = (text: string): void => {
    const { scanner, start } = open(text);
    const end = scanner.members(start, (from) => {
      scanner.key();
      return scanner.skipValue(from);
    });
    scanner.requireEnd(end);
  };

  it('that ends too early is noticed wherever it was cut', () => {
    fc.assert(
      fc.property(written(), fc.nat(), (text, cut) => {
        const whole = text.trim();
        const end = 1 + (cut % (whole.length - 1));
        expect(() => read(Buffer.from(whole).subarray(0, end).toString('latin1'))).toThrow(SyntaxError);
      }),
    );
  });

  it.each([
    '{"a"}',
    '{"a":}',
    '{"a" 1}',
    '{a: 1}',
    '{"a": 1,}',
    '{"a": 1 "b": 2}',
    '{"a": 1} x',
    '{"a": "\\u12"',
    '{,}',
  ])('is refused: %s', (text) => {
    expect(() => read(text)).toThrow(SyntaxError);
  });

  it('ends in an error of its own kind or in a value, never in another error', () => {
    fc.assert(
      fc.property(
        written(),
        fc.nat(),
        fc.constantFrom('"', '\\', '{', ']', ',', ':', 'x', '\0', '\n'),
        (text, place, bit) => {
          const index = place % text.length;
          const damaged = text.slice(0, index) + bit + text.slice(index + (place % 3));
          try {
            const { scanner, start } = open(damaged);
            scanner.collect(start, new WantedKeys(['a', 'config.a']), { places: new Uint32Array(4), base: 0 });
            read(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
