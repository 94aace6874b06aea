/**
 * What must never leave: the secrets of the tests, and identifiers of people as they are before they are hashed.
 *
 * So that they can be told from everything else, every secret of a test is made by `secret` (or begins like it), and people of
 * tests have French mobile numbers and the name Zebulon; whatever looks like an e-mail address is one.
 */
const SECRET_MARK = 's3cr3t-';

/** A secret for a test, which everything that is printed, logged, thrown or stored is searched for. */
export function secret(name: string): string {
  return `${SECRET_MARK}${name}`;
}

/** Mail of teams, which `owner` of dinmo.yml names for all to see, is no personal data: growth@, team@. Nor is git@, nor a release: action@v4. */
const ADDRESS = String.raw`(?<=[\p{L}\d_.+-])(?<!\b(?:growth|team|git))(?:@|%40|\\u0040|&#64;)(?!v\d)[a-z]`;

const PATTERNS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a secret', new RegExp(SECRET_MARK, 'i')],
  ['an e-mail address', new RegExp(ADDRESS, 'iu')],
  ['a phone number', /(?<![\w.:-])(?:\+|%2b|00)?33[67]\d{8}(?![\d.])/i],
  ['a name', /zebulon/i],
];

/** What stands in Base64 wherever it begins: at one of three places of its group of characters. */
const ENCODED: readonly (readonly [what: string, text: string])[] = [
  ['a secret', SECRET_MARK],
  ['an e-mail address', '@example.com'],
  ['an e-mail address', '@shop.example'],
].flatMap(([what = '', text = '']) => [0, 1, 2].map((shift) => [`${what} in Base64`, inBase64(text, shift)] as const));

function inBase64(text: string, shift: number): string {
  const encoded = Buffer.from('\0'.repeat(shift) + text).toString('base64');
  // Characters at either end that also hold bits of what stands before and behind.
  const end = Math.floor(((shift + text.length) * 8) / 6);
  return encoded.slice(Math.ceil((shift * 8) / 6), end);
}

/** Something that must not be there, and the line on which it stands. */
export interface Leak {
  readonly what: string;
  readonly line: string;
}

/** Finds secrets and raw identifiers, the first of each kind, also where they are escaped for JSON or a URL, or stand in Base64. */
export function findLeaks(text: string): readonly Leak[] {
  const leaks: Leak[] = [];
  for (const [what, pattern] of PATTERNS) {
    const at = text.search(pattern);
    if (at >= 0) leaks.push({ what, line: lineAt(text, at) });
  }
  for (const [what, encoded] of ENCODED) {
    const at = text.indexOf(encoded);
    if (at >= 0) leaks.push({ what, line: lineAt(text, at) });
  }
  return leaks;
}

function lineAt(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at) + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(Math.max(start, at - 150), Math.min(end < 0 ? text.length : end, at + 150));
  return `line ${text.slice(0, at).split('\n').length}: ${line.trim()}`;
}
