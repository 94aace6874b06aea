import type { IdentifierKind } from '../../artifacts/annotation.ts';
import type { FieldValue, OutgoingRow, SentIdentifier, ServiceContext } from '../destination.ts';
import { readConsent } from './consent.ts';
import type { JsonObject } from './ingest.ts';

type Config = ServiceContext['config'];

/** https://developers.google.com/data-manager/api/devguides/limits */
export const IDENTIFIERS_MAX = 10;

/** What a list of each type is matched by; a list takes no other kind (`MULTIPLE_DATA_TYPES_NOT_ALLOWED`). */
const KINDS: Readonly<Record<string, readonly IdentifierKind[]>> = {
  contact: ['email', 'phone'],
  mobile: ['mobile_advertising_id'],
  user_id: ['user_id'],
};

/** The row's identifiers that the list takes, the first of each kind first. */
export function identifiersFor(row: OutgoingRow, config: Config): readonly SentIdentifier[] {
  const kinds = KINDS[String(config['list_type'] ?? 'contact')] ?? [];
  return row.identifiers.filter(({ kind }) => kinds.includes(kind)).sort((a, b) => a.rank - b.rank);
}

/** `AudienceMember`s of one change: usually one; more where a removal has more than 10 identifiers, none where it has none. */
export function renderMembers(row: OutgoingRow, config: Config): readonly JsonObject[] {
  const identifiers = identifiersFor(row, config);
  if (identifiers.length === 0) return [];
  const isAdd = row.operation !== 'delete';
  const consent = isAdd ? { consent: renderConsent(row, config) } : {};
  if (config['list_type'] === 'user_id') {
    return identifiers.map(({ value }) => ({ userIdData: { userId: value }, ...consent }));
  }
  if (config['list_type'] === 'mobile') {
    const ids = identifiers.map(({ value }) => value);
    return chunks(ids).map((mobileIds) => ({ mobileData: { mobileIds }, ...consent }));
  }
  const userIdentifiers = renderUserIdentifiers(identifiers, config);
  const address = isAdd && config['send_address'] === true ? renderAddress(row.identifiers, config) : null;
  const all = address === null ? userIdentifiers : [...userIdentifiers, { address }];
  return chunks(all).map((some) => ({ userData: { userIdentifiers: some }, ...consent }));
}

/** How many identifiers a member would carry. */
export function identifierCount(row: OutgoingRow, config: Config): number {
  const address = config['send_address'] === true && renderAddress(row.identifiers, config) !== null;
  return identifiersFor(row, config).length + (address ? 1 : 0);
}

/** `UserIdentifier`s of e-mail addresses and phones. */
export function renderUserIdentifiers(identifiers: readonly SentIdentifier[], config: Config): readonly JsonObject[] {
  return identifiers.flatMap(({ kind, value }): readonly JsonObject[] => {
    if (kind === 'email') return [{ emailAddress: encode(value, config) }];
    return kind === 'phone' ? [{ phoneNumber: encode(value, config) }] : [];
  });
}

/** `AddressInfo`: names hashed, region and postal code in clear; null unless all four are there. */
export function renderAddress(identifiers: readonly SentIdentifier[], config: Config): JsonObject | null {
  const of = (kind: IdentifierKind): string | undefined => identifiers.find((one) => one.kind === kind)?.value;
  const [first, last, zip, country] = [of('first_name'), of('last_name'), of('zip'), of('country')];
  if (first === undefined || last === undefined || zip === undefined || country === undefined) return null;
  return {
    givenName: encode(first, config),
    familyName: encode(last, config),
    regionCode: country,
    postalCode: zip,
  };
}

export function encode(hex: string, config: Config): string {
  return config['encoding'] === 'BASE64' ? Buffer.from(hex, 'hex').toString('base64') : hex;
}

export function encodingOf(config: Config): string {
  return config['encoding'] === 'BASE64' ? 'BASE64' : 'HEX';
}

function renderConsent(row: OutgoingRow, config: Config): { readonly [name: string]: FieldValue } {
  const { adUserData, adPersonalization } = readConsent(row.fields() ?? {}, config);
  return { adUserData, adPersonalization };
}

function chunks<Value>(values: readonly Value[]): readonly (readonly Value[])[] {
  return Array.from({ length: Math.ceil(values.length / IDENTIFIERS_MAX) }, (_, index) =>
    values.slice(index * IDENTIFIERS_MAX, (index + 1) * IDENTIFIERS_MAX),
  );
}
