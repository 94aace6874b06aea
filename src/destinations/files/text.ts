import type { FieldValue } from '../destination.ts';
import { parseJson, renderJson } from '../json.ts';
import { type Layout, ownColumns } from './layout.ts';
import { readSpool, type SpooledRow, type SpoolHeader } from './spool.ts';

/** What is written of a spool, and how. */
export interface Writing {
  readonly spool: string;
  readonly header: SpoolHeader;
  readonly layout: Layout;
}

/** The lines of a CSV file (RFC 4180 quoting): NULL is nothing at all, an empty text is `""`. */
export async function* renderCsv({ spool, header, layout }: Writing): AsyncGenerator<string> {
  const { delimiter, operationColumn } = layout.form;
  const render = (cells: readonly (FieldValue | undefined)[]): string =>
    `${cells.map((cell) => renderCell(cell, delimiter)).join(delimiter)}\n`;
  const fields = header.columns.map((column) => column.field);
  if (layout.form.header) yield render([...ownColumns(layout), ...fields]);
  for await (const row of readSpool(spool)) {
    const values = readFields(row.fieldsJson);
    const cells = layout.whole ? [] : operationColumn === null ? [row.key] : [row.operation, row.key];
    yield render([...cells, ...fields.map((field) => values[field])]);
  }
}

function readFields(fieldsJson: string | null): Readonly<Record<string, FieldValue>> {
  if (fieldsJson === null) return {};
  // The warehouse builds one JSON object of the mapped fields.
  return parseJson(fieldsJson) as Readonly<Record<string, FieldValue>>;
}

function renderCell(value: FieldValue | undefined, delimiter: string): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'object' ? renderJson(value) : String(value);
  const plain = text !== '' && !/["\r\n]|^\s|\s$/.test(text) && !text.includes(delimiter);
  return plain ? text : `"${text.replaceAll('"', '""')}"`;
}

/** The lines of a JSONL file: the warehouse's own JSON, with operation and the typed `_key` before the fields of a change. */
export async function* renderJsonl({ spool, layout }: Writing): AsyncGenerator<string> {
  const column = layout.form.operationColumn;
  for await (const row of readSpool(spool))
    yield `${layout.whole ? (row.fieldsJson ?? '{}') : renderChange(row, column)}\n`;
}

function renderChange(row: SpooledRow, operationColumn: string | null): string {
  const operation = operationColumn === null ? '' : `${JSON.stringify(operationColumn)}:"${row.operation}",`;
  const head = `{${operation}"_key":${row.keyJson}`;
  const fields = row.fieldsJson?.trim() ?? '{}';
  return /^\{\s*\}$/.test(fields) ? `${head}}` : `${head},${fields.slice(1)}`;
}
