import { readEmail, readPhone } from '../contact-point.ts';
import { readCountry } from '../country.ts';
import type { Normaliser } from '../destination.ts';

/**
 * Identifiers as Klaviyo keeps them, in clear: e-mail addresses trimmed and in lower case, phone numbers as E.164, external
 * ids as they are. Raised whenever a rule changes what is sent for the same input. A country only helps to read a phone.
 */
export const klaviyoNormaliser: Normaliser = {
  version: 1,
  normalise(kind, value, hints) {
    if (kind === 'email') return readEmail(value);
    if (kind === 'phone') return readPhone(value, hints.country);
    if (kind === 'country') return readCountry(value);
    return kind === 'external_id' && value.trim() !== '' ? value : null;
  },
};
