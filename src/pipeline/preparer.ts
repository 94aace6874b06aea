import type { IdentifierKind } from '../artifacts/annotation.ts';
import type { Clock } from '../clock.ts';
import { parseFields } from '../delivery/outgoing.ts';
import type { Normaliser, OutgoingRow, Service, ServiceContext } from '../destinations/destination.ts';
import { type IdentifierHints, readSha256 } from '../destinations/identifier-rules.ts';
import type { PreparedIdentifier, PreparedRow, Preparer, RawRow } from '../diff/job.ts';

/** Puts a service's normaliser and rules where the diff can use them; null where it has neither. */
export function createPreparer(service: Service, config: ServiceContext['config'], clock: Clock): Preparer | null {
  const { normaliser, validate } = service;
  if (normaliser === null && validate === null) return null;
  const { default_country: stated } = config;
  const country = typeof stated === 'string' ? { country: stated } : {};
  const hashed = service.facts.identifiers?.hashed ?? [];
  return {
    normaliserVersion: normaliser?.version ?? 0,
    ...(country.country === undefined ? {} : { defaultCountry: country.country }),
    prepare: (row) => {
      const identifiers = normaliser === null ? [] : normalise(row, { normaliser, hashed, ...country });
      if (service.facts.identifiers !== null && !identifiers.some((identifier) => identifier.matching)) {
        return { kind: 'invalid', code: 'no-identifier', leaves: true };
      }
      const invalid = validate?.(outgoing(row, identifiers), clock.now(), config) ?? null;
      if (invalid) return { kind: 'invalid', code: invalid.code, leaves: invalid.leaves ?? false };
      return { kind: 'ready', identifiers } satisfies PreparedRow;
    },
  };
}

/** What is sent of a row's identifiers. A value that its column says to be hashed is only checked for its shape. */
function normalise(
  row: RawRow,
  {
    normaliser,
    hashed,
    country,
  }: { readonly normaliser: Normaliser; readonly hashed: readonly IdentifierKind[]; readonly country?: string },
): readonly PreparedIdentifier[] {
  const hints = hintsOf(row, country);
  const found = new Map<string, PreparedIdentifier>();
  for (const { kind, rank, matching, value, form, hintOnly } of row.identifiers) {
    if (hintOnly === true) continue;
    const isHashed = form === 'sha256';
    if (isHashed && !hashed.includes(kind)) continue;
    const sent = isHashed ? readSha256(value) : normaliser.normalise(kind, value, hints);
    const name = `${kind} ${sent}`;
    if (sent !== null && sent !== '' && !found.has(name)) found.set(name, { kind, rank, matching, value: sent });
  }
  return [...found.values()];
}

/** The row's values in clear, the first of each kind; without a country of its own it has that of the destination. */
function hintsOf(row: RawRow, country: string | undefined): IdentifierHints {
  const hints: Partial<Record<IdentifierKind, string>> = {};
  for (const { kind, value, form } of row.identifiers)
    if (form === undefined && value.trim() !== '') hints[kind] ??= value;
  if (country !== undefined) hints.country ??= country;
  return hints;
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
