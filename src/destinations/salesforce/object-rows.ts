import { readText } from '../answer.ts';
import type { Batch, BatchOutcome, OutgoingRow, Receipt, ServiceContext } from '../destination.ts';
import { NO_RECORD } from './bulk.ts';
import { deleteRecords, isGoneCode, type Result, type Results, type Target, writeRecords } from './collections.ts';
import type { SalesforceApi } from './connection.ts';
import { commonFault, configurationFault, faultReceipt, type Refusal, type RowFault } from './response.ts';
import { findWhere } from './soql.ts';
import { renderRecord, type Shape } from './values.ts';

/** One sync’s work on the records of one object. */
export interface Work {
  readonly api: SalesforceApi;
  readonly object: string;
  readonly keyField: string;
  readonly shape: Shape;
  readonly bulk: boolean;
  readonly updateOnly: boolean;
  readonly mayDelete: boolean;
  /** By key: when a row was first sent that had no answer yet. */
  readonly unanswered: Map<string, number>;
  readonly clock: ServiceContext['clock'];
}

export function receipts(of: readonly Receipt[]): BatchOutcome {
  return { kind: 'receipts', receipts: of };
}

export interface Lookup {
  readonly kind: 'ids';
  /** By the row’s seq. */
  readonly ids: ReadonlyMap<number, string>;
  /** When the record was made, by its id, of those that were looked up. */
  readonly createdAt: ReadonlyMap<string, string>;
}

/** The records of the rows: those that are known, and those that a query finds by external id. Fields compare without case in SOQL. */
export async function recordIds(
  work: Work,
  rows: readonly OutgoingRow[],
  signal: AbortSignal,
): Promise<Lookup | Refusal> {
  const { api, object, keyField } = work;
  const found = await findWhere(
    api,
    {
      select: ['Id', keyField, 'CreatedDate'],
      from: object,
      field: keyField,
      values: rows.filter(({ recordId }) => recordId === null).map(({ key }) => key),
      isNumber: work.shape.numbers.has(keyField),
    },
    signal,
  );
  if (found.kind === 'outcome') return found;
  const exact = new Map<string, string>();
  const folded = new Map<string, string>();
  const createdAt = new Map<string, string>();
  for (const row of found.rows) {
    const id = readText(row['Id']);
    const key = readText(row[keyField]);
    if (id === null || key === null) continue;
    exact.set(key, id);
    folded.set(key.toLowerCase(), id);
    const created = readText(row['CreatedDate']);
    if (created !== null) createdAt.set(id, created);
  }
  const ids = rows.flatMap(({ seq, key, recordId }) => {
    const id = recordId ?? exact.get(key) ?? folded.get(key.toLowerCase());
    return id === undefined ? [] : [[seq, id] as const];
  });
  return { kind: 'ids', ids: new Map(ids), createdAt };
}

/** By record id, which is looked up where it is not known. A record that is gone, or was never there, counts as deleted. */
export async function deleteRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const looked = await recordIds(work, batch.rows, signal);
  if (looked.kind === 'outcome') return looked.outcome;
  const leaving = batch.rows.flatMap((row) => {
    const id = looked.ids.get(row.seq);
    if (id === undefined) return [];
    // A record that may have been there before us stays if it is older than our first word of it.
    const createdAt = looked.createdAt.get(id);
    const stays =
      row.createdSince != null && createdAt !== undefined && !(Date.parse(createdAt) >= Date.parse(row.createdSince));
    return stays ? [] : [{ row, id }];
  });
  const ids = leaving.map(({ id }) => id);
  const answer = await withPatience(work, ids, (some) => deleteRecords(work.api, some, signal));
  if (answer.kind === 'outcome') return answer.outcome;
  const faults = new Map<number, RowFault>();
  for (const [index, result] of answer.results.entries()) {
    const seq = leaving[index]?.row.seq;
    if (result.kind === 'fault' && seq !== undefined) faults.set(seq, result);
  }
  const common = commonFault([...faults.values()], batch.rows.length);
  if (common !== null) return configurationFault(common);
  return receipts(
    batch.rows.map(({ seq }) => {
      const fault = faults.get(seq);
      return fault === undefined ? { seq, status: 'accepted' } : faultReceipt(seq, fault);
    }),
  );
}

const LOCK_ATTEMPTS = 3;
const LOCK_PAUSE_MS = 700;

/** Sends items, and again those whose row was locked by somebody else: locks last seconds. Results stand in the order of the items. */
async function withPatience(
  { clock }: Work,
  items: readonly string[],
  send: (some: readonly string[]) => Promise<Results>,
): Promise<Results> {
  const results: Result[] = [];
  let waiting = items.map((item, index) => ({ item, index }));
  for (let attempt = 1; waiting.length > 0; attempt++) {
    const answer = await send(waiting.map(({ item }) => item));
    if (answer.kind === 'outcome') return answer;
    for (const [place, result] of answer.results.entries()) results[waiting[place]?.index ?? -1] = result;
    waiting = waiting.filter(({ index }) => isLocked(results[index]));
    if (attempt === LOCK_ATTEMPTS) break;
    if (waiting.length > 0) await clock.sleep(attempt * LOCK_PAUSE_MS);
  }
  return { kind: 'results', results };
}

function isLocked(result: Result | undefined): boolean {
  return result?.kind === 'fault' && result.code === 'UNABLE_TO_LOCK_ROW';
}

/** Rows under a new key go in place, by record id, first; what cannot, and every other row, goes by its key. */
export async function writeRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const moved = batch.rows.filter((row) => row.previousKey !== null && row.recordId !== null);
  const inPlace = await updateById(work, moved, {
    ids: new Map(moved.map((row) => [row.seq, row.recordId ?? ''])),
    signal,
  });
  if (inPlace.kind === 'outcome') return inPlace.outcome;
  const settled = new Map([...inPlace.results].filter(([, result]) => !goesElsewhere(result)));
  const rest = batch.rows.filter(({ seq }) => !settled.has(seq));
  const written = work.updateOnly ? await updateKnown(work, rest, signal) : await upsert(work, rest, signal);
  if (written.kind === 'outcome') return written.outcome;
  const results = new Map([...settled, ...written.results]);
  const faults = [...results.values()].flatMap((result) => (result.kind === 'fault' ? [result] : []));
  const common = commonFault(faults, batch.rows.length);
  if (common !== null) return configurationFault(common);
  const left = work.mayDelete ? abandonedRecords(rest, results) : [];
  const removed = await deleteRecords(work.api, left, signal);
  if (removed.kind === 'outcome') return removed.outcome;
  const made = await createdAfterAll(work, { rows: batch.rows, results, signal });
  if (made.kind === 'outcome') return made.outcome;
  return receipts(batch.rows.map(({ seq }) => receiptOf(seq, results.get(seq), made.createdAt)));
}

interface Written {
  readonly kind: 'written';
  readonly results: ReadonlyMap<number, Result>;
}

/** Another record holds the new key, or the record is gone: the row is written by its key. */
function goesElsewhere(result: Result): boolean {
  return result.kind === 'fault' && (result.code === 'DUPLICATE_VALUE' || isGoneCode(result.code));
}

async function write(
  work: Work,
  rows: readonly OutgoingRow[],
  given: { readonly target: Target; readonly ids: ReadonlyMap<number, string> | null; readonly signal: AbortSignal },
): Promise<Written | Refusal> {
  const { object: type, keyField, shape } = work;
  const records = rows.map((row) => renderRecord(row, { type, keyField, id: given.ids?.get(row.seq) ?? null, shape }));
  const { target, signal } = given;
  const answer = await withPatience(work, records, (some) => writeRecords(work.api, { target, records: some, signal }));
  if (answer.kind === 'outcome') return answer;
  const results = rows.flatMap(({ seq }, index) => {
    const result = answer.results[index];
    return result === undefined ? [] : [[seq, result] as const];
  });
  return { kind: 'written', results: new Map(results) };
}

async function upsert(work: Work, rows: readonly OutgoingRow[], signal: AbortSignal): Promise<Written | Refusal> {
  const target: Target = { verb: 'upsert', type: work.object, field: work.keyField };
  return await write(work, rows, { target, ids: null, signal });
}

async function updateById(
  work: Work,
  rows: readonly OutgoingRow[],
  given: { readonly ids: ReadonlyMap<number, string>; readonly signal: AbortSignal },
): Promise<Written | Refusal> {
  return await write(work, rows, { target: { verb: 'update' }, ...given });
}

/** `write: update`: records that are there, by their id; the others are rejected. */
async function updateKnown(work: Work, rows: readonly OutgoingRow[], signal: AbortSignal): Promise<Written | Refusal> {
  // A move that could not be made in place looks for the record under the new key.
  const looked = await recordIds(
    work,
    rows.map((row) => (row.previousKey === null ? row : { ...row, recordId: null })),
    signal,
  );
  if (looked.kind === 'outcome') return looked;
  const there = rows.filter(({ seq }) => looked.ids.has(seq));
  const written = await updateById(work, there, { ids: looked.ids, signal });
  if (written.kind === 'outcome') return written;
  const absent = rows.flatMap(({ seq }) => (looked.ids.has(seq) ? [] : [[seq, ABSENT] as const]));
  return { kind: 'written', results: new Map([...written.results, ...absent]) };
}

const ABSENT: Result = { kind: 'fault', ...NO_RECORD };

/** Records under a key that their row has left for another record. */
function abandonedRecords(rows: readonly OutgoingRow[], results: ReadonlyMap<number, Result>): readonly string[] {
  return rows.flatMap((row) => {
    const target = results.get(row.seq);
    const isAbandoned =
      row.previousKey !== null && row.recordId !== null && target?.kind === 'done' && target.id !== row.recordId;
    return isAbandoned && row.mayDelete !== false && row.recordId !== null ? [row.recordId] : [];
  });
}

const CLOCK_MARGIN_MS = 2_000;

/**
 * Records that this sync made although Salesforce says `created: false`: the answer to the first send was lost. A record that is
 * younger than that send (less two seconds for the clocks) is ours; its day of creation is asked for, by id.
 */
async function createdAfterAll(
  work: Work,
  given: {
    readonly rows: readonly OutgoingRow[];
    readonly results: ReadonlyMap<number, Result>;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly kind: 'made'; readonly createdAt: ReadonlyMap<string, MadeAt> } | Refusal> {
  const doubtful = given.rows.flatMap((row) => {
    const result = given.results.get(row.seq);
    const sentAt = work.unanswered.get(row.key);
    if (result?.kind !== 'done' || result.created || row.recordId !== null || sentAt === undefined) return [];
    return [{ id: result.id, sentAt }];
  });
  const values = doubtful.map(({ id }) => id);
  const select = ['Id', 'CreatedDate'];
  const found = await findWhere(work.api, { select, from: work.object, field: 'Id', values }, given.signal);
  if (found.kind === 'outcome') return found;
  const dates = new Map(found.rows.map((row) => [readText(row['Id']) ?? '', readText(row['CreatedDate'])]));
  const made = doubtful.flatMap(({ id, sentAt }) => {
    const at = dates.get(id) ?? null;
    const time = Date.parse(at ?? '');
    if (Number.isNaN(time)) return [];
    return [[id, { at: new Date(time).toISOString(), isOurs: time >= sentAt - CLOCK_MARGIN_MS }] as const];
  });
  return { kind: 'made', createdAt: new Map(made) };
}

interface MadeAt {
  readonly at: string;
  readonly isOurs: boolean;
}

function receiptOf(seq: number, result: Result | undefined, made: ReadonlyMap<string, MadeAt>): Receipt {
  if (result === undefined)
    return { seq, status: 'unknown', code: 'no-verdict', message: 'Salesforce’s answer does not name the row' };
  if (result.kind === 'fault') return faultReceipt(seq, result);
  const late = made.get(result.id);
  return {
    seq,
    status: 'accepted',
    recordId: result.id,
    created: result.created || late?.isOurs === true,
    ...(late === undefined ? {} : { recordCreatedAt: late.at }),
  };
}
