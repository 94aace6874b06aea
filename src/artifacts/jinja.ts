import { evaluateJinja, isTrue, JinjaError, type JinjaFunctions, textOf } from './jinja-expression.ts';

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value' | 'statement'; readonly source: string };

const OPENING = /\{\{|\{%|\{#/;
const CLOSING: Readonly<Record<string, string>> = { '{{': '}}', '{%': '%}', '{#': '#}' };

/** Whether a text has anything for Jinja to do. */
export function hasJinja(text: string): boolean {
  return OPENING.test(text);
}

/**
 * Renders one value as dbt does: a text that is a single `{{ … }}` keeps the type of its value, any other becomes text.
 * `{% if %}`, `{% elif %}`, `{% else %}` and comments are understood. Throws JinjaError for anything else, and what the functions throw.
 */
export function renderJinja(text: string, functions: JinjaFunctions): unknown {
  if (!hasJinja(text)) return text;
  const pieces = split(text);
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only?.kind === 'value') return evaluateJinja(only.source, functions);
  return new TemplateRun(pieces, functions).text();
}

/** Renders every text inside a value of YAML, keys excepted. `at` names the place for errors. */
export function renderJinjaDeep(value: unknown, render: (text: string, at: readonly string[]) => unknown): unknown {
  const visit = (inner: unknown, at: readonly string[]): unknown => {
    if (typeof inner === 'string') return hasJinja(inner) ? render(inner, at) : inner;
    if (Array.isArray(inner)) return inner.map((item, index) => visit(item, [...at, String(index)]));
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, visit(item, [...at, key])]));
  };
  return visit(value, []);
}

function split(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  while (rest !== '') {
    const opening = OPENING.exec(rest);
    if (opening === null) {
      pieces.push({ kind: 'text', text: rest });
      break;
    }
    if (opening.index > 0) pieces.push({ kind: 'text', text: rest.slice(0, opening.index) });
    const closing = CLOSING[opening[0]] ?? '}}';
    const end = closingIndex(rest, opening.index + 2, closing);
    if (end < 0) throw new JinjaError(`\`${opening[0]}\` is not closed`);
    const source = rest.slice(opening.index + 2, end).replace(/^-|-$/g, '');
    if (opening[0] !== '{#') pieces.push({ kind: opening[0] === '{{' ? 'value' : 'statement', source });
    rest = rest.slice(end + 2);
  }
  return pieces;
}

/** Where the closing braces stand, outside of quotes. */
function closingIndex(text: string, from: number, closing: string): number {
  if (closing === '#}') return text.indexOf(closing, from);
  let quote = '';
  for (let index = from; index < text.length; index++) {
    const character = text[index] ?? '';
    if (quote !== '') {
      if (character === '\\') index += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (text.startsWith(closing, index)) return index;
  }
  return -1;
}

class TemplateRun {
  readonly #pieces: readonly Piece[];
  readonly #functions: JinjaFunctions;
  #at = 0;

  constructor(pieces: readonly Piece[], functions: JinjaFunctions) {
    this.#pieces = pieces;
    this.#functions = functions;
  }

  text(): string {
    const { text, stop } = this.#block(true);
    if (stop !== null) throw new JinjaError(`\`{% ${stop} %}\` has no \`{% if %}\``);
    return text;
  }

  /** Renders up to the statement that ends the block. Nothing is evaluated unless `live`. */
  #block(live: boolean): { readonly text: string; readonly stop: string | null } {
    let text = '';
    for (let piece = this.#pieces[this.#at]; piece !== undefined; piece = this.#pieces[this.#at]) {
      this.#at += 1;
      if (piece.kind === 'text') text += live ? piece.text : '';
      else if (piece.kind === 'value') text += live ? textOf(evaluateJinja(piece.source, this.#functions)) : '';
      else {
        const statement = piece.source.trim();
        if (!statement.startsWith('if ')) return { text, stop: statement };
        text += this.#choice(statement.slice(3), live);
      }
    }
    return { text, stop: null };
  }

  #choice(condition: string, live: boolean): string {
    let taken = live && isTrue(evaluateJinja(condition, this.#functions));
    let done = taken;
    let chosen = '';
    for (;;) {
      const { text, stop } = this.#block(taken);
      if (taken) chosen = text;
      if (stop === 'endif') return chosen;
      if (stop === 'else') taken = live && !done;
      else if (stop?.startsWith('elif ')) {
        taken = live && !done && isTrue(evaluateJinja(stop.slice(5), this.#functions));
      } else
        throw new JinjaError(stop === null ? '`{% if %}` has no `{% endif %}`' : `\`{% ${stop} %}\` is not known here`);
      done ||= taken;
    }
  }
}
