import { type Answer, jsonAnswer, type ObjectTypeSetup, type RequestContext } from '../platform.ts';
import { invalidRequest, notFound } from './hubspot-answer.ts';
import { OBJECT_TYPES } from './lists.ts';
import { definitionOf, type PropertyRules, propertyExists, STANDARD_PROPERTIES } from './properties.ts';
import type { Records } from './records.ts';

const SINGULAR: Readonly<Record<string, string>> = {
  ...{ contact: 'contacts', company: 'companies', deal: 'deals', ticket: 'tickets', product: 'products' },
};
/** Standard types that HubSpot associates without anybody's doing. */
const ASSOCIATED = new Set(['contacts', 'companies', 'deals', 'tickets']);

/** The object types of one portal: standard ones, and custom ones by their name, id or full name (`p<portal>_name`, `p_name`). */
export class ObjectTypes {
  readonly #portal: PropertyRules;
  /** null: any type comes into being when it is used. */
  readonly #custom: ReadonlyMap<string, ObjectTypeSetup> | null;

  constructor(portal: PropertyRules, custom: Readonly<Record<string, ObjectTypeSetup>> | null) {
    this.#portal = portal;
    this.#custom = custom === null ? null : new Map(Object.entries(custom));
  }

  /** How records of the type are kept; null: there is no such type. */
  find(named: string): string | null {
    const text = named.toLowerCase();
    const standard = OBJECT_TYPES[text] ?? SINGULAR[text] ?? text;
    if (this.#custom === null) return /^[a-z0-9][a-z0-9_-]*$/.test(standard) ? standard : null;
    if (Object.values(OBJECT_TYPES).includes(standard)) return standard;
    for (const [name, { id }] of this.#custom) {
      if (text === id || text === name || text.replace(/^p\d*_/, '') === name) return id;
    }
    return null;
  }

  rules(type: string): PropertyRules {
    const setup = this.#setup(type);
    return setup === null ? this.#portal : { names: null, unique: new Set(), definitions: setup.properties };
  }

  canAssociate(from: string, to: string): boolean {
    if (this.#custom === null || (ASSOCIATED.has(from) && ASSOCIATED.has(to))) return true;
    const states = (one: string, other: string): boolean =>
      this.#setup(one)?.associates?.some((name) => this.find(name) === other) === true;
    return states(from, to) || states(to, from);
  }

  #setup(type: string): ObjectTypeSetup | null {
    return [...(this.#custom?.values() ?? [])].find(({ id }) => id === type) ?? null;
  }
}

export function unknownType(named: string, context: RequestContext): Answer {
  return invalidRequest(context, `Unable to infer object type from: ${named}`);
}

/** `GET /crm/properties/2026-09/{type}` and `…/{type}/{name}`. */
export function readProperties(
  { types, records }: { readonly types: ObjectTypes; readonly records: Records },
  { named, name }: { readonly named: string; readonly name: string | null },
  context: RequestContext,
): Answer {
  const type = types.find(named);
  if (type === null) return unknownType(named, context);
  const rules = types.rules(type);
  if (name !== null) {
    if (!propertyExists(rules, name)) return notFound(context, `Property "${name}" does not exist`);
    return jsonAnswer(200, describe(rules, type, name));
  }
  const used = records.ofType(type).flatMap((record) => [...record.properties.keys()]);
  const names = new Set([
    ...STANDARD_PROPERTIES,
    ...(rules.names ?? []),
    ...rules.unique,
    ...Object.keys(rules.definitions ?? {}),
    ...used,
  ]);
  const results = [...names].filter((one) => propertyExists(rules, one)).map((one) => describe(rules, type, one));
  return jsonAnswer(200, { results });
}

function describe(rules: PropertyRules, type: string, name: string): Record<string, unknown> {
  const { kind, unique, readOnly, options } = definitionOf(rules, type, name);
  return {
    ...{ name, label: name, type: kind, fieldType: FIELD_TYPES[kind] ?? 'text' },
    ...{ hasUniqueValue: unique, calculated: false, externalOptions: false, archived: false },
    options: options.map((value, displayOrder) => ({ label: value, value, displayOrder, hidden: false })),
    modificationMetadata: { archivable: !readOnly, readOnlyDefinition: readOnly, readOnlyValue: readOnly },
  };
}

const FIELD_TYPES: Readonly<Record<string, string>> = {
  ...{ enumeration: 'select', number: 'number', date: 'date', datetime: 'date' },
};
