import type { FieldValue, Invalidity, ServiceContext } from '../destination.ts';

type Fields = Readonly<Record<string, FieldValue>>;
type Config = ServiceContext['config'];

/** `Consent` of the Data Manager API. `null`: nobody has said anything. */
export interface ConsentState {
  readonly adUserData: ConsentStatus | null;
  readonly adPersonalization: ConsentStatus | null;
}

export type ConsentStatus = 'CONSENT_GRANTED' | 'CONSENT_DENIED';

/** A mapped column decides alone, and its NULL is no consent; without one the setting speaks for everybody. */
export function readConsent(fields: Fields, config: Config): ConsentState {
  const of = (field: string): ConsentStatus | null =>
    Object.hasOwn(fields, field) ? readStatus(fields[field]) : readStatus(config[`consent_${field}`]);
  return { adUserData: of('ad_user_data'), adPersonalization: of('ad_personalization') };
}

function readStatus(value: unknown): ConsentStatus | null {
  if (typeof value === 'boolean') return value ? 'CONSENT_GRANTED' : 'CONSENT_DENIED';
  const word = typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (/^(consent_)?granted$|^true$|^yes$/.test(word)) return 'CONSENT_GRANTED';
  return /^(consent_)?denied$|^false$|^no$/.test(word) ? 'CONSENT_DENIED' : null;
}

/**
 * Why the row may not go out: no consent to send data, or, where the platform needs it (audiences), none to personalise.
 * Consent that was withdrawn also removes what was sent before.
 */
export function refuseWithoutConsent(consent: ConsentState, needsPersonalization: boolean): Invalidity | null {
  const needed = [consent.adUserData, ...(needsPersonalization ? [consent.adPersonalization] : [])];
  if (needed.includes('CONSENT_DENIED')) {
    return { code: 'consent-denied', message: 'The person has not agreed', leaves: true };
  }
  const isKnown = !needed.includes(null) && consent.adPersonalization !== null;
  return isKnown ? null : { code: 'consent-unknown', message: 'Nothing says that the person has agreed', leaves: true };
}
