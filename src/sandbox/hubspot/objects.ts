import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';
import { type BatchBody, type BatchInput, readBatch } from './batch-input.ts';
import { hubspotError, invalidRequest } from './hubspot-answer.ts';
import type { ObjectTypes } from './object-types.ts';
import { isUnique, type PropertyRules, propertyProblem, storedValue } from './properties.ts';
import type { CrmRecord, Records } from './records.ts';

export interface Portal {
  readonly records: Records;
  readonly types: ObjectTypes;
}

interface RowError {
  readonly category: 'VALIDATION_ERROR' | 'OBJECT_NOT_FOUND' | 'CONFLICT';
  readonly message: string;
}

/** A row that passed: the record it goes to, or null for a new one. */
interface Write {
  readonly input: BatchInput;
  readonly record: CrmRecord | null;
  readonly properties: ReadonlyMap<string, string>;
}

type Judgement = { readonly write: Write } | { readonly error: RowError };

interface BatchCall {
  readonly portal: Portal;
  readonly type: string;
  readonly verb: 'upsert' | 'update';
  readonly context: RequestContext;
  /** Unique values that earlier rows of this batch take. */
  readonly taken: Map<string, string>;
}

/** `POST /crm/objects/2026-09/{type}/batch/upsert|update`. */
export function writeBatch(
  portal: Portal,
  { type, verb }: Pick<BatchCall, 'type' | 'verb'>,
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const read = readBatch(request, context);
  if ('refusal' in read) return read.refusal;
  const { inputs, traced } = read.body;
  const wrong = idPropertyProblem(portal.types.rules(type), type, { verb, inputs });
  if (wrong !== null) {
    context.violate('id-property', wrong);
    return invalidRequest(context, wrong, inputs.length);
  }
  const call: BatchCall = { portal, type, verb, context, taken: new Map() };
  const judged = inputs.map((input) => ({ input, judgement: judge(call, input, traced) }));
  const errors = judged.flatMap(({ input, judgement }) =>
    'error' in judgement ? [{ input, error: judgement.error }] : [],
  );
  const [first] = errors;
  if (first && (!traced || judged.some(({ input }) => context.poison(poisonValues(input)) === 'refuse'))) {
    const status = first.error.category === 'CONFLICT' ? 409 : first.error.category === 'OBJECT_NOT_FOUND' ? 404 : 400;
    return hubspotError(context, { status, ...first.error, rows: inputs.length });
  }
  const results = judged.flatMap(({ judgement }) => ('write' in judgement ? [apply(call, judgement.write)] : []));
  const times = { startedAt: iso(context.now), completedAt: iso(context.now) };
  if (errors.length === 0) return jsonAnswer(200, { status: 'COMPLETE', results, ...times }, { rows: inputs.length });
  const answer = {
    ...{ status: 'COMPLETE', results, ...times, numErrors: errors.length },
    errors: errors.map(({ input, error }) => ({
      status: 'error',
      ...error,
      context: { objectWriteTraceId: [input.objectWriteTraceId] },
    })),
  };
  return jsonAnswer(207, answer, { rows: inputs.length, rejected: errors.length });
}

/** `POST …/batch/read`: unknown ids are named in errors, the others returned. */
export function readRecords(portal: Portal, type: string, request: SandboxRequest, context: RequestContext): Answer {
  const read = readBatch(request, context);
  if ('refusal' in read) return read.refusal;
  const { inputs, idProperty, wanted } = read.body;
  if (idProperty !== null && !isUnique(portal.types.rules(type), type, idProperty)) {
    return invalidRequest(context, `Property "${idProperty}" does not have unique values`, inputs.length);
  }
  const found = inputs.map((input) => ({
    id: input.id,
    record: findRecord(portal, type, { id: input.id, idProperty }),
  }));
  const results = found.flatMap(({ record }) => (record ? [describe(record, wanted)] : []));
  const missing = found.flatMap(({ id, record }) => (record ? [] : [id]));
  const times = { startedAt: iso(context.now), completedAt: iso(context.now) };
  if (missing.length === 0) return jsonAnswer(200, { status: 'COMPLETE', results, ...times }, { rows: inputs.length });
  const error = {
    ...{ status: 'error', category: 'OBJECT_NOT_FOUND', message: 'Could not get some of the records' },
    context: { ids: missing },
  };
  return jsonAnswer(
    207,
    { status: 'COMPLETE', results, ...times, numErrors: 1, errors: [error] },
    { rows: inputs.length },
  );
}

/** `GET /crm/objects/2026-09/{type}`: up to 100 records a page. */
export function listRecords(
  { records }: Portal,
  type: string,
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const limit = Number(request.query.get('limit') ?? 10);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    return invalidRequest(context, 'limit must be from 1 to 100');
  const after = Number(request.query.get('after') ?? 0);
  const rest = records.ofType(type).filter((record) => Number(record.id) > after);
  const wanted = (request.query.get('properties') ?? '').split(',').filter((name) => name !== '');
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return jsonAnswer(200, {
    results: page.map((record) => describe(record, wanted)),
    ...(last && rest.length > limit ? { paging: { next: { after: last.id } } } : {}),
  });
}

/** `POST …/batch/archive`: 204, for records that are not there too. The ids that were archived are handed to `forget`. */
export function archiveBatch(
  { portal, type, forget }: { readonly portal: Portal; readonly type: string; readonly forget: (id: string) => void },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const read = readBatch(request, context);
  if ('refusal' in read) return read.refusal;
  const rows = read.body.inputs.length;
  if (read.body.inputs.some((input) => !/^\d+$/.test(input.id))) {
    context.violate('record-id', 'batch/archive takes record ids');
    return invalidRequest(context, 'Invalid input JSON: id is not a record id', rows);
  }
  const poisoned = read.body.inputs.some((input) => context.poison([input.id]) !== null);
  if (poisoned) return invalidRequest(context, 'A record cannot be archived', rows);
  for (const { id } of read.body.inputs) {
    portal.records.archive(type, id);
    forget(id);
  }
  return jsonAnswer(204, undefined, { rows });
}

function idPropertyProblem(
  rules: PropertyRules,
  type: string,
  { verb, inputs }: { readonly verb: BatchCall['verb']; readonly inputs: BatchBody['inputs'] },
): string | null {
  for (const { idProperty } of inputs) {
    if (idProperty === undefined) {
      if (verb === 'upsert') return 'idProperty is required for an upsert';
    } else if (!isUnique(rules, type, idProperty)) return `Property "${idProperty}" does not have unique values`;
  }
  return null;
}

function judge(call: BatchCall, input: BatchInput, traced: boolean): Judgement {
  const { portal, type, verb, context } = call;
  if (context.poison(poisonValues(input)) !== null || (traced && context.unlucky())) {
    return { error: { category: 'VALIDATION_ERROR', message: 'Property values were not valid' } };
  }
  const idProperty = input.idProperty ?? null;
  const stated = new Map(
    Object.entries(input.properties ?? {}).map(([name, value]) => [name, storedValue(name, value)]),
  );
  const record = findRecord(portal, type, { id: input.id, idProperty }) ?? null;
  if (record === null && verb === 'update') {
    return { error: { category: 'OBJECT_NOT_FOUND', message: `Could not update ${type}: the record was not found` } };
  }
  const properties =
    record === null && idProperty !== null
      ? new Map([[idProperty, storedValue(idProperty, input.id)], ...stated])
      : stated;
  for (const [name, value] of properties) {
    const problem = propertyProblem(portal.types.rules(type), name, value);
    if (problem === null) continue;
    if (problem.violation !== null) context.violate(problem.violation, problem.message);
    const details = JSON.stringify([{ isValid: false, message: problem.message, error: problem.error, name }]);
    return { error: { category: 'VALIDATION_ERROR', message: `Property values were not valid: ${details}` } };
  }
  return conflict(call, { input, record, properties }) ?? { write: { input, record, properties } };
}

/** A unique value that another record holds, or that another row of the batch takes. */
function conflict(call: BatchCall, { input, record, properties }: Write): Judgement | null {
  const { portal, type, taken } = call;
  const unique = [...properties].filter(
    ([name, value]) => value !== '' && isUnique(portal.types.rules(type), type, name),
  );
  for (const [name, value] of unique) {
    const holder = portal.records.findByValue(type, name, value);
    const rival = taken.get(`${name}\n${value}`);
    if ((holder && holder.id !== record?.id) || (rival !== undefined && rival !== record?.id)) {
      const existing = holder ? ` Existing ID: ${holder.id}` : '';
      return { error: { category: 'CONFLICT', message: `A record with that ${name} already exists.${existing}` } };
    }
  }
  for (const [name, value] of unique) taken.set(`${name}\n${value}`, record?.id ?? `new ${input.id}`);
  return null;
}

function apply(
  { portal, type, verb, context }: BatchCall,
  { input, record, properties }: Write,
): Record<string, unknown> {
  const target = record ?? portal.records.create(type, context.now);
  if (record !== null) portal.records.countUpdate(type);
  portal.records.write(target, properties, context.now);
  return {
    ...describe(target, [...properties.keys()]),
    ...(verb === 'upsert' ? { new: record === null } : {}),
    ...(input.objectWriteTraceId === undefined ? {} : { objectWriteTraceId: input.objectWriteTraceId }),
  };
}

function findRecord(
  { records }: Portal,
  type: string,
  { id, idProperty }: { readonly id: string; readonly idProperty: string | null },
): CrmRecord | undefined {
  return idProperty === null
    ? records.get(type, id)
    : records.findByValue(type, idProperty, storedValue(idProperty, id));
}

function describe(record: CrmRecord, wanted: readonly string[]): Record<string, unknown> {
  const values = wanted.map((name) => [name, record.properties.get(name) ?? null]);
  return {
    id: record.id,
    properties: {
      ...Object.fromEntries(values),
      ...{ hs_object_id: record.id, createdate: iso(record.createdAt), lastmodifieddate: iso(record.updatedAt) },
    },
    ...{ createdAt: iso(record.createdAt), updatedAt: iso(record.updatedAt), archived: false },
  };
}

/** What of a row can be named as poison: its id and its e-mail address. */
function poisonValues(input: BatchInput): readonly string[] {
  return [input.id, ...(input.properties?.['email'] === undefined ? [] : [input.properties['email']])];
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
