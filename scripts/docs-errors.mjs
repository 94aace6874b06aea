// @ts-check
// Gathers every error that stops a command from the sources that throw it, so that no page has to be kept by hand.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERROR_WORDS } from './docs-words.mjs';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
/** @type {Readonly<Record<string, number>>} */
const EXIT_CODES = { stopped: 1, configuration: 2, artifact: 3, warehouse: 4, destination: 4 };

/** @typedef {{ code: string, exitCode: number, message: string, fix: string }} ErrorDoc */

/** @returns {readonly { path: string, text: string }[]} */
export function readSources() {
  return readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: path.slice(SRC.length + 1).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }));
}

/** The text of a literal that follows `name:` in a piece of source, with `…` for what is put in; '' where it is no literal. @param {string} source @param {string} name */
function literal(source, name) {
  const found = new RegExp(
    `\\b${name}: ('(?:\\\\.|[^'\\\\])*'|"(?:\\\\.|[^"\\\\])*"|\`(?:\\\\.|\\$\\{(?:[^{}\`]|\`[^\`]*\`)*\\}|[^\`\\\\])*\`)`,
  ).exec(source);
  return plain(found?.[1] ?? '');
}

/** @param {string} text A literal with its quotes. */
function plain(text) {
  let inside = text.slice(1, -1);
  // Expressions may hold braces and literals of their own: the innermost go first.
  for (let before = ''; before !== inside; ) {
    before = inside;
    inside = inside.replace(/\$\{(?:[^{}`]|`[^`]*`)*\}/g, '…');
  }
  return inside.replaceAll(/\\(.)/g, '$1').replaceAll(/…{2,}/g, '…');
}

/** @param {ErrorDoc} doc */
const isBare = ({ message, fix }) => message === '' || fix === '';

/** Every code with its exit code and words, by code. @returns {readonly ErrorDoc[]} */
export function readErrors() {
  /** @type {Map<string, ErrorDoc>} */
  const errors = new Map();
  for (const { text } of readSources()) {
    for (const [, body = ''] of text.matchAll(/new DinmoError\(\{([\s\S]*?)\}\)/g)) {
      const code = literal(body, 'code');
      const kind = literal(body, 'kind');
      if (code === '' || !/^[a-z][a-z0-9-]*$/.test(code)) continue;
      const doc = {
        code,
        exitCode: EXIT_CODES[kind] ?? 0,
        message: literal(body, 'message'),
        fix: literal(body, 'fix'),
      };
      // Of several with one code, the first whose words stand in the source.
      const known = errors.get(code);
      if (known === undefined || (isBare(known) && !isBare(doc))) errors.set(code, doc);
    }
  }
  for (const [code, exitCode, message, fix] of ERROR_WORDS) errors.set(code, { code, exitCode, message, fix });
  return [...errors.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}
