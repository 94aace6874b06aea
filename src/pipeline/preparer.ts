import type { IdentifierKind } from '../artifacts/annotation.ts';
import type { Clock } from '../clock.ts';
import { parseFields } from '../delivery/outgoing.ts';
import type { OutgoingRow, Service, ServiceContext } from '../destinations/destination.ts';
import type { PreparedIdentifier, PreparedRow, Preparer, RawRow } from '../diff/job.ts';

/** Puts a service's normaliser and rules where the diff can use them; null where it has neither. */
export function createPreparer(service: Service, config: ServiceContext['config'], clock: Clock): Preparer | null {
  const { normaliser, validate } = service;
  if (normaliser === null && validate === null) return null;
  return {
    normaliserVersion: normaliser?.version ?? 0,
    prepare: (row) => {
      const identifiers = normaliser === null ? [] : normalise(row, normaliser.normalise);
      if (service.facts.identifiers !== null && !identifiers.some((identifier) => identifier.matching)) {
        return { kind: 'invalid', code: 'no-identifier', leaves: true };
      }
      const invalid = validate?.(outgoing(row, identifiers), clock.now(), config) ?? null;
      if (invalid) return { kind: 'invalid', code: invalid.code, leaves: invalid.leaves ?? false };
      return { kind: 'ready', identifiers } satisfies PreparedRow;
    },
  };
}

type Normalise = (
  kind: IdentifierKind,
  value: string,
  hints: Readonly<Partial<Record<IdentifierKind, string>>>,
) => string | null;

function normalise(row: RawRow, apply: Normalise): readonly PreparedIdentifier[] {
  const hints: Partial<Record<IdentifierKind, string>> = {};
  for (const { kind, value } of row.identifiers) hints[kind] ??= value;
  const found = new Map<string, PreparedIdentifier>();
  for (const { kind, rank, matching, value } of row.identifiers) {
    const sent = apply(kind, value, hints);
    const name = `${kind} ${sent}`;
    if (sent !== null && sent !== '' && !found.has(name)) found.set(name, { kind, rank, matching, value: sent });
  }
  return [...found.values()];
}

function outgoing(row: RawRow, identifiers: readonly PreparedIdentifier[]): OutgoingRow {
  return {
    seq: 0,
    operation: 'insert',
    key: row.key,
    keyJson: JSON.stringify(row.key),
    fieldsJson: row.fieldsJson,
    fields: () => (row.fieldsJson === null ? null : parseFields(row.fieldsJson)),
    identifiers: identifiers.map(({ kind, rank, value }) => ({ kind, rank, value, recordId: null })),
    recordId: null,
    previousKey: null,
    eventTime: row.eventTime,
  };
}
