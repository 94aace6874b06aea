import { isIP } from 'node:net';
import { readEmail, readPhone } from '../contact-point.ts';
import { readCountry } from '../country.ts';
import type { Normaliser } from '../destination.ts';
import { createNormaliser, hashed, type IdentifierRules, textOrNull, trimmed } from '../identifier-rules.ts';

/**
 * Raised whenever a rule below changes what is sent for the same input, so that a removal is hashed as its add was.
 *
 * The rules are those of the Data Manager API v1, “Format user data", with phones parsed first (E.164 needs a country).
 */
const GOOGLE_RULES_VERSION = 2;

/** Lower case, without spaces; of gmail.com and googlemail.com without the dots and the `+suffix` of the local part. */
export function normaliseEmail(value: string): string | null {
  const email = readEmail(value.replace(/\s+/g, ''));
  if (email === null) return null;
  const at = email.lastIndexOf('@');
  const [local, domain] = [email.slice(0, at), email.slice(at + 1)];
  if (domain !== 'gmail.com' && domain !== 'googlemail.com') return email;
  const mailbox = (local.split('+')[0] ?? '').replaceAll('.', '');
  return mailbox === '' ? null : `${mailbox}@${domain}`;
}

const TITLES = /^(mr|mrs|ms|miss|mx|dr|prof|sir|herr|frau|monsieur|madame|mme|mlle|sr|sra|signor|signora)\.?\s+/;
const SUFFIXES = /[\s,]+(jr|sr|2nd|3rd|ii|iii|iv|v|phd|md|esq|cpa|dds|dvm|rn)\.?$/;
/** With a dot inside: `Ph.D.` */
const DOTTED = /\b(ph|m)\.d\.?$/;

/** Lower case, trimmed, without titles (Mrs) and punctuation; accents and inner spaces stay. */
export function normaliseGivenName(value: string): string | null {
  return nameOrNull(tidy(value).replace(TITLES, ''));
}

/** Lower case, trimmed, without suffixes (Jr, III, PhD) and punctuation; accents and inner spaces stay. */
export function normaliseFamilyName(value: string): string | null {
  const name = tidy(value).replace(DOTTED, '$1d').replace(SUFFIXES, '');
  return nameOrNull(name.replace(SUFFIXES, ''));
}

const tidy = (value: string): string => value.normalize('NFC').trim().toLowerCase().replace(/\s+/g, ' ');

/** Punctuation that joins (O'Brien, Mary-Jane) goes without a trace, as does every other. */
function nameOrNull(name: string): string | null {
  return textOrNull(name.replace(/\p{P}/gu, '').replace(/\s+/g, ' ').trim());
}

/** Trimmed, in clear. Google takes US codes with and without the four digits after the dash, and national forms elsewhere. */
export function normalisePostalCode(value: string): string | null {
  const code = value.normalize('NFKC').trim().replace(/\s+/g, ' ').toUpperCase();
  return /^[\p{L}\p{N}][\p{L}\p{N} -]{1,14}$/u.test(code) ? code : null;
}

/** ISO 3166-1 alpha-2 in upper case, in clear; null for a country that is not known, rather than a wrong one. */
export function normaliseRegionCode(value: string): string | null {
  return readCountry(value);
}

/** IDFA or AAID as it comes; null for the id of zeros, which devices give when tracking is off. */
export function normaliseMobileId(value: string): string | null {
  const id = value.trim();
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id) && /[1-9a-f]/i.test(id) ? id : null;
}

/** A click id as the landing page got it. Case counts. Shorter than ten characters none has been. */
export function normaliseClickId(value: string): string | null {
  const id = value.trim();
  return /^[\w-]{10,512}$/.test(id) ? id : null;
}

const PERSON: IdentifierRules = {
  email: hashed(normaliseEmail),
  phone: hashed((value, hints) => readPhone(value, hints.country)),
  first_name: hashed(normaliseGivenName),
  last_name: hashed(normaliseFamilyName),
  zip: normalisePostalCode,
  country: normaliseRegionCode,
};

const AUDIENCE_RULES: IdentifierRules = { ...PERSON, mobile_advertising_id: normaliseMobileId, user_id: trimmed };

const EVENT_RULES: IdentifierRules = {
  ...PERSON,
  gclid: normaliseClickId,
  gbraid: normaliseClickId,
  wbraid: normaliseClickId,
  ip: (value) => (isIP(value.trim()) === 0 ? null : value.trim()),
  user_agent: trimmed,
};

export const audienceNormaliser: Normaliser = createNormaliser(GOOGLE_RULES_VERSION, AUDIENCE_RULES);
export const eventNormaliser: Normaliser = createNormaliser(GOOGLE_RULES_VERSION, EVENT_RULES);
