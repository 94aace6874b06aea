import type { Command } from 'commander';

export interface CommandLine {
  readonly file: string;
  readonly line: number;
  /** The words after `dinmo`. */
  readonly words: readonly string[];
}

/** A call of the program: alone, by npx or by its path, at the beginning of a command. */
const CALL = /(?:^|[\s`"'([=:|&;])(?:npx |[\w./-]*\/)?dinmo((?: +(?:"[^"]*"|'[^']*'|<[^>]*>|[^\s`|&;>#)]+))+)/g;

/** The command lines of a Markdown page, in its blocks and code spans, or of any other file. */
export function readCommandLines(file: string, text: string): readonly CommandLine[] {
  const found: CommandLine[] = [];
  let fenced = false;
  for (const [index, whole] of text.split('\n').entries()) {
    if (/^\s*```/.test(whole)) {
      fenced = !fenced;
      continue;
    }
    const isCode = fenced || !file.endsWith('.md') || /^ {4,}\S/.test(whole);
    const pieces = isCode
      ? [whole.replace(/(^|\s)#.*$/, '')]
      : [...whole.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
    for (const piece of pieces)
      for (const [, words = ''] of piece.matchAll(CALL))
        found.push({
          file,
          line: index + 1,
          words: words
            .trim()
            .split(/ +/)
            .map((word) => word.replace(/[,.:"'\]]+$/, '')),
        });
  }
  return found;
}

/** What commander would not take of a command line: an unknown command or option; null where it takes all. */
export function problemOf(program: Command, words: readonly string[]): string | null {
  const [name = '', ...rest] = words;
  if (name.startsWith('-'))
    return program.options.some(({ long, short }) => [long, short, '--help'].includes(name)) ? null : name;
  const command = program.commands.find((one) => one.name() === name);
  if (command === undefined) return /^[a-z-]+$/.test(name) && name !== 'help' ? `no command ${name}` : null;
  const options = new Set(['-h', '--help', ...command.options.flatMap(({ long, short }) => [long, short])]);
  const given = rest.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*$/s, ''));
  return given.find((option) => !options.has(option)) ?? null;
}
