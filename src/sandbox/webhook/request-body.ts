import { canonicalText, type ExactJson, parseExact } from '../exact-json.ts';

/** `{activation, sync_id, operation, rows: [{key, fields}]}`, one operation a request; delete rows carry `{key}` only. */
export interface WebhookBody {
  readonly activation: string;
  readonly syncId: string;
  readonly operation: 'insert' | 'update' | 'delete';
  readonly rows: readonly WebhookRow[];
}

export interface WebhookRow {
  /** Canonical JSON text of the key. */
  readonly id: string;
  readonly key: ExactJson;
  /** Empty for deletes. */
  readonly fields: Readonly<Record<string, ExactJson>>;
}

type JsonObject = Readonly<Record<string, ExactJson>>;

/** The body, or what is wrong with its shape. */
export function readBody(text: string): WebhookBody | string {
  let body: ExactJson;
  try {
    body = parseExact(text);
  } catch {
    return 'the body is not JSON';
  }
  if (!isObject(body)) return 'the body is not an object';
  const extra = Object.keys(body).find((key) => !['activation', 'sync_id', 'operation', 'rows'].includes(key));
  if (extra !== undefined) return `the body has an unknown key ${extra}`;
  const { activation, sync_id: syncId, operation, rows } = body;
  if (typeof activation !== 'string' || activation === '') return 'activation is not text';
  if (typeof syncId !== 'string' || syncId === '') return 'sync_id is not text';
  if (operation !== 'insert' && operation !== 'update' && operation !== 'delete') {
    return 'operation is none of insert, update, delete';
  }
  if (!Array.isArray(rows) || rows.length === 0) return 'rows is not a list of at least one row';
  const read: WebhookRow[] = [];
  const seen = new Set<string>();
  for (const row of rows as readonly ExactJson[]) {
    const one = readRow(row, operation);
    if (typeof one === 'string') return one;
    if (seen.has(one.id)) return 'two rows have one key';
    seen.add(one.id);
    read.push(one);
  }
  return { activation, syncId, operation, rows: read };
}

function readRow(row: ExactJson, operation: WebhookBody['operation']): WebhookRow | string {
  if (!isObject(row)) return 'a row is not an object';
  const expected = operation === 'delete' ? ['key'] : ['key', 'fields'];
  if (Object.keys(row).sort().join() !== [...expected].sort().join()) {
    return `a row of ${operation} must have ${expected.join(' and ')}, nothing else`;
  }
  const { key, fields } = row;
  if (key === undefined || key === null || Array.isArray(key) || typeof key === 'boolean') {
    return 'a key must be text, a number, or an object';
  }
  if (operation === 'delete') return { id: canonicalText(key), key, fields: {} };
  if (fields === undefined || !isObject(fields)) return 'fields is not an object';
  return { id: canonicalText(key), key, fields };
}

function isObject(value: ExactJson): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
