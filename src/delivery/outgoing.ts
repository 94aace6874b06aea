import type { IdentifierKind, Operation } from '../artifacts/annotation.ts';
import type { FieldValue, OutgoingRow, SentIdentifier } from '../destinations/destination.ts';
import type { Row } from '../warehouse/warehouse.ts';

/** A frozen change, read back: what goes over the wire, and which half of which operation it is. */
export interface OutgoingChange extends OutgoingRow {
  readonly part: 'whole' | 'remove' | 'add' | 'owed';
}

/** Reads one row of the change table. */
export function outgoingChange(row: Row): OutgoingChange {
  const fieldsJson = text(row, 'fields');
  let parsed: Readonly<Record<string, FieldValue>> | null | undefined;
  return {
    seq: Number(row['seq']),
    part: text(row, 'part') as OutgoingChange['part'],
    operation: text(row, 'wire') as Operation,
    key: text(row, 'key') ?? '',
    keyJson: text(row, 'key_json') ?? 'null',
    fieldsJson,
    fields: () => {
      if (parsed === undefined) parsed = fieldsJson === null ? null : parseFields(fieldsJson);
      return parsed;
    },
    identifiers: wireIdentifiers(text(row, 'wire_ids')),
    recordId: text(row, 'record_id'),
    previousKey: text(row, 'previous_key'),
    mayDelete: row['may_delete'] === true,
    createdSince: text(row, 'created_since'),
    eventTime: text(row, 'event_time'),
  };
}

function text(row: Row, name: string): string | null {
  const value = row[name];
  return value === null || value === undefined ? null : String(value);
}

function wireIdentifiers(json: string | null): readonly SentIdentifier[] {
  if (json === null) return [];
  const list = JSON.parse(json) as [IdentifierKind, number, string, string | null][];
  return list.map(([kind, rank, value, recordId]) => ({ kind, rank, value, recordId }));
}

/** JSON of a row with every digit kept: integers beyond 2^53 become bigint. */
export function parseFields(json: string): Readonly<Record<string, FieldValue>> {
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? '0')
      : value;
  return JSON.parse(json, keepDigits as (key: string, value: unknown) => unknown) as Readonly<
    Record<string, FieldValue>
  >;
}
