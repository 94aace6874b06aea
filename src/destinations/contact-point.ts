import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { readCountry } from './country.ts';
import { looksHashed } from './identifier-rules.ts';

const LOCAL_PART = /^[^\s@"(),:;<>[\]\\.]+(\.[^\s@"(),:;<>[\]\\.]+)*$/u;
const DOMAIN = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,}$/u;

/** An e-mail address, trimmed and in lower case; null when the text is none (RFC 5321 lengths; quoted local parts are not taken). */
export function readEmail(text: string): string | null {
  const email = text.trim().normalize('NFC').toLowerCase();
  const at = email.lastIndexOf('@');
  if (at < 1 || at > 64 || email.length > 254) return null;
  return LOCAL_PART.test(email.slice(0, at)) && DOMAIN.test(email.slice(at + 1)) ? email : null;
}

/**
 * A phone number as E.164 (`+33612345678`); null when the text is none, or a national number whose country is unknown.
 * `country` is any way of naming one that `readCountry` knows; one that it does not know is no country, rather than another.
 * `00` before a country code counts as `+`; digits may be full-width.
 */
export function readPhone(text: string, country: string | undefined): string | null {
  if (looksHashed(text)) return null;
  const number = text
    .normalize('NFKC')
    .trim()
    .replace(/^00[\s.-]*(?=[1-9])/, '+');
  const region = country === undefined ? null : readCountry(country);
  if (region === null && !number.startsWith('+')) return null;
  const phone = parsePhoneNumberFromString(number, region ?? undefined);
  return phone?.isPossible() === true ? phone.number : null;
}
