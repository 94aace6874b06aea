/**
 * Text as GitHub's Markdown shows it, whatever is in it: no mark-up, no HTML, no link, nobody mentioned, no issue referred to.
 * In a table, and anywhere else: one line.
 */
export function markdownText(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_{}[\]#!|~$]/g, '\\$&')
    .replaceAll(/(https?|ftp):\/\//gi, '$1:&#8203;//')
    .replaceAll(/www\./gi, 'www&#8203;.')
    .replaceAll('@', '@&#8203;')
    .replaceAll('\\#', '#&#8203;')
    .replace(/^(\s*)([-=]|\d+\.)/, '$1\\$2');
}

/** A name in the letters of code, outside a table or in one. */
export function markdownCode(text: string): string {
  const plain = oneLine(text);
  // A pipe ends the cell even inside code, and shows its backslash outside a table.
  if (plain.includes('|')) return markdownText(plain);
  const fence = '`'.repeat(longestRun(plain) + 1);
  const room = plain.startsWith('`') || plain.endsWith('`') || plain === '' ? ' ' : '';
  return `${fence}${room}${plain}${room}${fence}`;
}

/** Lines in a block of code of this language. */
export function markdownBlock(language: string, lines: readonly string[]): string {
  const body = lines.map(oneLine).join('\n');
  const fence = '`'.repeat(Math.max(3, longestRun(body) + 1));
  return `${fence}${language}\n${body}\n${fence}`;
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text.replaceAll(/[\0-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
