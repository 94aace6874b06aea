import type { Column } from 'snowflake-sdk';
import type { Row, Value } from '../warehouse.ts';

/** The name of a column's type, as Snowflake writes it in a declaration. */
export function typeName(column: Column): string {
  const type = column.getType().toUpperCase();
  if (type === 'FIXED') return `NUMBER(${column.getPrecision()},${column.getScale()})`;
  if (type === 'REAL') return 'FLOAT';
  return type === 'TEXT' ? 'VARCHAR' : type;
}

/** What makes a row of the driver's values: keyed in lower case, since unquoted names come back in upper case. */
export function readers(columns: readonly Column[]): (values: readonly unknown[]) => Row {
  const named = columns.map((column) => [column.getName().toLowerCase(), readerOf(column)] as const);
  return (values) => {
    const row: Record<string, Value> = {};
    named.forEach(([name, read], index) => {
      const value = values[index];
      row[name] = value === null || value === undefined ? null : read(value);
    });
    return row;
  };
}

function readerOf(column: Column): (value: unknown) => Value {
  const type = typeName(column);
  if (type === 'FLOAT') return Number;
  if (/^NUMBER\(\d+,0\)$/.test(type)) return (value) => BigInt(String(value));
  if (type === 'DATE') return (value) => dateOf(value).slice(0, 10);
  if (type.startsWith('TIMESTAMP')) return dateOf;
  if (type === 'BOOLEAN') return (value) => value === true || value === 'true';
  if (type === 'BINARY') return (value) => (Buffer.isBuffer(value) ? value.toString('base64') : String(value));
  return (value) => (typeof value === 'string' ? value : JSON.stringify(value));
}

/** The driver's dates are those of JavaScript, with more digits. */
function dateOf(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}
