import type { Aggregate, Operand, Operator } from '../artifacts/rule.ts';
import type { ColumnType, Property } from '../knowledge/store.ts';
import { looksLikeDate } from './literal.ts';
import type { Form } from './resolved.ts';

/** The names under which warehouses store text as text. Anything else that counts as text (uuid, enum, citext) is cast first. */
const TEXT_TYPE = /^(n?varchar2?|n?char|character|character varying|n?text|tinytext|string|bpchar)\b/i;

/** How the values of a property are compared; null where its type is not known. */
export function formOfProperty(property: Property): Form | null {
  return property.type === null ? null : formOfType(property.type, property.dataType);
}

function formOfType(type: ColumnType, dataType: string | null): Form {
  switch (type.kind) {
    case 'string':
      return { kind: 'string', cast: dataType !== null && !TEXT_TYPE.test(dataType) };
    case 'integer':
    case 'decimal':
    case 'float':
      return { kind: 'number', number: type.kind };
    case 'timestamp':
      return { kind: 'instant', zoned: type.zoned };
    case 'array':
      return { kind: 'array', element: type.element, cast: isOtherThanText(dataType, type.element) };
    case 'boolean':
    case 'date':
    case 'time':
      return { kind: type.kind };
    case 'other':
      // A uuid, an enum: equal to a text or not, which is all that can be asked.
      return { kind: 'string', cast: true };
    case 'json':
    case 'binary':
      return { kind: 'opaque' };
  }
}

/** Whether an array of text is stored as one of something else: `UUID[]`. */
function isOtherThanText(dataType: string | null, element: ColumnType): boolean {
  if (dataType === null || element.kind !== 'string') return false;
  const inner = /^(?:array|list)\s*[<(](.*)[>)]$/i.exec(dataType)?.[1] ?? dataType.replace(/^_/, '');
  return !TEXT_TYPE.test(inner.trim());
}

const EQUALITY: readonly Operator[] = ['eq', 'neq', 'in', 'not_in', 'is_null'];
const ORDER: readonly Operator[] = ['gt', 'gte', 'lt', 'lte', 'between'];
const TEXT: readonly Operator[] = ['contains', 'not_contains', 'starts_with', 'ends_with'];
const TIME: readonly Operator[] = ['before', 'after', 'on_day', 'within'];

/** The operators that fit values of a form. */
export function operatorsOf(form: Form, type: ColumnType | null): readonly Operator[] {
  switch (form.kind) {
    case 'string':
      return type?.kind === 'other' ? EQUALITY : [...EQUALITY, ...ORDER, ...TEXT];
    case 'number':
    case 'time':
      return [...EQUALITY, ...ORDER];
    case 'boolean':
      return [...EQUALITY, 'is_true'];
    case 'date':
    case 'instant':
      return [...EQUALITY, ...ORDER, ...TIME];
    case 'array':
      return ['contains_any', 'contains_all', 'is_null'];
    case 'opaque':
      return ['is_null'];
  }
}

/**
 * The form that a condition itself gives to a value of unknown type: null where the meaning hangs on the type. Whole numbers and decimals
 * compare alike, so a number asks for a number; a text that cannot be a date asks for text; a date or an instant could meet a date, a
 * timestamp or a text, which differ.
 */
export function inferForm(operator: Operator, operand: Operand): Form | null {
  switch (operator) {
    case 'is_null':
      return { kind: 'opaque' };
    case 'is_true':
      return { kind: 'boolean' };
    case 'contains':
    case 'not_contains':
    case 'starts_with':
    case 'ends_with':
      return { kind: 'string', cast: true };
    case 'before':
    case 'after':
    case 'on_day':
    case 'within':
      return null;
    default:
      return operator.startsWith('contains_') ? inferArray(operand) : inferScalar(operand);
  }
}

function inferArray(operand: Operand): Form | null {
  return inferScalar(operand) === null ? null : { kind: 'array', element: null, cast: false };
}

function inferScalar(operand: Operand): Form | null {
  switch (operand.kind) {
    case 'literal':
      return inferLiteral(operand.value);
    case 'literals': {
      const forms = operand.values.map(inferLiteral);
      const first = forms[0] ?? null;
      return forms.every((form) => form?.kind === first?.kind) ? first : null;
    }
    case 'range': {
      const [from, to] = [inferScalar(operand.from), inferScalar(operand.to)];
      return from?.kind === to?.kind ? from : null;
    }
    default:
      return null;
  }
}

function inferLiteral(value: string | number | bigint | boolean): Form | null {
  if (typeof value === 'boolean') return { kind: 'boolean' };
  if (typeof value !== 'string') return { kind: 'number', number: 'unknown' };
  return looksLikeDate(value) || value === 'now' ? null : { kind: 'string', cast: true };
}

/** Why an aggregate cannot take values of a form; null where it can. An unknown form is allowed: the warehouse has the last word. */
export function misfitOfAggregate(aggregate: Aggregate, form: Form | null): string | null {
  if (form === null) return null;
  if (aggregate === 'sum' || aggregate === 'avg') return form.kind === 'number' ? null : 'a number';
  if (aggregate === 'min' || aggregate === 'max') {
    return ['array', 'opaque', 'boolean'].includes(form.kind) ? 'a number, text, date or time' : null;
  }
  return ['array', 'opaque'].includes(form.kind) ? 'a single value' : null;
}

/** The form of an aggregate's result; null where it is that of a property of unknown type. */
export function formOfAggregate(aggregate: Aggregate, of: Form | null): Form | null {
  switch (aggregate) {
    case 'exists':
      return { kind: 'boolean' };
    case 'count':
    case 'count_distinct':
      return { kind: 'number', number: 'integer' };
    case 'sum':
      return of?.kind === 'number' ? of : { kind: 'number', number: 'unknown' };
    case 'avg':
      return { kind: 'number', number: of?.kind === 'number' && of.number === 'decimal' ? 'decimal' : 'unknown' };
    default:
      return of;
  }
}

/** A form in a reader's words. */
export function describeForm(form: Form): string {
  switch (form.kind) {
    case 'string':
      return 'text';
    case 'number':
      return form.number === 'integer' ? 'a whole number' : 'a number';
    case 'boolean':
      return 'true or false';
    case 'date':
      return 'a date';
    case 'instant':
      return 'a timestamp';
    case 'time':
      return 'a time of day';
    case 'array':
      return 'an array';
    case 'opaque':
      return 'of a type that has no order';
  }
}
