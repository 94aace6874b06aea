import type { RequestContext } from '../platform.ts';
import type { Records, RecordType, ZendeskRecord } from './records.ts';

/** Why a record is not taken, in Zendesk's words: `RecordInvalid` with details by field. */
export interface WriteProblem {
  readonly error: string;
  readonly field: string;
  readonly description: string;
}

export type Written =
  | { readonly kind: 'written'; readonly record: ZendeskRecord; readonly created: boolean; readonly changed: boolean }
  | { readonly kind: 'problem'; readonly problem: WriteProblem };

const EMAIL = /^[^\s@<>(),;:"]+@[^\s@<>(),;:".]+(?:\.[^\s@<>(),;:".]+)+$/;

/** What one write needs to know. */
export interface Write {
  readonly records: Records;
  readonly type: RecordType;
  readonly context: RequestContext;
}

/** The record that a body means: by id where it has one, else by external id, else by address. Names never match. */
export function findRecord(
  { records, type }: Write,
  body: Readonly<Record<string, unknown>>,
): ZendeskRecord | undefined {
  const { id, external_id: externalId, email } = body;
  if (typeof id === 'number' || typeof id === 'string') return records.get(type, id);
  const byExternalId = externalId == null ? undefined : records.byExternalId(type, String(externalId));
  if (byExternalId !== undefined || type === 'organizations') return byExternalId;
  return email == null ? undefined : records.byEmail(String(email));
}

/** Creates or updates; nothing is changed where there is a problem. */
export function writeRecord(write: Write, body: Readonly<Record<string, unknown>>): Written {
  const { records, type, context } = write;
  const found = findRecord(write, body);
  const problem = problemOf(write, body, found);
  if (problem !== null) return { kind: 'problem', problem };
  const record = found ?? records.create(type, context.now);
  const before = JSON.stringify([[...record.fields], [...record.custom], [...record.tags]]);
  for (const [name, value] of Object.entries(body)) {
    if (name === 'id' || name === 'skip_verify_email' || name === 'verified') continue;
    if (name === 'email') addAddress(records, record, value);
    else if (name === 'user_fields' || name === 'organization_fields') {
      for (const [key, content] of Object.entries((value ?? {}) as object)) set(record.custom, key, content);
    } else if (name === 'tags' && Array.isArray(value)) {
      // Tags of an update are all of its tags.
      for (const tag of [...record.tags]) if (!value.includes(tag)) records.untag(record, tag);
      for (const tag of value) records.tag(record, String(tag));
    } else set(record.fields, name, value);
  }
  const changed = before !== JSON.stringify([[...record.fields], [...record.custom], [...record.tags]]);
  if (found !== undefined && changed) records.countUpdate(type);
  return { kind: 'written', record, created: found === undefined, changed };
}

function addAddress(records: Records, record: ZendeskRecord, value: unknown): void {
  if (value == null || records.byEmail(String(value)) === record) return;
  records.addEmail(record, String(value));
}

function set(values: Map<string, unknown>, name: string, value: unknown): void {
  if (value === null || value === '') values.delete(name);
  else values.set(name, value);
}

function problemOf(
  { records, type, context }: Write,
  body: Readonly<Record<string, unknown>>,
  found: ZendeskRecord | undefined,
): WriteProblem | null {
  const { email, external_id: externalId, name } = body;
  const values = [email, externalId, name].flatMap((value) => (value == null ? [] : [String(value)]));
  if (context.poison(values) !== null)
    return { error: 'InvalidValue', field: 'base', description: `Value of ${values[0]} is not allowed` };
  if ((name === undefined && found === undefined) || name === null || name === '')
    return { error: 'ValueTooShort', field: 'name', description: 'Name: is too short (minimum one character)' };
  if (email != null && !EMAIL.test(String(email).trim()))
    return { error: 'InvalidFormat', field: 'email', description: `Email: ${email} is not properly formatted` };
  const holder = email == null ? undefined : records.byEmail(String(email));
  if (holder !== undefined && holder !== found)
    return {
      error: 'DuplicateValue',
      field: 'email',
      description: `Email: ${email} is already being used by another user`,
    };
  const rival = externalId == null ? undefined : records.byExternalId(type, String(externalId));
  if (rival !== undefined && rival !== found)
    return { error: 'DuplicateValue', field: 'external_id', description: 'External has already been taken' };
  const namesake = type === 'organizations' && name != null ? records.byName(String(name)) : undefined;
  if (namesake !== undefined && namesake !== found)
    return { error: 'DuplicateValue', field: 'name', description: `Name: ${name} has already been taken` };
  return null;
}
