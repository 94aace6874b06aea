import { z } from 'zod';

/** Identifiers of one audience member, by Google's own name. */
export type Member = Readonly<Record<string, readonly string[]>>;

/** Why an item cannot be taken. `field` is the path below the item, in snake case. */
export interface ItemProblem {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

export type KeyType = 'CONTACT_ID' | 'MOBILE_ID' | 'USER_ID';

const consentStatus = z.enum(['CONSENT_STATUS_UNSPECIFIED', 'CONSENT_GRANTED', 'CONSENT_DENIED']);
export const consentShape = z.strictObject({
  adUserData: consentStatus.optional(),
  adPersonalization: consentStatus.optional(),
});

const addressShape = z.strictObject({
  givenName: z.string().optional(),
  familyName: z.string().optional(),
  regionCode: z.string().optional(),
  postalCode: z.string().optional(),
  city: z.string().optional(),
  administrativeArea: z.string().optional(),
  addressLine: z.string().optional(),
});
/** A oneof: exactly one of the three. */
const identifierShape = z.strictObject({
  emailAddress: z.string().optional(),
  phoneNumber: z.string().optional(),
  address: addressShape.optional(),
});
export const userDataShape = z.strictObject({ userIdentifiers: z.array(identifierShape) });

const memberShape = z.strictObject({
  destinationReferences: z.array(z.string()).optional(),
  consent: consentShape.optional(),
  userData: userDataShape.optional(),
  mobileData: z.strictObject({ mobileIds: z.array(z.string()) }).optional(),
  userIdData: z.strictObject({ userId: z.string() }).optional(),
});

/** https://developers.google.com/data-manager/api/devguides/limits */
const IDENTIFIERS_MAX = 10;
const HASH_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export type Encoding = 'HEX' | 'BASE64';

/** A member of a request, or what is wrong with it. */
export function readMember(
  value: unknown,
  given: { readonly encoding: Encoding; readonly keyType: KeyType },
): { readonly member: Member; readonly isDenied: boolean } | { readonly problem: ItemProblem } {
  const parsed = memberShape.safeParse(value);
  if (!parsed.success) return { problem: shapeProblem(parsed.error) };
  const { userData, mobileData, userIdData, consent } = parsed.data;
  const kinds = [userData, mobileData, userIdData].filter((one) => one !== undefined);
  if (kinds.length !== 1)
    return wrong('', 'INVALID_AUDIENCE_MEMBER', 'The audience member must have one kind of data.');
  const held = userData ? 'CONTACT_ID' : mobileData ? 'MOBILE_ID' : 'USER_ID';
  if (held !== given.keyType) {
    return wrong('', 'INVALID_USER_LIST_TYPE', 'The type of the user list is not applicable for this request.');
  }
  const isDenied = consent?.adUserData === 'CONSENT_DENIED' || consent?.adPersonalization === 'CONSENT_DENIED';
  if (userIdData) return { member: { userId: [userIdData.userId] }, isDenied };
  if (mobileData) {
    const { mobileIds } = mobileData;
    const at = mobileIds.findIndex((id) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id));
    if (at >= 0)
      return wrong(`.mobile_data.mobile_ids[${at}]`, 'INVALID_MOBILE_ID_FORMAT', 'Mobile ID format is not valid.');
    if (mobileIds.length > IDENTIFIERS_MAX) return wrong('.mobile_data', 'TOO_MANY_USER_IDENTIFIERS', 'Too many ids.');
    return { member: { mobileId: mobileIds }, isDenied };
  }
  const read = readUserData(userData?.userIdentifiers ?? [], given.encoding);
  return 'problem' in read ? read : { member: read.person, isDenied };
}

/** The identifiers of a `UserData`, or what is wrong with them. */
export function readUserData(
  identifiers: z.infer<typeof userDataShape>['userIdentifiers'],
  encoding: Encoding,
): { readonly person: Member } | { readonly problem: ItemProblem } {
  if (identifiers.length === 0) return wrong('.user_data', 'REQUIRED_FIELD_MISSING', 'Required field is missing.');
  if (identifiers.length > IDENTIFIERS_MAX) {
    return wrong('.user_data.user_identifiers', 'TOO_MANY_USER_IDENTIFIERS', 'At most 10 user identifiers.');
  }
  const person: Record<string, string[]> = {};
  for (const [index, { emailAddress, phoneNumber, address }] of identifiers.entries()) {
    const at = `.user_data.user_identifiers[${index}]`;
    if ([emailAddress, phoneNumber, address].filter((one) => one !== undefined).length !== 1) {
      return wrong(at, 'INVALID_ARGUMENT', 'A user identifier must have exactly one value.');
    }
    const hashes: readonly (readonly [string, string | undefined])[] = address
      ? [
          ['address.given_name', address.givenName],
          ['address.family_name', address.familyName],
        ]
      : [[emailAddress === undefined ? 'phone_number' : 'email_address', emailAddress ?? phoneNumber]];
    for (const [field, hash] of hashes) {
      const problem = hashProblem(hash, encoding);
      if (problem !== null) return wrong(`${at}.${field}`, problem, 'The hashed value is malformed.');
    }
    if (address) {
      if (!/^[A-Z]{2}$/.test(address.regionCode ?? ''))
        return wrong(`${at}.address.region_code`, 'INVALID_REGION_CODE', 'The region code is not valid.');
      if (!/^[\p{L}\p{N} -]{2,16}$/u.test(address.postalCode ?? ''))
        return wrong(`${at}.address.postal_code`, 'INVALID_POSTAL_CODE', 'Postal code is not valid.');
    }
    const [kind, text] = address
      ? [
          'address',
          `${toHex(address.givenName ?? '', encoding)} ${toHex(address.familyName ?? '', encoding)} ${address.regionCode} ${address.postalCode}`,
        ]
      : [
          emailAddress === undefined ? 'phoneNumber' : 'emailAddress',
          toHex(emailAddress ?? phoneNumber ?? '', encoding),
        ];
    person[kind] = [...(person[kind] ?? []), text].sort();
  }
  return { person };
}

function hashProblem(text: string | undefined, encoding: Encoding): string | null {
  if (text === undefined) return 'REQUIRED_FIELD_MISSING';
  const isEncoded = encoding === 'HEX' ? /^[0-9a-fA-F]*$/.test(text) : /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  if (!isEncoded) return encoding === 'HEX' ? 'INVALID_HEX_ENCODING' : 'INVALID_BASE64_ENCODING';
  const hex = toHex(text, encoding);
  return hex.length === 64 && hex !== HASH_OF_NOTHING ? null : 'INVALID_SHA256_FORMAT';
}

function toHex(text: string, encoding: Encoding): string {
  return encoding === 'HEX' ? text.toLowerCase() : Buffer.from(text, 'base64').toString('hex');
}

/** Unknown names are refused as the API refuses them, with the place in the request. */
export function shapeProblem(error: z.ZodError): ItemProblem {
  const issue = error.issues[0];
  const path = (issue?.path ?? [])
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${snake(String(part))}`))
    .join('');
  const names = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  const message =
    names.length > 0
      ? `Invalid JSON payload received. Unknown name "${names[0]}": Cannot find field.`
      : 'Invalid value.';
  return { field: path, reason: 'INVALID_FORMAT', message };
}

export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function wrong(field: string, reason: string, message: string): { readonly problem: ItemProblem } {
  return { problem: { field, reason, message } };
}
