import type { Literal } from '../artifacts/rule.ts';
import type { ColumnType } from '../knowledge/store.ts';
import type { NumberKind } from '../warehouse/dialect.ts';
import { looksLikeDate, numberText, parseDate, parseTime, parseTimestamp } from './literal.ts';
import type { Comparand, Form } from './resolved.ts';

/** Why a literal does not fit, in a reader's words; never the literal itself, which may be personal data. */
export interface Misfit {
  readonly misfit: string;
  readonly fix?: string;
}

/** A literal of YAML as a value of the form that it is compared with. */
export function resolveLiteral(form: Form, value: Literal): Comparand | Misfit {
  switch (form.kind) {
    case 'string':
      return typeof value === 'string'
        ? { value: { kind: 'string', text: value }, domain: 'string' }
        : { misfit: describeLiteral(value), fix: 'Quote it.' };
    case 'number':
      return resolveNumber(form.number, value);
    case 'boolean':
      return typeof value === 'boolean'
        ? { value: { kind: 'boolean', value }, domain: 'boolean' }
        : { misfit: describeLiteral(value), fix: 'Write true or false, without quotes.' };
    case 'date':
      return resolveDate(value);
    case 'instant':
      return resolveTimestamp(value);
    case 'time': {
      const text = typeof value === 'string' ? parseTime(value) : null;
      return text === null
        ? { misfit: describeLiteral(value), fix: 'Write it as HH:MM:SS, in quotes.' }
        : { value: { kind: 'time', text }, domain: 'time' };
    }
    case 'array':
    case 'opaque':
      return { misfit: describeLiteral(value) };
  }
}

function resolveNumber(number: NumberKind, value: Literal): Comparand | Misfit {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    return { misfit: describeLiteral(value), fix: 'Write a number, without quotes.' };
  }
  if (number !== 'float' && typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return {
      misfit: "a number of more digits than dbt's manifest keeps",
      fix: 'Move the segment to a file in the folder dinmo/, where every digit is read.',
    };
  }
  return { value: { kind: 'number', text: numberText(value), number }, domain: 'number' };
}

function resolveDate(value: Literal): Comparand | Misfit {
  const text = typeof value === 'string' ? parseDate(value) : null;
  if (text !== null) return { value: { kind: 'date', text }, domain: 'date' };
  if (typeof value === 'string' && parseTimestamp(value) !== null) {
    return { misfit: 'a timestamp', fix: 'Write the date alone, as YYYY-MM-DD.' };
  }
  return { misfit: describeLiteral(value), fix: 'Write a day that exists, as YYYY-MM-DD.' };
}

function resolveTimestamp(value: Literal): Comparand | Misfit {
  if (typeof value === 'string') {
    const day = parseDate(value);
    if (day !== null) return { value: { kind: 'date', text: day }, domain: 'date' };
    const timestamp = parseTimestamp(value);
    if (timestamp !== null) return { value: { kind: 'timestamp', text: timestamp }, domain: 'instant' };
  }
  return {
    misfit: describeLiteral(value),
    fix: 'Write a day as YYYY-MM-DD, or a timestamp as YYYY-MM-DDTHH:MM:SSZ with at most six decimals.',
  };
}

function describeLiteral(value: Literal): string {
  if (typeof value === 'boolean') return 'true or false';
  if (typeof value !== 'string') return 'a number';
  return looksLikeDate(value) ? 'text that is no such date or time' : 'text';
}

/** The form of an array's elements; taken from a value where nothing states it. Null where they cannot be compared with literals. */
export function formOfElement(element: ColumnType | null, value: Literal | undefined): Form | null {
  switch (element?.kind) {
    case 'string':
      return { kind: 'string', cast: false };
    case 'integer':
    case 'decimal':
    case 'float':
      return { kind: 'number', number: element.kind };
    case 'boolean':
    case 'date':
      return { kind: element.kind };
    // Snowflake's arrays do not say what they hold.
    case 'other':
    case undefined:
      if (typeof value === 'string') return { kind: 'string', cast: false };
      return typeof value === 'boolean' ? { kind: 'boolean' } : { kind: 'number', number: 'unknown' };
    default:
      return null;
  }
}
