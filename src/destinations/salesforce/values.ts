import type { FieldValue, OutgoingRow, ServiceContext } from '../destination.ts';
import { renderJson } from '../json.ts';
import { renderCsvRow } from './csv.ts';
import { BULK_FIELD_CHARACTERS_MAX, BULK_RECORD_CHARACTERS_MAX } from './facts.ts';

/** In a cell it sets the field to null; an empty cell leaves the field as it is (“Prepare CSV Files”, 67.0). */
const NULL_CELL = '#N/A';

/** What the fields of a mapping are, as far as their rendering hangs on it. */
export interface Shape {
  readonly numbers: ReadonlySet<string>;
  readonly timestamps: ReadonlySet<string>;
}

export function shapeOf(columns: ServiceContext['columns']): Shape {
  const named = (type: RegExp): ReadonlySet<string> =>
    new Set(columns.filter(({ dataType }) => type.test(dataType)).map(({ field }) => field));
  return {
    numbers: named(/^(u?(big|small|tiny|huge|medium)?int|integer|(big)?(numeric|decimal)|number|double|float|real)/i),
    timestamps: named(/^(timestamp|datetime)/i),
  };
}

/** Whether a row can go in a CSV: `#N/A` as a text of the user’s own would clear the field, and texts may not be too long. */
export function fitsBulk(row: OutgoingRow): boolean {
  const text = row.fieldsJson ?? '';
  if (/"#N\\?\/A"/.test(text)) return false;
  if (text.length <= BULK_FIELD_CHARACTERS_MAX) return true;
  const cells = Object.values(row.fields() ?? {}).map((value) => renderText(value).length);
  return (
    Math.max(...cells) <= BULK_FIELD_CHARACTERS_MAX &&
    cells.reduce((sum, length) => sum + length, 0) <= BULK_RECORD_CHARACTERS_MAX
  );
}

/** The fields of a row with its key under `keyField`, typed as the mapping gave it. */
function fieldsWithKey(row: OutgoingRow, keyField: string): Readonly<Record<string, FieldValue>> {
  const fields = row.fields() ?? {};
  const stated = fields[keyField];
  const isKey = stated !== undefined && stated !== null && renderText(stated).trim() === row.key;
  return { ...fields, [keyField]: isKey ? stated : row.key };
}

/**
 * One record of sObject Collections as JSON text. `Account.Ext__c` names a parent by its external id, and becomes an object of
 * its own. Decimals keep their digits; texts of NULL are null, which clears.
 */
export function renderRecord(
  row: OutgoingRow,
  record: { readonly type: string; readonly keyField: string; readonly id: string | null; readonly shape: Shape },
): string {
  const members = [`"attributes":${JSON.stringify({ type: record.type })}`];
  if (record.id !== null) members.push(`"Id":${JSON.stringify(record.id)}`);
  for (const [name, value] of Object.entries(fieldsWithKey(row, record.keyField))) {
    const [parent = name, ...rest] = name.split('.');
    const rendered = renderMember(name, value, record.shape);
    const inner = rest.length === 0 || value === null ? rendered : `{${JSON.stringify(rest.join('.'))}:${rendered}}`;
    members.push(`${JSON.stringify(parent)}:${inner}`);
  }
  return `{${members.join(',')}}`;
}

function renderMember(name: string, value: FieldValue, shape: Shape): string {
  if (typeof value === 'string') {
    if (shape.numbers.has(name) && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(value)) return value;
    return JSON.stringify(shape.timestamps.has(name) ? toMilliseconds(value) : value);
  }
  return typeof value === 'object' && value !== null ? JSON.stringify(renderText(value)) : renderJson(value);
}

/** The rows as CSV with a header, each with its key and, where `ids` are given, its record id. */
export function renderCsv(
  rows: readonly OutgoingRow[],
  given: { readonly keyField: string; readonly ids: ReadonlyMap<number, string> | null; readonly shape: Shape },
): string {
  const { keyField, ids, shape } = given;
  const records = rows.map((row) => ({ seq: row.seq, fields: fieldsWithKey(row, keyField) }));
  const names = [...new Set([keyField, ...records.flatMap(({ fields }) => Object.keys(fields))])];
  const lines = [renderCsvRow(ids === null ? names : ['Id', ...names])];
  for (const { seq, fields } of records) {
    const cells = names.map((name) => renderCell(fields[name], shape.timestamps.has(name)));
    lines.push(renderCsvRow(ids === null ? cells : [ids.get(seq) ?? '', ...cells]));
  }
  return lines.join('');
}

/** An empty text clears in JSON, so it does here. Line ends inside a value are LF like those of the file, which Salesforce checks. */
function renderCell(value: FieldValue | undefined, isTimestamp: boolean): string {
  if (value === undefined) return '';
  if (value === null || value === '') return NULL_CELL;
  const text = renderText(value);
  return (isTimestamp ? toMilliseconds(text) : text).replaceAll(/\r\n?/g, '\n').toWellFormed();
}

/** A value as one text: lists (multi-select picklists) joined by `;`, objects as JSON. */
function renderText(value: FieldValue): string {
  if (value === null) return '';
  if (Array.isArray(value)) return value.map(renderText).join(';');
  return typeof value === 'object' ? renderJson(value) : String(value);
}

/** Salesforce’s date-times have milliseconds. */
function toMilliseconds(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\d+/, '$1');
}
