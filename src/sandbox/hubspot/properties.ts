import type { PropertySetup } from '../platform.ts';

/** What is wrong with one value, in HubSpot's words. */
export interface PropertyProblem {
  readonly name: string;
  readonly error: string;
  readonly message: string;
  /** Set where a correct client would never send it, whatever its data. */
  readonly violation: string | null;
}

const VALUE_LENGTH_MAX = 65_536;
const READ_ONLY = new Set(['hs_object_id', 'createdate', 'lastmodifieddate', 'hs_createdate', 'hs_lastmodifieddate']);
const NUMBERS = new Set([
  'annualrevenue',
  'numberofemployees',
  'amount',
  'hs_latitude',
  'hs_longitude',
  'days_to_close',
]);
const DATES = new Set(['closedate', 'hs_content_membership_registered_at']);
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  lifecyclestage: [
    ...[
      'subscriber',
      'lead',
      'marketingqualifiedlead',
      'salesqualifiedlead',
      'opportunity',
      'customer',
      'evangelist',
      'other',
    ],
  ],
};
const EMAIL = /^[^\s@<>(),;:"]+@[^\s@<>(),;:".]+(?:\.[^\s@<>(),;:".]+)+$/;

/** Which properties exist. By default every lower-case name does, and those named `…_id` or `…_key` have unique values. */
export interface PropertyRules {
  /** null: open. */
  readonly names: ReadonlySet<string> | null;
  readonly unique: ReadonlySet<string>;
  /** A custom object: its properties, and no others. */
  readonly definitions?: Readonly<Record<string, PropertySetup>>;
}

/** Named with every object type of an open portal. */
export const STANDARD_PROPERTIES: readonly string[] = [
  ...['email', 'firstname', 'lastname', 'phone', 'company', 'address', 'city', 'state', 'zip', 'country'],
  ...['name', 'domain', 'website', ...NUMBERS, ...DATES, ...Object.keys(OPTIONS), ...READ_ONLY],
];

/** How a property is described. */
export function definitionOf(
  rules: PropertyRules,
  type: string,
  name: string,
): {
  readonly kind: string;
  readonly unique: boolean;
  readonly readOnly: boolean;
  readonly options: readonly string[];
} {
  const own = rules.definitions?.[name];
  const options = own?.options ?? (rules.definitions ? [] : (OPTIONS[name] ?? []));
  const kind = options.length > 0 ? 'enumeration' : NUMBERS.has(name) ? 'number' : DATES.has(name) ? 'date' : 'string';
  const readOnly = READ_ONLY.has(name) || own?.readOnly === true;
  return { kind: own?.type ?? kind, unique: isUnique(rules, type, name), readOnly, options };
}

/** Whether values of the property are unique, so that it can be an `idProperty`. */
export function isUnique(rules: PropertyRules, type: string, name: string): boolean {
  if (rules.definitions !== undefined) return rules.definitions[name]?.unique === true;
  if (rules.unique.has(name)) return true;
  if (name === 'email') return type === 'contacts';
  return /_(?:id|key)$/.test(name) && !READ_ONLY.has(name);
}

export function propertyExists(rules: PropertyRules, name: string): boolean {
  if (rules.definitions !== undefined) return Object.hasOwn(rules.definitions, name) || READ_ONLY.has(name);
  if (rules.names === null) return /^[a-z][a-z0-9_]{0,99}$/.test(name);
  return rules.names.has(name) || rules.unique.has(name) || name === 'email' || READ_ONLY.has(name);
}

/** The value as HubSpot keeps it. */
export function storedValue(name: string, value: string): string {
  return name === 'email' ? value.trim().toLowerCase() : value;
}

/** Why HubSpot would not take the value, or null. */
export function propertyProblem(rules: PropertyRules, name: string, value: string): PropertyProblem | null {
  const problem = (error: string, message: string, violation: string | null = null): PropertyProblem => ({
    ...{ name, error, message, violation },
  });
  const own = rules.definitions?.[name];
  if (READ_ONLY.has(name) || own?.readOnly === true)
    return problem('READ_ONLY_VALUE', `"${name}" is a read only property`, 'read-only-property');
  if (!propertyExists(rules, name)) return problem('PROPERTY_DOESNT_EXIST', `Property "${name}" does not exist`);
  if (value === '') return null;
  if (value.length > VALUE_LENGTH_MAX) return problem('INVALID_LENGTH', `Property "${name}" is too long`);
  if (name === 'email' && !EMAIL.test(value.trim())) return problem('INVALID_EMAIL', 'Email address is invalid');
  if ((NUMBERS.has(name) || own?.type === 'number') && !/^-?\d+(?:\.\d+)?$/.test(value))
    return problem('INVALID_DOUBLE', `"${name}" was not a valid number`);
  if (own?.type === 'date' && !/^\d{4}-\d{2}-\d{2}$/.test(value))
    return problem('INVALID_DATE', `"${name}" was not a day`);
  if (DATES.has(name) && !/^\d{10,}$/.test(value) && Number.isNaN(Date.parse(value))) {
    return problem('INVALID_DATE', `"${name}" was not a valid date`);
  }
  const options = own === undefined ? OPTIONS[name] : own.options;
  if (options && !options.includes(value)) {
    return problem('INVALID_OPTION', `"${name}" was not one of the allowed options: [${options.join(', ')}]`);
  }
  return null;
}
