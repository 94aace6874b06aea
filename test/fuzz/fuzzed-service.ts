import type { Operation, ServiceKind } from '../../src/artifacts/annotation.ts';
import type { Batch, OutgoingRow, Service, ServiceContext } from '../../src/destinations/destination.ts';
import { fieldsOf, identify, makeRow, NOON } from '../destinations/rows.ts';
import type { Exchanged } from './broken-http.ts';

const person = (n: number) => ({
  email: `person.${n}@shop.example`,
  phone: `+336${10_000_000 + n}`,
  name: `Zebulon${n}`,
});

/** A service whose platform answers anything, and what of it acknowledges rows. */
export interface FuzzedService {
  readonly platform: string;
  readonly service: ServiceKind;
  readonly config: ServiceContext['config'];
  readonly operations: readonly Operation[];
  /** Changes of the run, where that tells a bulk interface from single requests. Default 1. */
  readonly changes?: number;
  /** A request (or several) for each row: one that nobody answered well says nothing of the others. */
  readonly oneByOne?: true;
  row(service: Service, seq: number, operation: Operation): OutgoingRow;
  /** How many rows of the batch the answers acknowledge, at most; and which, where the platform names them. */
  acknowledged(
    exchanges: readonly Exchanged[],
    batch: Batch,
  ): { readonly most: number; readonly names?: (row: OutgoingRow) => boolean };
}

/** A row of whatever the service takes. */
export function matched(service: Service, seq: number, operation: Operation): OutgoingRow {
  const { email, phone, name } = person(seq);
  if (service.normaliser === null)
    return makeRow({ seq, operation, key: email, fieldsJson: fieldsOf({ firstname: name }) });
  const raw = [['email', email], ...(service.facts.platform === 'meta' ? [['phone', phone]] : [])] as const;
  const identifiers = identify(service.normaliser, raw as Parameters<typeof identify>[1]);
  const eventTime = service.facts.service === 'events' ? new Date(NOON - seq * 1000).toISOString() : null;
  return makeRow({
    seq,
    operation,
    key: name,
    identifiers,
    eventTime,
    fieldsJson: fieldsOf({ value: '1.50', label: name }),
  });
}

/** A count as a number or its digits; NaN for anything else. */
export const count = (value: unknown): number => {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
};

export type Json = Readonly<Record<string, unknown>>;
export const membersOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
export const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export function parse(text: string | undefined): Json {
  return membersOf(parseAny(text));
}
export function parseAny(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}
