import { isIP } from 'node:net';
import { readEmail, readPhone } from '../contact-point.ts';
import { readCountry } from '../country.ts';
import type { Normaliser } from '../destination.ts';
import { createNormaliser, hashed, type IdentifierRules, sha256, textOrNull, trimmed } from '../identifier-rules.ts';
import { regionCode } from './regions.ts';

/**
 * Raised whenever a rule below changes what is sent for the same input, so that a removal is hashed as its add was.
 *
 * The rules are those of Meta's own parameter builder for API v26.0, with phones parsed first (it needs the country code,
 * and does not drop the trunk 0 of `+44 (0)20 …`). It also takes any 64 hex digits for a hash; we do not: columns say it.
 */
const META_RULES_VERSION = 2;

/** Lower case, without spaces and ASCII punctuation; accents stay. */
export function normaliseName(value: string): string | null {
  const name = value.normalize('NFC').toLowerCase();
  return textOrNull(name.replace(/[\s!-/:-@[-`{-~]/g, ''));
}

/** Letters a–z only: accented letters are left out, as Meta's own builder does. */
export function normaliseCity(value: string): string | null {
  return textOrNull(letters(value));
}

/** The two-letter code in the US and Canada, also of `US-CA` (ISO 3166-2) and `Québec`; elsewhere the first two letters. */
export function normaliseState(value: string): string | null {
  const plain = letters(value.normalize('NFD'));
  const coded = /^\s*(?:us|ca)-([a-z]{2})\s*$/i.exec(value)?.[1]?.toLowerCase();
  return textOrNull(coded ?? regionCode(plain) ?? letters(value).slice(0, 2));
}

/** Lower case a–z, full-width letters among them. */
function letters(value: string): string {
  const narrow = value.replace(/[\uFF21-\uFF5A]/g, (letter) => letter.normalize('NFKC'));
  return narrow.toLowerCase().replace(/[^a-z]/g, '');
}

/** Lower case, up to a dash (US ZIP+4); inner spaces stay. */
export function normaliseZip(value: string): string | null {
  return textOrNull((value.normalize('NFKC').toLowerCase().split('-')[0] ?? '').trim());
}

/** ISO 3166-1 alpha-2, lower case; null for a country that is not known, rather than a wrong one. */
export function normaliseCountry(value: string): string | null {
  return readCountry(value)?.toLowerCase() ?? null;
}

const FEMALE =
  /^(f|female|w|woman|girl|frau|femme|féminin|mme|madame|mlle|mrs|ms|miss|weiblich|mujer|femenino|donna|femminile|vrouw)$/;
const MALE = /^(m|male|man|boy|herr|homme|masculin|monsieur|mr|männlich|hombre|masculino|uomo|maschile)$/;

/** `f` or `m`; null for anything else. */
export function normaliseGender(value: string): string | null {
  const word = value.normalize('NFKC').trim().toLowerCase().replace(/\.$/, '');
  if (FEMALE.test(word)) return 'f';
  return MALE.test(word) ? 'm' : null;
}

/**
 * Year, month and day of a date written `YYYY-MM-DD`, `YYYY/MM/DD`, `YYYY.MM.DD` (a time after it is ignored) or `YYYYMMDD`; null
 * when it is no date. What begins with a day or a month is not read: nothing says which of the two comes first.
 */
export function readBirthDate(value: string): readonly [year: string, month: string, day: string] | null {
  const match = /^(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:$|[T ])/.exec(value.normalize('NFKC').trim());
  if (match === null) return null;
  const [, year = '', , month = '', day = ''] = match;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const exists = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  return exists && Number(year) >= 1900 ? [year, month, day] : null;
}

/** Digits with the country code, without `+`. */
export function normalisePhone(value: string, country: string | undefined): string | null {
  return readPhone(value, country)?.slice(1) ?? null;
}

/** Lower-case UUID; null for the id of zeros, which devices give when tracking is off. */
export function normaliseMobileAdvertisingId(value: string): string | null {
  const id = value.trim().toLowerCase();
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) && /[1-9a-f]/.test(id) ? id : null;
}

const PERSON: IdentifierRules = {
  email: hashed(readEmail),
  phone: hashed((value, hints) => normalisePhone(value, hints.country)),
  first_name: hashed(normaliseName),
  last_name: hashed(normaliseName),
  gender: hashed(normaliseGender),
  city: hashed(normaliseCity),
  state: hashed(normaliseState),
  zip: hashed(normaliseZip),
  country: hashed(normaliseCountry),
  mobile_advertising_id: normaliseMobileAdvertisingId,
};

const AUDIENCE_RULES: IdentifierRules = {
  ...PERSON,
  external_id: trimmed,
  /** Three columns of the schema, so three hashes: year, month, day, joined by a dot. */
  date_of_birth: (value) => readBirthDate(value)?.map(sha256).join('.') ?? null,
};

const EVENT_RULES: IdentifierRules = {
  ...PERSON,
  /** An id may look like a hash: it is hashed like any other. */
  external_id: (value, hints) => {
    const id = trimmed(value, hints);
    return id === null ? null : sha256(id);
  },
  date_of_birth: hashed((value) => readBirthDate(value)?.join('') ?? null),
  fbc: browserId,
  fbp: browserId,
  ip: (value) => (isIP(value.trim()) === 0 ? null : value.trim()),
  user_agent: trimmed,
};

/** Meta's cookies: `fb.<subdomain index>.<milliseconds>.<value>`. */
function browserId(value: string): string | null {
  return /^fb\.\d\.\d+\.\S+$/.test(value.trim()) ? value.trim() : null;
}

export const audienceNormaliser: Normaliser = createNormaliser(META_RULES_VERSION, AUDIENCE_RULES);
export const eventNormaliser: Normaliser = createNormaliser(META_RULES_VERSION, EVENT_RULES);
