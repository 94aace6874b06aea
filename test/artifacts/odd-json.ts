/** Numbers that look random and depend on the seed alone: below the limit, from 0. */
export function numbersFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A value as some other writer of JSON might write it: odd white space, needless escapes, keys that come again. */
export function writeOddly(value: unknown, next: (limit: number) => number): string {
  const space = (): string => ['', '', '', ' ', '\n  ', '\t', '\r\n'][next(7)] ?? '';
  const text = (plain: string): string =>
    `"${[
      ...JSON.stringify(plain)
        .slice(1, -1)
        .matchAll(/\\u....|\\.|[\s\S]/gu),
    ]
      .map(([part]) => (!part.startsWith('\\') && next(12) === 0 ? escaped(part) : part))
      .join('')}"`;
  const write = (inner: unknown): string => {
    if (typeof inner === 'string') return text(inner);
    if (Array.isArray(inner)) return `[${space()}${inner.map(write).join(`${space()},${space()}`)}${space()}]`;
    if (typeof inner !== 'object' || inner === null) return JSON.stringify(inner);
    const members = Object.entries(inner).flatMap(([key, member]) => {
      if (member === undefined) return [];
      const last = `${text(key)}${space()}:${space()}${write(member)}`;
      return next(8) === 0 ? [`${text(key)}:${write([null, {}, { a: 'dinmo' }, 'x'][next(4)])}`, last] : [last];
    });
    return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  };
  return `${space()}${write(value)}${space()}`;
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
