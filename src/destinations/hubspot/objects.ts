import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { readEmail } from '../contact-point.ts';
import type {
  Batch,
  BatchOutcome,
  Invalidity,
  OutgoingRow,
  Receipt,
  Service,
  ServiceContext,
  Session,
} from '../destination.ts';
import { untilSettled } from '../opening.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type HubspotApi, readAccount } from './api.ts';
import { associateRows } from './associated-rows.ts';
import { type Associator, createAssociator, readAssociationField } from './associations.ts';
import { eraseRecords } from './erase.ts';
import { inspectObjects, validateObjects } from './inspect.ts';
import { renderProperties } from './properties.ts';
import {
  archiveRecords,
  findRecords,
  objectPath,
  type RecordFault,
  type RecordInput,
  type Records,
  type WrittenRecord,
  writeRecords,
} from './records.ts';
import { missingProperty, namesMissingProperty } from './response.ts';
import { fitToSchema, optionProblem, type Schema } from './schema.ts';

export function createObjects(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    validate: (row, _now, config) => validateObject(row, config),
    async open(context) {
      const api = createApi(context);
      const account = await readAccount(api);
      const fields = context.columns.map(({ field }) => field);
      // Nothing is sent where it is known to be refused; what HubSpot would not say is left to each row's own answer.
      const schema = await untilSettled(context, 'Looking at the object type', () =>
        inspectObjects(api, context.config, fields),
      );
      return hideRowValues(createSession(api, context, { account, schema }));
    },
    validateRemote: validateObjects,
    erase: (context, people) => {
      const { object_type: type, id_property: idProperty } = context.config;
      return eraseRecords(context, people, { type: String(type), idProperty: String(idProperty) });
    },
    async verify(context) {
      const path = `${objectPath(String(context.config['object_type']))}?limit=1`;
      const answer = await createApi(context).call({ method: 'GET', path });
      if (answer.kind === 'value') return { ok: true, detail: 'the key reads the objects' };
      return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
    },
  };
}

function validateObject(row: OutgoingRow, config: ServiceContext['config'] | undefined): Invalidity | null {
  if (row.operation === 'delete' || config?.['id_property'] !== 'email' || readEmail(row.key) !== null) return null;
  return { code: 'invalid-email', message: 'The value of the id property is not an e-mail address' };
}

/** One sync's work on the records of one type. */
interface Work {
  readonly api: HubspotApi;
  readonly type: string;
  readonly idProperty: string;
  readonly mayArchive: boolean;
  readonly created: CreatedRecords;
  readonly schema: Schema;
  readonly associator: Associator;
  now(): number;
}

/**
 * Which records this sync made. A request whose answer was lost says `new: false` when it is sent again, so a record that
 * is younger than the first send of its row (less two seconds for the clocks) is ours all the same. Clocks that differ by
 * more leave a record of ours behind, rather than delete one that was there before.
 */
interface CreatedRecords {
  readonly ids: Set<string>;
  /** By key: when a row was first sent that had no answer yet. */
  readonly unanswered: Map<string, number>;
}

const CLOCK_MARGIN_MS = 2_000;

function createSession(
  api: HubspotApi,
  context: ServiceContext,
  { account, schema }: { readonly account: string | null; readonly schema: Schema },
): Session {
  const type = String(context.config['object_type']);
  const work: Work = {
    api,
    type,
    schema,
    associator: createAssociator(api, type, {
      fields: context.columns.flatMap(({ field }) => readAssociationField(field) ?? []),
      replaces: context.config['replace_associations'] !== false,
    }),
    idProperty: String(context.config['id_property']),
    mayArchive: context.operations.includes('delete'),
    created: { ids: new Set(), unanswered: new Map() },
    now: () => context.clock.now(),
  };
  return {
    audienceId: null,
    account,
    async send(batch, signal) {
      if (batch.operation === 'delete') return deleteRows(work, batch, signal);
      const sentAt = work.now();
      const outcome = await writeRows(work, batch, signal);
      const lost = (outcome.kind === 'retry' && outcome.applied === 'maybe') || outcome.kind === 'counted';
      for (const { key } of batch.rows) {
        if (lost) work.created.unanswered.set(key, work.created.unanswered.get(key) ?? sentAt);
        else if (outcome.kind === 'receipts') work.created.unanswered.delete(key);
      }
      return outcome;
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

async function deleteRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const records = { ...work, signal };
  const unknown = batch.rows.filter((row) => row.recordId === null).map((row) => row.key);
  const looked = unknown.length === 0 ? null : await findRecords(records, unknown);
  if (looked?.kind === 'outcome') return looked.outcome;
  const ids = batch.rows.map((row) => {
    const id = row.recordId ?? looked?.ids.get(row.key) ?? looked?.ids.get(row.key.toLowerCase()) ?? null;
    // A record that may have been there before us stays if it is older than our first word of it. HubSpot says when it
    // was made; where nothing says so, our own word is all the evidence there is.
    const createdAt = id === null ? undefined : looked?.createdAt.get(id);
    const stays =
      row.createdSince != null && createdAt !== undefined && !(Date.parse(createdAt) >= Date.parse(row.createdSince));
    return stays ? null : id;
  });
  const refusal = await archiveRecords(records, [...new Set(ids.filter((id) => id !== null))]);
  if (refusal !== null) return refusal.outcome;
  return { kind: 'receipts', receipts: batch.rows.map((row) => ({ seq: row.seq, status: 'accepted' })) };
}

/** A row with a value that its property does not have is told apart before anything is sent. */
async function writeRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const odd = new Map<number, Receipt>();
  for (const row of batch.rows) {
    const message = optionProblem(work.schema, row.fields() ?? {});
    if (message !== null) odd.set(row.seq, { seq: row.seq, status: 'rejected', code: 'option-unknown', message });
  }
  const rows = batch.rows.filter((row) => !odd.has(row.seq));
  if (rows.length === 0) return { kind: 'receipts', receipts: [...odd.values()] };
  const outcome = await upsertRows(work, { ...batch, rows }, signal);
  if (outcome.kind !== 'receipts') return outcome;
  const associated = await associateRows(work.associator, { rows, receipts: outcome.receipts }, signal);
  if (associated.kind !== 'receipts') return associated;
  return { ...associated, receipts: [...associated.receipts, ...odd.values()] };
}

/** Rows under a new key go in place, by record id, first; what cannot, and every other row, is upserted by its key. */
async function upsertRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const records: Records = { ...work, signal };
  const moved = batch.rows.filter((row) => row.previousKey !== null && row.recordId !== null);
  const updates = await updateInPlace({ ...records, idProperty: null }, work, moved);
  if (updates.kind === 'outcome') return updates.outcome;
  const rest = batch.rows.filter((row) => !updates.receipts.has(row.seq));
  const inputs = rest.map((row) => renderInput(row, work, row.key));
  const upserts = inputs.length === 0 ? null : await writeRecords(records, inputs);
  if (upserts?.kind === 'outcome') return upserts.outcome;
  // Whatever is asked next may fail, and the next try finds the record there.
  for (const record of upserts?.records.values() ?? []) if (record.created) work.created.ids.add(record.id);
  const faults = [...(upserts?.faults.values() ?? [])];
  const sameFault =
    faults.length === batch.rows.length ? faults.find((fault) => namesMissingProperty(fault.message)) : undefined;
  if (sameFault !== undefined) return missingProperty(sameFault.message);
  const left = work.mayArchive ? abandonedRecords(rest, upserts?.records) : new Map<number, string>();
  const refusal = await archiveRecords(records, [...left.values()]);
  const receipts = batch.rows.map((row) => updates.receipts.get(row.seq) ?? receiptOf(row, work, upserts));
  return refusal === null ? { kind: 'receipts', receipts } : notArchived(refusal.outcome, receipts, left);
}

/** The rows are written, and the records that they have left are still there. */
function notArchived(
  outcome: BatchOutcome,
  receipts: readonly Receipt[],
  left: ReadonlyMap<number, string>,
): BatchOutcome {
  if (outcome.kind === 'retry') return { ...outcome, applied: 'maybe' };
  if (outcome.kind !== 'refused') return outcome;
  const { code, fix } = outcome;
  const message = `The record was written, and the one under its former key was not archived: ${outcome.message} ${fix}`;
  const judge = (receipt: Receipt): Receipt =>
    left.has(receipt.seq) ? { seq: receipt.seq, status: 'unknown', code, message } : receipt;
  return { kind: 'receipts', receipts: receipts.map(judge) };
}

/** Receipts of the rows that were settled in place; those whose new key another record holds, or whose record is gone, are left out. */
async function updateInPlace(
  records: Records,
  work: Work,
  rows: readonly OutgoingRow[],
): Promise<
  | { readonly kind: 'updates'; readonly receipts: ReadonlyMap<number, Receipt> }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome }
> {
  const none = { kind: 'updates', receipts: new Map<number, Receipt>() } as const;
  if (rows.length === 0) return none;
  const answer = await writeRecords(
    records,
    rows.map((row) => renderInput(row, work, row.recordId ?? '')),
  );
  if (answer.kind === 'outcome') {
    const conflict = answer.outcome.kind === 'narrow' && (answer.status === 409 || isConflict(answer.outcome.message));
    return conflict && rows.length === 1 ? none : answer;
  }
  const receipts = new Map<number, Receipt>();
  for (const row of rows) {
    const fault = answer.faults.get(traceOf(row));
    const goesElsewhere =
      fault !== undefined && (/CONFLICT|NOT_FOUND/.test(fault.category) || isConflict(fault.message));
    if (!goesElsewhere) receipts.set(row.seq, receiptOf(row, work, answer));
  }
  return { kind: 'updates', receipts };
}

/** HubSpot's wording when a unique value is taken. */
function isConflict(message: string): boolean {
  return /already (exists|has that value)|CONTACT_EXISTS/i.test(message);
}

/** Records under a key that their row has left for another record, by the row's number. */
function abandonedRecords(
  rows: readonly OutgoingRow[],
  written: ReadonlyMap<string, WrittenRecord> | undefined,
): ReadonlyMap<number, string> {
  const abandoned = rows.flatMap((row) => {
    const target = written?.get(traceOf(row));
    const isAbandoned =
      row.previousKey !== null && row.recordId !== null && target !== undefined && target.id !== row.recordId;
    return isAbandoned && row.mayDelete !== false && row.recordId !== null ? [[row.seq, row.recordId] as const] : [];
  });
  return new Map(abandoned);
}

function traceOf(row: OutgoingRow): string {
  return `row-${row.seq}`;
}

function renderInput(row: OutgoingRow, work: Work, id: string): RecordInput {
  return {
    trace: traceOf(row),
    id,
    properties: { ...fitToSchema(work.schema, renderProperties(row.fields() ?? {})), [work.idProperty]: row.key },
  };
}

function receiptOf(
  row: OutgoingRow,
  work: Work,
  writes: {
    readonly records: ReadonlyMap<string, WrittenRecord>;
    readonly faults: ReadonlyMap<string, RecordFault>;
  } | null,
): Receipt {
  const fault = writes?.faults.get(traceOf(row));
  if (fault !== undefined) {
    const status = fault.category === 'RATE_LIMITS' ? 'deferred' : 'rejected';
    return { seq: row.seq, status, code: fault.category, message: fault.message };
  }
  const record = writes?.records.get(traceOf(row));
  if (record === undefined) {
    return { seq: row.seq, status: 'unknown', code: 'no-verdict', message: 'HubSpot’s answer does not name the row' };
  }
  const sentAt = work.created.unanswered.get(row.key);
  const isYounger =
    sentAt !== undefined && (record.createdAt === null || Date.parse(record.createdAt) >= sentAt - CLOCK_MARGIN_MS);
  if (record.created || (isYounger && row.recordId === null)) work.created.ids.add(record.id);
  const { id, createdAt } = record;
  return {
    seq: row.seq,
    status: 'accepted',
    recordId: id,
    created: work.created.ids.has(id),
    recordCreatedAt: createdAt,
  };
}
