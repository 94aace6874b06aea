import { scrub } from '../../log.ts';
import { narrow, notAnAcknowledgement, readArray, readCode, readObject, readText, retry } from '../answer.ts';
import type { BatchOutcome } from '../destination.ts';
import type { HubspotApi } from './api.ts';
import { INPUTS_MAX } from './facts.ts';
import { saysDone } from './response.ts';

/** One record to write. `trace` names it in the answer, and has to be its own. */
export interface RecordInput {
  readonly trace: string;
  /** A record id, or with `idProperty` the value of that property. */
  readonly id: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface WrittenRecord {
  readonly id: string;
  readonly created: boolean;
  /** ISO timestamp of HubSpot's clock; null when the answer has none. */
  readonly createdAt: string | null;
}

export interface RecordFault {
  readonly category: string;
  readonly message: string;
}

/** What became of each input, by its trace; one that stands in neither has no verdict. */
export interface Writes {
  readonly kind: 'writes';
  readonly records: ReadonlyMap<string, WrittenRecord>;
  readonly faults: ReadonlyMap<string, RecordFault>;
}

export interface RefusedCall {
  readonly kind: 'outcome';
  readonly outcome: BatchOutcome;
  readonly status: number | null;
}

/** Which records: their type, and the property that ids are values of (null: record ids). */
export interface Records {
  readonly api: HubspotApi;
  readonly type: string;
  readonly idProperty: string | null;
  readonly signal: AbortSignal;
}

/**
 * `batch/upsert` (with an idProperty) or `batch/update` (by record id) of 2026-09: up to 100 inputs, each with a unique
 * objectWriteTraceId, so that one bad row does not fail the others and every error names its row.
 */
export async function writeRecords(records: Records, inputs: readonly RecordInput[]): Promise<Writes | RefusedCall> {
  const written = new Map<string, WrittenRecord>();
  const faults = new Map<string, RecordFault>();
  for (let start = 0; start < inputs.length; start += INPUTS_MAX) {
    const part = inputs.slice(start, start + INPUTS_MAX);
    const answer = await records.api.call({
      method: 'POST',
      path: `${objectPath(records.type)}/batch/${records.idProperty === null ? 'update' : 'upsert'}`,
      body: { inputs: part.map((input) => renderInput(input, records.idProperty)) },
      signal: records.signal,
    });
    if (answer.kind === 'outcome') return answer;
    const outcome = collect({ answer: answer.value, inputs: part, idProperty: records.idProperty }, written, faults);
    if (outcome !== null) return { kind: 'outcome', outcome, status: null };
  }
  return { kind: 'writes', records: written, faults };
}

function renderInput(input: RecordInput, idProperty: string | null): unknown {
  const { id, properties, trace } = input;
  return { id, ...(idProperty === null ? {} : { idProperty }), properties, objectWriteTraceId: trace };
}

/** Reads one answer into the maps; an outcome when the answer does not say what became of whom. */
function collect(
  given: {
    readonly answer: Readonly<Record<string, unknown>>;
    readonly inputs: readonly RecordInput[];
    readonly idProperty: string | null;
  },
  written: Map<string, WrittenRecord>,
  faults: Map<string, RecordFault>,
): BatchOutcome | null {
  const results = readArray(given.answer['results']).map((item) => readObject(item) ?? {});
  const errors = readArray(given.answer['errors']).map((item) => readObject(item) ?? {});
  if (results.length === 0 && errors.length === 0) {
    return notAnAcknowledgement('HubSpot answered 2xx without a result and without an error');
  }
  for (const result of results) {
    const trace = readText(result['objectWriteTraceId']) ?? traceByValue(result, given);
    const id = readText(result['id']);
    if (trace === null || id === null) continue;
    written.set(trace, { id, created: result['new'] === true, createdAt: readText(result['createdAt']) });
  }
  for (const error of errors) {
    const named = readArray(readObject(error['context'])?.['objectWriteTraceId']).flatMap((id) => readText(id) ?? []);
    const message = scrub(readText(error['message']) ?? 'Refused by HubSpot');
    const traces = named.length > 0 || given.inputs.length > 1 ? named : given.inputs.map((input) => input.trace);
    for (const trace of traces) faults.set(trace, { category: readCode(error['category']), message });
    if (traces.length === 0) return unattributed(readCode(error['category']), message, { written, given });
  }
  return null;
}

/** An error that names no row of several. Where other rows were written, the engine has to know that something was applied. */
function unattributed(
  code: string,
  message: string,
  {
    written,
    given,
  }: {
    readonly written: ReadonlyMap<string, WrittenRecord>;
    readonly given: { readonly inputs: readonly RecordInput[] };
  },
): BatchOutcome {
  const count = given.inputs.filter(({ trace }) => written.has(trace)).length;
  if (count === 0) return narrow(code, message);
  return { kind: 'counted', accepted: Math.min(count, given.inputs.length - 1), code, message };
}

/** A result without a trace is known by its id, or by the value of the id property. */
function traceByValue(
  result: Readonly<Record<string, unknown>>,
  given: { readonly inputs: readonly RecordInput[]; readonly idProperty: string | null },
): string | null {
  const properties = readObject(result['properties']);
  const value = given.idProperty === null ? result['id'] : properties?.[given.idProperty];
  const text = readText(value);
  const same = given.inputs.find((input) => input.id === text);
  return (same ?? given.inputs.find((input) => input.id.toLowerCase() === text?.toLowerCase()))?.trace ?? null;
}

export interface FoundRecords {
  readonly kind: 'found';
  /** By the value of the id property, as it is and in lower case: of values that differ in case, each has its own record. */
  readonly ids: ReadonlyMap<string, string>;
  /** When the record was made (ISO, HubSpot's clock), by record id. */
  readonly createdAt: ReadonlyMap<string, string>;
}

/** Record ids by the value of the id property. Values that no record has are left out. */
export async function findRecords(
  records: Records & { readonly idProperty: string },
  values: readonly string[],
): Promise<FoundRecords | RefusedCall> {
  const ids = new Map<string, string>();
  const createdAt = new Map<string, string>();
  for (let start = 0; start < values.length; start += INPUTS_MAX) {
    const part = values.slice(start, start + INPUTS_MAX);
    const answer = await records.api.call({
      method: 'POST',
      path: `${objectPath(records.type)}/batch/read`,
      body: {
        idProperty: records.idProperty,
        properties: [records.idProperty],
        inputs: part.map((id) => ({ id })),
      },
      signal: records.signal,
    });
    if (answer.kind === 'outcome') return answer;
    const found = readFound(answer.value, records.idProperty);
    if (found === null) return { kind: 'outcome', outcome: NOT_LOOKED_UP, status: null };
    for (const { id, value, created } of found) {
      ids.set(value.toLowerCase(), ids.get(value.toLowerCase()) ?? id);
      ids.set(value, id);
      if (created !== null) createdAt.set(id, created);
    }
  }
  return { kind: 'found', ids, createdAt };
}

/** Whoever is not found counts as gone, so that an answer which is not whole must not pass for one: nothing was changed yet. */
const NOT_LOOKED_UP = retry({
  applied: 'no',
  code: 'not-looked-up',
  message: 'HubSpot answered 2xx without saying of every record whether it is there',
});

/** null: the answer does not say who is there. */
function readFound(
  answer: Readonly<Record<string, unknown>>,
  idProperty: string,
): readonly { readonly id: string; readonly value: string; readonly created: string | null }[] | null {
  const { results, errors, status } = answer;
  const isWhole = Array.isArray(results) && (status === undefined || saysDone(answer));
  const isOdd = (error: unknown): boolean => readObject(error)?.['category'] !== 'OBJECT_NOT_FOUND';
  if (!isWhole || (errors != null && !Array.isArray(errors)) || readArray(errors).some(isOdd)) return null;
  const found = results.flatMap((item) => {
    const result = readObject(item);
    const id = readText(result?.['id']);
    const value = readText(readObject(result?.['properties'])?.[idProperty]);
    return id === null || value === null ? [] : [{ id, value, created: readText(result?.['createdAt']) }];
  });
  return found.length === results.length ? found : null;
}

/** `batch/archive` by record id; records that are gone already count as archived. null: done. */
export async function archiveRecords(
  records: Omit<Records, 'idProperty'>,
  ids: readonly string[],
): Promise<RefusedCall | null> {
  for (let start = 0; start < ids.length; start += INPUTS_MAX) {
    const part = ids.slice(start, start + INPUTS_MAX);
    const answer = await records.api.call({
      method: 'POST',
      path: `${objectPath(records.type)}/batch/archive`,
      body: { inputs: part.map((id) => ({ id })) },
      signal: records.signal,
    });
    if (answer.kind === 'value') {
      if (saysDone(answer.value)) continue;
      return { kind: 'outcome', outcome: notAnAcknowledgement('HubSpot did not say that it archived'), status: null };
    }
    if (answer.status === 404 && part.length === 1) continue;
    if (answer.status !== 404) return answer;
    return { ...answer, outcome: narrow('OBJECT_NOT_FOUND', 'One of the records is gone') };
  }
  return null;
}

export function objectPath(type: string): string {
  return `/crm/objects/{version}/${encodeURIComponent(type.toWellFormed())}`;
}

/** The values of one property by record id; records that are gone, or have none, are left out. */
export async function readValues(
  records: Omit<Records, 'idProperty'>,
  property: string,
  ids: readonly string[],
): Promise<{ readonly kind: 'values'; readonly values: ReadonlyMap<string, string> } | RefusedCall> {
  const values = new Map<string, string>();
  for (let start = 0; start < ids.length; start += INPUTS_MAX) {
    const answer = await records.api.call({
      method: 'POST',
      path: `${objectPath(records.type)}/batch/read`,
      body: { properties: [property], inputs: ids.slice(start, start + INPUTS_MAX).map((id) => ({ id })) },
      signal: records.signal,
    });
    if (answer.kind === 'outcome') return answer;
    const { results } = answer.value;
    if (!Array.isArray(results)) return { kind: 'outcome', outcome: NOT_LOOKED_UP, status: null };
    for (const result of results.map(readObject)) {
      const id = readText(result?.['id']);
      const value = readText(readObject(result?.['properties'])?.[property]);
      if (id !== null && value !== null) values.set(id, value);
    }
  }
  return { kind: 'values', values };
}
