import { readEmail, readPhone } from '../contact-point.ts';
import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { renderJson } from '../json.ts';

/** Attributes of a profile; every other field is a custom property, and those of `location.` stand in the location. */
const ATTRIBUTES = new Set([
  'email',
  'phone_number',
  'external_id',
  'first_name',
  'last_name',
  'organization',
  'title',
  'locale',
  'image',
]);
const LOCATION = /^location\.(address1|address2|city|region|zip|country|latitude|longitude|timezone|ip)$/;

/** Of one profile, by Klaviyo. */
const PROFILE_BYTES_MAX = 100_000;

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;
type JsonObject = { [name: string]: FieldValue };

/** What a profile is written with. */
export interface ProfileInput {
  readonly json: JsonObject;
  /** It clears an attribute, which only a request of its own does: an import job leaves out every null. */
  readonly clears: boolean;
}

/** Whether the row clears an attribute of the profile (custom properties can be unset in a job, too). */
export function clearsAttribute(fields: Fields): boolean {
  // An empty phone number is sent as null: Klaviyo takes no other that is empty.
  return Object.entries(fields).some(
    ([name, value]) => (value === null && isAttribute(name)) || (value === '' && name === 'phone_number'),
  );
}

function isAttribute(name: string): boolean {
  return ATTRIBUTES.has(name) || LOCATION.test(name);
}

/** One profile of `profile-import` and `profile-bulk-import-jobs`; `id`: of a profile that is known, which is changed whatever its key. */
export function renderProfile(row: OutgoingRow, config: Config, id: string | null = null): ProfileInput {
  const fields: Fields = row.fields() ?? {};
  const attributes: JsonObject = {};
  const location: JsonObject = {};
  const properties: JsonObject = {};
  const unset: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const place = LOCATION.exec(name)?.[1];
    if (place !== undefined) location[place] = textOrNull(value);
    else if (name === 'phone_number') attributes[name] = phoneOf(value, fields, config);
    else if (ATTRIBUTES.has(name)) attributes[name] = textOrNull(value);
    else if (value === null) unset.push(name);
    else properties[name] = value;
  }
  attributes[String(config['id_property'])] = row.key;
  if (Object.keys(location).length > 0) attributes['location'] = location;
  if (Object.keys(properties).length > 0) attributes['properties'] = properties;
  const json: JsonObject = { type: 'profile', ...(id === null ? {} : { id }), attributes };
  if (unset.length > 0) json['meta'] = { patch_properties: { unset } };
  return { json, clears: clearsAttribute(fields) };
}

/** Attributes are texts; only null is null. */
function textOrNull(value: FieldValue): FieldValue {
  if (value === null) return null;
  return typeof value === 'object' ? renderJson(value) : String(value);
}

function phoneOf(value: FieldValue, fields: Fields, config: Config): FieldValue {
  if (value === null || value === '') return null;
  return readPhone(String(value), countryOf(fields, config)) ?? String(value);
}

function countryOf(fields: Fields, config: Config): string | undefined {
  const country = fields['location.country'];
  if (typeof country === 'string' && country !== '') return country;
  return typeof config['default_country'] === 'string' ? config['default_country'] : undefined;
}

/**
 * What Klaviyo would refuse of a profile: a key that is none, a phone number that is not E.164, a profile above 100 KB.
 * Without the settings nothing is known of the key.
 */
export function validateProfile(row: OutgoingRow, config: Config | undefined): Invalidity | null {
  if (row.operation === 'delete' || config === undefined) return null;
  const fields: Fields = row.fields() ?? {};
  const email = config['id_property'] === 'email' ? row.key : fields['email'];
  if (typeof email === 'string' && email !== '' && readEmail(email) === null) {
    return { code: 'invalid-email', message: 'The e-mail address is none' };
  }
  // By its key a profile is found again, and deleted: two spellings of one number would be two rows of one profile.
  if (config['id_property'] === 'phone_number') {
    if (readPhone(row.key, undefined) === row.key) return tooLarge(row, config);
    return { code: 'invalid-phone', message: 'The value of the id property is not a phone number in E.164' };
  }
  const phone = fields['phone_number'];
  const isPhone = phone === undefined || phone === null || phone === '';
  if (!isPhone && readPhone(String(phone), countryOf(fields, config)) === null) {
    return {
      code: 'invalid-phone',
      message: 'The phone number is none, or has no country code and no country is known',
    };
  }
  return tooLarge(row, config);
}

function tooLarge(row: OutgoingRow, config: Config): Invalidity | null {
  // A profile is hardly longer than its fields: only long ones are looked at.
  const tooLong = (row.fieldsJson?.length ?? 0) * 3 > PROFILE_BYTES_MAX;
  if (tooLong && Buffer.byteLength(renderJson(renderProfile(row, config).json)) > PROFILE_BYTES_MAX) {
    return { code: 'profile-too-large', message: 'The profile has more than the 100 KB that Klaviyo takes' };
  }
  return null;
}
