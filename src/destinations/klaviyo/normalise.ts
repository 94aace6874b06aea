import { readEmail, readPhone } from '../contact-point.ts';
import { readCountry } from '../country.ts';
import type { Normaliser } from '../destination.ts';
import { createNormaliser, textOrNull } from '../identifier-rules.ts';

/** Raised whenever a rule below changes what is sent for the same input. */
const KLAVIYO_RULES_VERSION = 1;

/**
 * Identifiers as Klaviyo keeps them, in clear: e-mail addresses trimmed and in lower case, phone numbers as E.164, external
 * ids as they are. A country only helps to read a phone.
 */
export const klaviyoNormaliser: Normaliser = createNormaliser(KLAVIYO_RULES_VERSION, {
  email: readEmail,
  phone: (value, { country }) => readPhone(value, country),
  country: readCountry,
  external_id: (value) => (value.trim() === '' ? null : textOrNull(value)),
});
