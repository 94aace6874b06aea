import { hash } from 'node:crypto';
import type { IdentifierKind } from '../artifacts/annotation.ts';
import type { Normaliser } from './destination.ts';

/**
 * Version of the rules that several platforms share: those of contact-point.ts, country.ts and of this file. Raised whenever one
 * of them changes what is sent for the same input; it is part of the version of every platform.
 */
const SHARED_RULES_VERSION = 2;

/** The row's other raw identifiers; `country` is the destination's `default_country` where the row has none. */
export type IdentifierHints = Readonly<Partial<Record<IdentifierKind, string>>>;

/** What is sent for one value; null where it is not valid. Never throws, whatever the text. */
export type IdentifierRule = (value: string, hints: IdentifierHints) => string | null;

export type IdentifierRules = Readonly<Partial<Record<IdentifierKind, IdentifierRule>>>;

/** A normaliser of these rules. `version`: of the platform's own rules, raised whenever one of them changes what is sent. */
export function createNormaliser(version: number, rules: IdentifierRules): Normaliser {
  return {
    version: version + SHARED_RULES_VERSION - 1,
    normalise: (kind, value, hints) => rules[kind]?.(value, hints) ?? null,
  };
}

/** SHA-256 of the text in UTF-8, in lower-case hex. */
export const sha256 = (text: string): string => hash('sha256', text);

/** A SHA-256 in hex, in lower case; null for any other text. */
export function readSha256(text: string): string | null {
  const digest = text.trim().toLowerCase();
  return /^[0-9a-f]{64}$/.test(digest) ? digest : null;
}

/** Whether a text can only be an MD5, SHA-1 or SHA-256 in hex. No name, number or place looks like that. */
export function looksHashed(text: string): boolean {
  return /^\s*(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\s*$/i.test(text);
}

/** Hashes what a rule gives. A value that is hashed already is not valid: its column has to say so (`form: sha256`). */
export function hashed(rule: IdentifierRule): IdentifierRule {
  return (value, hints) => {
    if (looksHashed(value)) return null;
    const normal = rule(value, hints);
    return normal === null ? null : sha256(normal);
  };
}

/** An id as it is, without spaces around it. It may look like anything, a hash too. */
export const trimmed: IdentifierRule = (value) => textOrNull(value.trim());

/** null for the empty text. */
export const textOrNull = (text: string): string | null => (text === '' ? null : text);
