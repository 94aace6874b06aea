import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isPair, isScalar, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** Where a block stands in the text, from 1: the place of its key, or of its value where that is written in braces. */
export interface BlockPlace {
  readonly line: number;
  readonly column: number;
}

export type AddedBlock =
  | { readonly kind: 'added'; readonly text: string; readonly block: string; readonly line: number }
  /** An activation of that name is there. */
  | { readonly kind: 'present' }
  /** The text is not shaped so that a block could be added without touching anything else. */
  | { readonly kind: 'impossible' };

/** The activation to be added: without a mapping, or with one whose fields take a column or a constant. */
export interface NewActivation {
  readonly name: string;
  readonly to: string;
  readonly mapping?: Readonly<Record<string, { readonly column: string } | { readonly value: string }>> | null;
}

/**
 * Adds `activations: {<name>: {to: <destination>, mapping: …}}` to the block of a segment or entity. Everything else in the text stays as
 * it is, to the byte; the result is read again and compared, so that nothing but the new block can have changed.
 */
export function addActivationBlock(text: string, place: BlockPlace, activation: NewActivation): AddedBlock {
  const document = parseDocument(text, { logLevel: 'silent', uniqueKeys: false, keepSourceTokens: true });
  const found = document.errors.length > 0 ? null : findBlock(document.contents, offsetOf(text, place), []);
  if (found === null) return { kind: 'impossible' };
  const expected = withActivation(document, [...found.path, 'activations', activation.name], contentOf(activation));
  if (expected === 'present') return { kind: 'present' };
  const edit = editOf(text, found.pair, activation);
  if (edit === null) return { kind: 'impossible' };
  const changed = `${text.slice(0, edit.at)}${edit.insert}${text.slice(edit.at)}`;
  const reread = parseDocument(changed, { logLevel: 'silent', uniqueKeys: false });
  if (reread.errors.length > 0 || !isDeepStrictEqual(reread.toJS(), expected)) return { kind: 'impossible' };
  const line =
    text.slice(0, edit.at).split('\n').length + (edit.insert.startsWith('\n') || edit.insert.startsWith('\r') ? 1 : 0);
  return { kind: 'added', text: changed, block: edit.shown, line };
}

function offsetOf(text: string, { line, column }: BlockPlace): number {
  let start = 0;
  for (let current = 1; current < line; current++) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  return start + column - 1;
}

interface FoundBlock {
  readonly pair: Pair;
  readonly path: readonly (string | number)[];
}

/** The pair whose key, or whose value in braces, begins at the offset. */
function findBlock(node: Node | null, offset: number, path: readonly (string | number)[]): FoundBlock | null {
  if (node === null || typeof node !== 'object' || !('items' in node) || !Array.isArray(node.items)) return null;
  const items: readonly unknown[] = node.items;
  for (const [index, item] of items.entries()) {
    if (!isPair(item)) {
      const inside = findBlock(item as Node, offset, [...path, index]); // an item of a collection is a pair or a node
      if (inside !== null) return inside;
      continue;
    }
    const key = isScalar(item.key) ? item.key : null;
    if (key === null) continue;
    const at = [...path, String(key.value)];
    const value = (item.value ?? null) as Node | null; // the value of a parsed pair is a node or null
    const isFlow = isMap(value) && value.flow === true;
    const starts = isMap(value) && !isFlow ? key.range?.[0] : (value?.range?.[0] ?? key.range?.[0]);
    if (starts === offset || key.range?.[0] === offset) return { pair: item, path: at };
    const inside = findBlock(value, offset, at);
    if (inside !== null) return inside;
  }
  return null;
}

/** The content as it has to be afterwards. */
function withActivation(document: Document, path: readonly (string | number)[], block: object): unknown {
  const content: unknown = structuredClone(document.toJS());
  let holder: unknown = content;
  for (const step of path.slice(0, -1)) {
    if (typeof holder !== 'object' || holder === null) return undefined;
    const inner: unknown = Reflect.get(holder, step);
    if (inner === undefined || inner === null) Reflect.set(holder, step, {});
    holder = Reflect.get(holder, step);
  }
  const name = path.at(-1) ?? '';
  if (typeof holder !== 'object' || holder === null) return undefined;
  if (Object.hasOwn(holder, name)) return 'present';
  Reflect.set(holder, name, block);
  return content;
}

interface Edit {
  readonly at: number;
  readonly insert: string;
  /** The block on its own, for people. */
  readonly shown: string;
}

function contentOf({ to, mapping = null }: NewActivation): object {
  if (mapping === null) return { to };
  const fields = Object.entries(mapping).map(([field, source]) => [field, 'column' in source ? source.column : source]);
  return { to, mapping: Object.fromEntries(fields) };
}

function editOf(text: string, pair: Pair, activation: NewActivation): Edit | null {
  const { name, to, mapping = null } = activation;
  const activations = pairOf(pair.value, 'activations');
  const fields = Object.entries(mapping ?? {}).map(
    ([field, source]) =>
      `${scalar(field)}: ${'column' in source ? scalar(source.column) : `{value: ${scalar(source.value)}}`}`,
  );
  const entry = `${name}: {to: ${to}${mapping === null ? '' : `, mapping: {${fields.join(', ')}}`}}`;
  const lines = [
    ...[`${name}:`, `  to: ${to}`],
    ...(mapping === null ? [] : ['  mapping:', ...fields.map((field) => `    ${field}`)]),
  ];
  if (activations !== null) return addPair(text, activations, { flow: entry, block: lines });
  const block = ['activations:', ...lines.map((line) => `  ${line}`)];
  return addPair(text, pair, { flow: `activations: {${entry}}`, block });
}

/** A text as YAML, in braces or out of them, in quotes where it could be read as something else. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z_][\w.-]*$/.test(text) && !/^(y|n|yes|no|on|off|true|false|null|nan|inf)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

function pairOf(value: unknown, key: string): Pair | null {
  if (!isMap(value)) return null;
  return value.items.find((item) => isScalar(item.key) && item.key.value === key) ?? null;
}

/** Adds a pair to the map that is a pair's value: in braces where it is written so, else on lines of its own. */
function addPair(
  text: string,
  holder: Pair,
  pair: { readonly flow: string; readonly block: readonly string[] },
): Edit | null {
  const value = holder.value;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  if (isMap(value) && value.flow === true) {
    const end = value.range?.[1];
    if (end === undefined || text[end - 1] !== '}') return null;
    const last = text.slice(0, end - 1).trimEnd();
    const comma = value.items.length === 0 || last.endsWith(',') ? '' : ',';
    return { at: last.length, insert: `${comma}${value.items.length === 0 ? '' : ' '}${pair.flow}`, shown: pair.flow };
  }
  if (isMap(value)) {
    const [first] = value.items as YAMLMap['items'];
    const start = first !== undefined && isScalar(first.key) ? first.key.range?.[0] : undefined;
    const end = value.range?.[1];
    if (start === undefined || end === undefined) return null;
    return onLines({ text, after: end, indent: columnAt(text, start), lines: pair.block, newline });
  }
  const key = isScalar(holder.key) ? holder.key.range : undefined;
  const isEmpty = value === null || (isScalar(value) && value.value === null && (value.source ?? '') === '');
  if (!isEmpty || key === undefined || key === null) return null;
  return onLines({ text, after: key[1] + 1, indent: columnAt(text, key[0]) + 2, lines: pair.block, newline });
}

function columnAt(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

/** Inserts lines after the line on which the content before `after` ends, its comment included. */
function onLines(input: {
  readonly text: string;
  readonly after: number;
  readonly indent: number;
  readonly lines: readonly string[];
  readonly newline: string;
}): Edit {
  const { text, after, indent, lines, newline } = input;
  const content = text.slice(0, after).trimEnd().length;
  const found = text.indexOf('\n', content);
  const end = found < 0 ? text.length : found > 0 && text[found - 1] === '\r' ? found - 1 : found;
  const pad = ' '.repeat(indent);
  return { at: end, insert: lines.map((line) => `${newline}${pad}${line}`).join(''), shown: lines.join('\n') };
}
