import type { FieldValue } from '../destination.ts';
import { parseJson, renderJson } from '../json.ts';
import { readSpool, type SpooledRow, type SpoolHeader } from './spool.ts';

/** The lines of a CSV file (RFC 4180 quoting, one header): NULL is nothing at all, an empty text is `""`. */
export async function* renderCsv(spool: string, header: SpoolHeader): AsyncGenerator<string> {
  const own = header.whole ? [] : ['_operation', '_key'];
  const fields = header.columns.map((column) => column.field);
  yield `${[...own, ...fields].map(renderCell).join(',')}\n`;
  for await (const row of readSpool(spool)) {
    const values = readFields(row.fieldsJson);
    const cells = header.whole ? [] : [row.operation, row.key];
    yield `${[...cells, ...fields.map((field) => values[field])].map(renderCell).join(',')}\n`;
  }
}

function readFields(fieldsJson: string | null): Readonly<Record<string, FieldValue>> {
  if (fieldsJson === null) return {};
  // The warehouse builds one JSON object of the mapped fields.
  return parseJson(fieldsJson) as Readonly<Record<string, FieldValue>>;
}

function renderCell(value: FieldValue | undefined): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'object' ? renderJson(value) : String(value);
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The lines of a JSONL file: the warehouse's own JSON, with `_operation` and the typed `_key` before the fields of a change. */
export async function* renderJsonl(spool: string, header: SpoolHeader): AsyncGenerator<string> {
  for await (const row of readSpool(spool)) yield `${header.whole ? (row.fieldsJson ?? '{}') : renderChange(row)}\n`;
}

function renderChange(row: SpooledRow): string {
  const head = `{"_operation":"${row.operation}","_key":${row.keyJson}`;
  const fields = row.fieldsJson?.trim() ?? '{}';
  return /^\{\s*\}$/.test(fields) ? `${head}}` : `${head},${fields.slice(1)}`;
}
