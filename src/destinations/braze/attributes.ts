import { DinmoError } from '../../errors.ts';
import type { FieldValue, ServiceContext } from '../destination.ts';
import { ID_FIELDS, type IdField } from './facts.ts';

type Columns = ServiceContext['columns'];
type JsonObject = { readonly [name: string]: FieldValue };

/** What Braze takes for an order to change a value, and not for a value: `{inc: 1}` twice counts twice. */
const OPERATORS = new Set(['inc', 'add', 'remove', 'update', '$add', '$remove', '$update']);

/** Names of fields whose values the warehouse gives as text to keep their digits, and Braze keeps as numbers. */
export function decimalFields(columns: Columns): ReadonlySet<string> {
  const isDecimal = (type: string): boolean => /^(big)?(decimal|numeric|number)\b/i.test(type.trim());
  return new Set(columns.filter(({ dataType }) => isDecimal(dataType)).map(({ field }) => field));
}

/**
 * A value as Braze keeps it: NULL clears an attribute; inside a nested one it would have the whole update dropped, so that
 * the member is left out, which means the same (a nested attribute is replaced whole).
 */
export function renderValue(value: FieldValue, isDecimal: boolean): FieldValue {
  if (isDecimal && typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)))
    return Number(value);
  return withoutNulls(value);
}

function withoutNulls(value: FieldValue): FieldValue {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}

/** Whether Braze would carry the value out in place of keeping it. */
export function isOperator(value: FieldValue): boolean {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => OPERATORS.has(name));
}

function isObject(value: FieldValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** "Custom attributes": at most 255 characters, no $ at the beginning; names with _ at the beginning steer the request. */
export function isAttributeName(name: string): boolean {
  return name.length > 0 && name.length <= 255 && !/^[$_]/.test(name);
}

/**
 * Checks the mapping's fields against the field that profiles are found by. Throws DinmoError: `second-profile-id` where Braze
 * would go by another field than the destination (an e-mail address wins over a phone number), `attribute-name` where it
 * takes no such attribute.
 */
export function requireAttributes(columns: Columns, idField: IdField): void {
  const ids: readonly string[] = ID_FIELDS;
  const rank = ids.indexOf(idField);
  for (const { field } of columns) {
    const other = ids.indexOf(field);
    const isContact = field === 'email' || field === 'phone';
    if (other >= 0 && other !== rank && (other < rank || !isContact)) {
      throw new DinmoError({
        kind: 'configuration',
        code: 'second-profile-id',
        message: `The mapping feeds ${field}, by which Braze would find the profile, and not by ${idField}`,
        fix: `Take ${field} out of the mapping, or make a destination with id_field: ${field}.`,
      });
    }
    if (isAttributeName(field)) continue;
    throw new DinmoError({
      kind: 'configuration',
      code: 'attribute-name',
      message: `${field.slice(0, 40)} cannot be an attribute in Braze`,
      fix: 'Choose a name of at most 255 characters that begins with neither $ nor _.',
    });
  }
}
