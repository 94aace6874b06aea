import { readArray, readObject, readText, refused } from '../answer.ts';
import type { BatchOutcome, FieldValue } from '../destination.ts';
import type { HubspotApi } from './api.ts';

/** One property of an object type, as HubSpot defines it. */
export interface PropertyDefinition {
  readonly name: string;
  /** string, number, date, datetime, enumeration, bool … */
  readonly type: string;
  /** Several options at once, joined by `;`. */
  readonly several: boolean;
  readonly unique: boolean;
  readonly readOnly: boolean;
  /** Values of an enumeration; null where any value is taken, or the options stand elsewhere. */
  readonly options: ReadonlySet<string> | null;
}

/** By name, those that are used. */
export type Schema = ReadonlyMap<string, PropertyDefinition>;

/** What HubSpot says of the properties; null: it would not say, which stops nothing, since each row has its own answer. */
export type SchemaReading =
  | { readonly kind: 'schema'; readonly schema: Schema; readonly missing: readonly string[] }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome }
  | null;

/** Names asked for one by one, at most. */
const ASKED_MAX = 25;

/**
 * Reads what is known of these properties: `GET /crm/properties/2026-09/{type}`, which names all but those that hold sensitive
 * data, then `GET …/{type}/{name}` for each that is not among them. Missing is only what HubSpot says is not there (404).
 * An object type that does not exist is refused.
 */
export async function readSchema(api: HubspotApi, type: string, names: readonly string[]): Promise<SchemaReading> {
  const path = `/crm/properties/{version}/${encodeURIComponent(type.toWellFormed())}`;
  const answer = await api.call({ method: 'GET', path });
  if (answer.kind === 'outcome') {
    const said = 'message' in answer.outcome ? answer.outcome.message : '';
    return namesUnknownType(said) ? { kind: 'outcome', outcome: unknownType(said) } : null;
  }
  const results = answer.value['results'];
  if (!Array.isArray(results)) return null;
  const schema = new Map<string, PropertyDefinition>();
  for (const item of results) {
    const definition = readDefinition(item);
    if (definition !== null && names.includes(definition.name)) schema.set(definition.name, definition);
  }
  const missing: string[] = [];
  for (const name of names.filter((one) => !schema.has(one)).slice(0, ASKED_MAX)) {
    const one = await api.call({ method: 'GET', path: `${path}/${encodeURIComponent(name.toWellFormed())}` });
    const definition = one.kind === 'value' ? readDefinition(one.value) : null;
    if (definition !== null) schema.set(name, definition);
    else if (one.kind === 'outcome' && one.status === 404) missing.push(name);
  }
  return { kind: 'schema', schema, missing };
}

/** HubSpot's word for a type that no account has: `Unable to infer object type from: …`. */
export function namesUnknownType(message: string): boolean {
  return /infer object type|object ?type .*(not exist|not found|invalid)/i.test(message);
}

function unknownType(message: string): BatchOutcome {
  return refused(
    'object-type-unknown',
    message,
    'Set config.object_type to a standard type (contacts), or to the id (2-123456) or the full name (p123_name) of a custom object: HubSpot shows both under Settings, Objects, Custom objects.',
  );
}

function readDefinition(item: unknown): PropertyDefinition | null {
  const found = readObject(item);
  const name = readText(found?.['name']);
  if (found === null || name === null) return null;
  const type = readText(found['type']) ?? 'string';
  const values = readArray(found['options']).flatMap((option) => readText(readObject(option)?.['value']) ?? []);
  const metadata = readObject(found['modificationMetadata']);
  return {
    name,
    type,
    several: found['fieldType'] === 'checkbox',
    unique: found['hasUniqueValue'] === true,
    readOnly: found['calculated'] === true || metadata?.['readOnlyValue'] === true,
    // Options of owners, for instance, stand elsewhere and are not listed here.
    options: type === 'enumeration' && values.length > 0 && found['externalOptions'] !== true ? new Set(values) : null,
  };
}

/**
 * What makes the whole mapping wrong: properties that are not there or take no value, an id property whose values are not
 * unique. null: nothing. A contact's `email` is always good for an id, whatever its definition says.
 */
export function schemaProblem(
  { schema, missing }: { readonly schema: Schema; readonly missing: readonly string[] },
  { type, idProperty }: { readonly type: string; readonly idProperty: string },
): BatchOutcome | null {
  if (missing.length > 0) {
    const make = missing.map((name) => `${name}${name === idProperty ? ' (with unique values)' : ''}`).join(', ');
    return refused(
      'property-missing',
      `The HubSpot account has no property ${missing.join(', ')} of ${type}`,
      `Create in HubSpot, under Settings, Properties, object ${type}, with exactly this internal name: ${make}. Or take the field out of the mapping.`,
    );
  }
  const isEmail = idProperty === 'email' && /^(contacts?|0-1)$/i.test(type);
  const id = schema.get(idProperty);
  if (id !== undefined && !id.unique && !isEmail) {
    return refused(
      'property-not-unique',
      `The property ${idProperty} of ${type} may hold one value twice, so that no record can be found by it`,
      `Create another property of ${type} in HubSpot with “Require unique values for this property” switched on (which cannot be changed later), and name it in config.id_property.`,
    );
  }
  const closed = [...schema.values()].filter((definition) => definition.readOnly).map(({ name }) => name);
  if (closed.length === 0) return null;
  return refused(
    'property-read-only',
    `HubSpot sets ${closed.join(', ')} of ${type} itself`,
    'Take the field out of the mapping.',
  );
}

/** A value that an enumeration does not have, or a property that HubSpot would not take it for; null: none is known. No personal data. */
export function optionProblem(schema: Schema, fields: Readonly<Record<string, FieldValue>>): string | null {
  for (const [name, value] of Object.entries(fields)) {
    const definition = schema.get(name);
    if (definition?.options == null || value === null) continue;
    const { options } = definition;
    const texts = (Array.isArray(value) ? value : [value]).map(String);
    const values = definition.several ? texts.flatMap((text) => text.split(';')) : texts;
    if (values.every((text) => text === '' || options.has(text))) continue;
    const known = [...options].slice(0, 10).join(', ');
    return `${name} is none of the options that HubSpot has for it: ${known}${options.size > 10 ? ' …' : ''}`;
  }
  return null;
}

/** A property of type `date` takes a day: of an instant, its day in UTC. */
export function fitToSchema(
  schema: Schema,
  properties: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const isInstant = /^\d{4}-\d{2}-\d{2}[T ]/;
  return Object.fromEntries(
    Object.entries(properties).map(([name, text]) => [
      name,
      schema.get(name)?.type === 'date' && isInstant.test(text) ? text.slice(0, 10) : text,
    ]),
  );
}
