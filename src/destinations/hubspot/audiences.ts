import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { narrow, notAnAcknowledgement, readArray, readText } from '../answer.ts';
import { readEmail } from '../contact-point.ts';
import type { Batch, BatchOutcome, Normaliser, OutgoingRow, Receipt, Service, Session } from '../destination.ts';
import { createNormaliser } from '../identifier-rules.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type HubspotApi, readAccount } from './api.ts';
import { eraseRecords } from './erase.ts';
import { deleteList, openList } from './list.ts';
import { findRecords, objectPath, type RecordFault, type Records, writeRecords } from './records.ts';
import { saysDone } from './response.ts';

const TYPE = 'contacts';
const ID_PROPERTY = 'email';

/** E-mail addresses as HubSpot keeps them: trimmed, lower case, not hashed. */
const normaliser: Normaliser = createNormaliser(1, { email: readEmail });

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser,
    validate: null,
    async open(context) {
      const api = createApi(context);
      const account = await readAccount(api);
      const isOther = account !== null && context.accountBefore !== null && account !== context.accountBefore;
      // In another account the recorded id is somebody else's list: it is not renamed.
      const listId = await openList(api, isOther ? { ...context, audienceNameBefore: null } : context);
      return hideRowValues(createSession(api, listId, account));
    },
    erase: (context, people) =>
      eraseRecords(
        context,
        people.flatMap(({ identifiers }) => identifiers.map(({ value, recordId }) => ({ key: value, recordId }))),
        { type: TYPE, idProperty: ID_PROPERTY },
      ),
    deleteAudience: (context, audienceId) => deleteList(createApi(context), audienceId),
    async verify(context) {
      const answer = await createApi(context).call({ method: 'GET', path: `${objectPath(TYPE)}?limit=1` });
      if (answer.kind === 'value') return { ok: true, detail: 'the key reads contacts' };
      return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
    },
  };
}

function createSession(api: HubspotApi, listId: string, account: string | null): Session {
  return {
    audienceId: listId,
    account,
    send: (batch, signal) => {
      const work: Work = { records: { api, type: TYPE, idProperty: ID_PROPERTY, signal }, listId, batch };
      return batch.operation === 'delete' ? removeMembers(work) : addMembers(work);
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

interface Work {
  readonly records: Records & { readonly idProperty: string };
  readonly listId: string;
  readonly batch: Batch;
}

/** Contacts that are known by e-mail address, in one direction or the other; faults by address. */
interface Contacts {
  readonly kind: 'contacts';
  readonly ids: ReadonlyMap<string, string>;
  readonly faults: ReadonlyMap<string, RecordFault>;
}

type Refusal = { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/**
 * Lists take record ids only: contacts without a known one are upserted by e-mail address first. A known id that is gone
 * (the contact was deleted since) is upserted as well, once.
 */
async function addMembers(work: Work): Promise<BatchOutcome> {
  const emails = emailsOf(work.batch.rows);
  const known = new Map(
    emails.flatMap(({ value, recordId }) => (recordId === null ? [] : [[value, recordId] as const])),
  );
  const unknown = emails.filter(({ value }) => !known.has(value)).map(({ value }) => value);
  const upserted = await upsertContacts(work, unknown);
  if (upserted.kind === 'outcome') return upserted.outcome;
  const ids = new Map([...known, ...upserted.ids]);
  // Of a member that cannot be added whole, nothing is.
  const whole = work.batch.rows.filter((row) => emailsOf([row]).every(({ value }) => ids.has(value)));
  const wanted = new Set(emailsOf(whole).flatMap(({ value }) => ids.get(value) ?? []));
  const added = await changeMembers(work, 'add', [...wanted]);
  if (added.kind === 'outcome') return added.outcome;
  const inList = new Set([...wanted].filter((id) => !added.missing.has(id)));
  const again = await addAgain(
    work,
    emailsOf(whole).flatMap(({ value }) => (added.missing.has(known.get(value) ?? '') ? [value] : [])),
  );
  if (again.kind === 'outcome') {
    // The others are in the list by now.
    if (again.outcome.kind === 'retry' && inList.size > 0) return { ...again.outcome, applied: 'maybe' };
    return again.outcome;
  }
  for (const [value, id] of again.ids) ids.set(value, id);
  for (const id of again.ids.values()) if (!again.missing.has(id)) inList.add(id);
  const missing = new Set([...added.missing, ...again.missing]);
  const faults = new Map([...upserted.faults, ...again.faults]);
  const receipts = work.batch.rows.map((row) => {
    const receipt = receiptOfAdd(row, { ids, faults, missing });
    const isPartial = whole.includes(row) && emailsOf([row]).some(({ value }) => inList.has(ids.get(value) ?? ''));
    return isPartial && receipt.status !== 'accepted' ? { ...receipt, status: 'unknown' as const } : receipt;
  });
  return { kind: 'receipts', receipts };
}

/** Contacts whose records are gone are made anew, and added. */
async function addAgain(
  work: Work,
  gone: readonly string[],
): Promise<(Contacts & { readonly missing: ReadonlySet<string> }) | Refusal> {
  const made = await upsertContacts(work, gone);
  if (made.kind === 'outcome') return made;
  const added = await changeMembers(work, 'add', [...made.ids.values()]);
  return added.kind === 'outcome' ? added : { ...made, missing: added.missing };
}

function receiptOfAdd(
  row: OutgoingRow,
  result: {
    readonly ids: ReadonlyMap<string, string>;
    readonly faults: ReadonlyMap<string, RecordFault>;
    readonly missing: ReadonlySet<string>;
  },
): Receipt {
  const recordIds: Record<string, string> = {};
  for (const { value } of emailsOf([row])) {
    const fault = result.faults.get(value);
    if (fault !== undefined) return { seq: row.seq, status: 'rejected', code: fault.category, message: fault.message };
    const id = result.ids.get(value);
    if (id === undefined) {
      return {
        seq: row.seq,
        status: 'unknown',
        code: 'no-verdict',
        message: 'HubSpot’s answer does not name the contact',
      };
    }
    if (result.missing.has(id)) {
      return {
        seq: row.seq,
        status: 'deferred',
        code: 'contact-not-added',
        message: 'HubSpot did not know the contact yet',
      };
    }
    recordIds[`email:${value}`] = id;
  }
  return { seq: row.seq, status: 'accepted', identifierRecordIds: recordIds };
}

/** Contacts that are not there any more are in no list. */
async function removeMembers(work: Work): Promise<BatchOutcome> {
  const emails = emailsOf(work.batch.rows);
  const unknown = emails.filter(({ recordId }) => recordId === null).map(({ value }) => value);
  const found = await findRecords(work.records, unknown);
  if (found.kind === 'outcome') return found.outcome;
  const ids = emails.flatMap(({ value, recordId }) => recordId ?? found.ids.get(value) ?? []);
  const removed = await changeMembers(work, 'remove', ids);
  if (removed.kind === 'outcome') return removed.outcome;
  return { kind: 'receipts', receipts: work.batch.rows.map((row) => ({ seq: row.seq, status: 'accepted' })) };
}

async function upsertContacts(work: Work, emails: readonly string[]): Promise<Contacts | Refusal> {
  const inputs = emails.map((email, index) => ({ trace: `contact-${index}`, id: email, properties: { email } }));
  const ids = new Map<string, string>();
  const faults = new Map<string, RecordFault>();
  const answer = await writeRecords(work.records, inputs);
  if (answer.kind === 'outcome') {
    const { outcome } = answer;
    // Contacts that were written are in no list yet.
    return outcome.kind === 'counted' ? { kind: 'outcome', outcome: narrow(outcome.code, outcome.message) } : answer;
  }
  for (const input of inputs) {
    const record = answer.records.get(input.trace);
    const fault = answer.faults.get(input.trace);
    if (record !== undefined) ids.set(input.id, record.id);
    if (fault !== undefined) faults.set(input.id, fault);
  }
  return { kind: 'contacts', ids, faults };
}

/** `PUT /crm/lists/2026-09/{list}/memberships/add|remove` with record ids; names those that no contact has. */
async function changeMembers(
  work: Work,
  verb: 'add' | 'remove',
  ids: readonly string[],
): Promise<{ readonly kind: 'changed'; readonly missing: ReadonlySet<string> } | Refusal> {
  if (ids.length === 0) return { kind: 'changed', missing: new Set() };
  const answer = await work.records.api.call({
    method: 'PUT',
    path: `/crm/lists/{version}/${encodeURIComponent(work.listId)}/memberships/${verb}`,
    body: [...new Set(ids)],
    signal: work.records.signal,
  });
  if (answer.kind === 'outcome') {
    const { outcome } = answer;
    return answer.status === 404 && outcome.kind === 'refused'
      ? { kind: 'outcome', outcome: { ...outcome, fix: LIST_GONE } }
      : answer;
  }
  const missing = readMissing(answer.value);
  if (missing !== null) return { kind: 'changed', missing };
  return { kind: 'outcome', outcome: notAnAcknowledgement('HubSpot did not say what became of the list’s members') };
}

const LIST_GONE =
  'Restore the list in HubSpot (for 90 days after it was deleted), or make a new activation, which makes a new list.';

/** HubSpot spells them `recordsIdsAdded`, `recordIdsRemoved` and `recordIdsMissing`. */
const MEMBERSHIPS = ['Added', 'Removed', 'Missing'].flatMap((verb) => [`recordIds${verb}`, `recordsIds${verb}`]);

/** The ids that no contact has; null where the answer is none to a change of memberships. */
function readMissing(answer: Readonly<Record<string, unknown>>): ReadonlySet<string> | null {
  const stated = MEMBERSHIPS.filter((name) => answer[name] !== undefined && answer[name] !== null);
  const isAnswer = stated.length > 0 ? stated.every((name) => Array.isArray(answer[name])) : saysDone(answer);
  if (!isAnswer) return null;
  const missing = stated.filter((name) => name.endsWith('Missing')).flatMap((name) => readArray(answer[name]));
  const ids = missing.flatMap((id) => readText(id) ?? []);
  return ids.length === missing.length ? new Set(ids) : null;
}

/** Each address of the rows once. */
function emailsOf(
  rows: readonly OutgoingRow[],
): readonly { readonly value: string; readonly recordId: string | null }[] {
  const emails = new Map<string, { value: string; recordId: string | null }>();
  for (const { kind, value, recordId } of rows.flatMap((row) => row.identifiers)) {
    if (kind === 'email') emails.set(value, { value, recordId: recordId ?? emails.get(value)?.recordId ?? null });
  }
  return [...emails.values()];
}
