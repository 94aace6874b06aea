import { createHash } from 'node:crypto';
import type { Batch, OutgoingRow } from '../destination.ts';
import { SIGNATURE_HEADER, signatureOf } from '../signature.ts';

/** The URL with the scheme, host and port of `baseUrl` (and its path, as a prefix), where one is set. */
export function placeUrl(url: string, baseUrl: string | null): string {
  if (baseUrl === null) return url;
  const own = new URL(url);
  return `${baseUrl.replace(/\/+$/, '')}${own.pathname}${own.search}`;
}

/**
 * The body of one request: `{activation, sync_id, operation, rows: [{key, fields}]}`, delete rows with their key only.
 * Keys and fields are the warehouse's own JSON text, put in as it is, so that no digit is lost.
 */
export function renderBody(batch: Batch, context: { readonly activation: string; readonly syncId: string }): string {
  const rows = batch.text ?? batch.rows.map(renderRow).join(',');
  const head = `{"activation":${JSON.stringify(context.activation)},"sync_id":${JSON.stringify(context.syncId)}`;
  return `${head},"operation":"${batch.operation}","rows":[${rows}]}`;
}

function renderRow(row: OutgoingRow): string {
  return row.operation === 'delete' || row.fieldsJson === null
    ? `{"key":${row.keyJson}}`
    : `{"key":${row.keyJson},"fields":${row.fieldsJson}}`;
}

/** The headers of one request. The idempotency key is the batch's id: the same when it is sent again, never shared. */
export function renderHeaders(
  batch: Pick<Batch, 'id'>,
  body: string,
  secret: string | undefined,
): Readonly<Record<string, string>> {
  const printable = /^[\x21-\x7e]{1,255}$/.test(batch.id);
  return {
    'content-type': 'application/json',
    'idempotency-key': printable ? batch.id : createHash('sha256').update(batch.id).digest('hex'),
    ...(secret === undefined ? {} : { [SIGNATURE_HEADER]: signatureOf(secret, body) }),
  };
}
