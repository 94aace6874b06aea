import type { Row, Value } from '../warehouse.ts';

/** A column as the API describes it. */
export interface ApiField {
  readonly name?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly fields?: readonly ApiField[];
}

const NAMES: Readonly<Record<string, string>> = {
  INTEGER: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
};

/** The type as GoogleSQL writes it: `ARRAY<STRUCT<a INT64>>`. */
export function typeName(field: ApiField): string {
  const type = field.type ?? 'STRING';
  const plain =
    type === 'RECORD' || type === 'STRUCT'
      ? `STRUCT<${(field.fields ?? []).map((inner) => `${inner.name ?? ''} ${typeName(inner)}`).join(', ')}>`
      : (NAMES[type] ?? type);
  return field.mode === 'REPEATED' ? `ARRAY<${plain}>` : plain;
}

/** A cell of a page: `{v}`, where v is a text, null, or rows and lists of cells. */
interface Cell {
  readonly v?: unknown;
}

/** A page of the API (`{f: [{v}]}`) as rows by column name. */
export function plainRows(fields: readonly ApiField[], rows: readonly unknown[]): Row[] {
  const readers = fields.map((field) => ({ name: field.name ?? '', field }));
  return rows.map((row) => {
    const cells = cellsOf(row);
    const plain: Record<string, Value> = {};
    readers.forEach(({ name, field }, index) => {
      plain[name] = columnValue(field, cells[index]?.v ?? null);
    });
    return plain;
  });
}

function cellsOf(row: unknown): readonly Cell[] {
  const { f } = (row ?? {}) as { readonly f?: readonly Cell[] };
  return f ?? [];
}

function columnValue(field: ApiField, value: unknown): Value {
  if (value === null) return null;
  if (field.mode !== 'REPEATED' && field.type !== 'RECORD' && field.type !== 'STRUCT')
    return scalar(field, String(value));
  return JSON.stringify(nested(field, value), (_, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  );
}

function nested(field: ApiField, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (field.mode === 'REPEATED') {
    const one = { ...field, mode: 'NULLABLE' };
    return (value as readonly Cell[]).map((cell) => nested(one, cell.v ?? null));
  }
  if (field.type !== 'RECORD' && field.type !== 'STRUCT') return scalar(field, String(value));
  const cells = cellsOf(value);
  return Object.fromEntries(
    (field.fields ?? []).map((inner, index) => [inner.name ?? '', nested(inner, cells[index]?.v ?? null)]),
  );
}

function scalar({ type }: ApiField, text: string): Value {
  switch (type) {
    case 'INTEGER':
    case 'INT64':
      return BigInt(text);
    case 'FLOAT':
    case 'FLOAT64':
      return Number(text);
    case 'BOOLEAN':
    case 'BOOL':
      return text === 'true';
    case 'TIMESTAMP':
      return instantText(text);
    default:
      return text;
  }
}

/** Microseconds since the epoch, as they are asked for, as ISO text in UTC. */
function instantText(text: string): string {
  if (!/^-?\d+$/.test(text)) return text;
  const micros = BigInt(text);
  const millis = micros >= 0n ? micros / 1000n : (micros - 999n) / 1000n;
  const rest = Number(micros - millis * 1000n);
  const iso = new Date(Number(millis)).toISOString();
  return rest === 0 ? iso : iso.replace('Z', `${String(rest).padStart(3, '0')}Z`);
}
