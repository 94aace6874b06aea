import { z } from 'zod';
import { type ExactJson, parseExact } from '../exact-json.ts';
import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';
import type { Org, Written } from './org.ts';
import { notFound, type RowError, salesforceError } from './salesforce-answer.ts';

/** Records of one request (sObject Collections, 67.0). */
const RECORDS_MAX = 200;

const body = z.object({
  allOrNone: z.boolean().optional(),
  records: z.array(z.record(z.string(), z.unknown()).and(z.object({ attributes: z.object({ type: z.string() }) }))),
});

/** `POST` and `PATCH composite/sobjects`, `PATCH composite/sobjects/{object}/{field}`, `DELETE composite/sobjects?ids=`. */
export function handleCollection(
  org: Org,
  parts: readonly string[],
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const [object, field, ...more] = parts.map(decodeURIComponent);
  if (more.length > 0) return notFound();
  if (request.method === 'DELETE' && object === undefined) return deleteAll(org, request, context);
  if (request.method === 'PATCH' && object !== undefined && field !== undefined) {
    if (org.schema.prefix(object) === null) return notFound();
    if (org.schema.field(object, field) === null || !org.schema.isExternalId(object, field) || field === 'Id')
      return salesforceError(400, 'INVALID_FIELD', `${field} is not an external id field of ${object}`);
    return writeAll(org, { verb: 'upsert', object, keyField: field }, request, context);
  }
  if (object !== undefined) return notFound();
  if (request.method === 'POST')
    return writeAll(org, { verb: 'insert', object: null, keyField: null }, request, context);
  if (request.method === 'PATCH')
    return writeAll(org, { verb: 'update', object: null, keyField: null }, request, context);
  return salesforceError(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${request.method}' not allowed`);
}

function writeAll(
  org: Org,
  how: {
    readonly verb: 'insert' | 'update' | 'upsert';
    readonly object: string | null;
    readonly keyField: string | null;
  },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const parsed = body.safeParse(readBody(request));
  if (!parsed.success) {
    context.violate('collection-shape', parsed.error.issues[0]?.path.join('.') || 'body');
    return salesforceError(400, 'JSON_PARSER_ERROR', 'The request body is not a list of records with attributes.type');
  }
  const { records } = parsed.data;
  if (records.length === 0 || records.length > RECORDS_MAX) {
    context.violate('too-many-rows', `${records.length} records`);
    return salesforceError(
      400,
      'EXCEEDED_ID_LIMIT',
      `record limit reached. cannot submit more than ${RECORDS_MAX} records`,
      records.length,
    );
  }
  const refused = records.some((record) => context.poison(textsOf(record)) === 'refuse');
  if (refused) return salesforceError(400, 'JSON_PARSER_ERROR', 'Cannot deserialize a value', records.length);
  for (const record of records) {
    const problem = shapeProblem(org, record, how);
    if (problem === null) continue;
    context.violate('record-shape', problem.message);
    return salesforceError(400, problem.statusCode, problem.message, records.length);
  }
  const taken = new Set<string>();
  const results = records.map((record) => {
    const { type } = record.attributes;
    const fields = new Map(fieldsOf(record));
    return describe(
      org.write({ object: type, verb: how.verb, keyField: how.keyField, fields, taken }, context),
      how.verb,
    );
  });
  const rejected = results.filter(({ success }) => !success).length;
  return jsonAnswer(200, results, { rows: records.length, rejected });
}

/** What makes the whole request wrong: a field that nobody made, an id where none may be. */
function shapeProblem(
  org: Org,
  record: Readonly<Record<string, unknown>> & { readonly attributes: { readonly type: string } },
  { verb, object }: { readonly verb: string; readonly object: string | null },
): RowError | null {
  const { type } = record.attributes;
  if (org.schema.prefix(type) === null || (object !== null && type !== object))
    return { statusCode: 'INVALID_TYPE', message: `sObject type '${type}' is not supported.` };
  for (const [name] of fieldsOf(record)) {
    if (name === 'Id' && verb !== 'update') return { statusCode: 'INVALID_FIELD', message: 'Id may not be set' };
    if (!name.includes('.') && org.schema.field(type, name) === null)
      return { statusCode: 'INVALID_FIELD', message: `No such column '${name}' on sobject of type ${type}` };
  }
  return null;
}

/** A parent named by its external id is one field `Account.Ext__c`. */
function fieldsOf(record: Readonly<Record<string, unknown>>): readonly (readonly [string, string | null])[] {
  return Object.entries(record).flatMap(([name, value]) => {
    if (name === 'attributes') return [];
    if (typeof value !== 'object' || value === null) return [[name, value === null ? null : String(value)] as const];
    return Object.entries(value).map(
      ([key, inner]) => [`${name}.${key}`, inner === null ? null : String(inner)] as const,
    );
  });
}

function textsOf(record: Readonly<Record<string, unknown>>): readonly string[] {
  return fieldsOf(record).flatMap(([, value]) => value ?? []);
}

function describe(written: Written, verb: string): { readonly success: boolean } & Readonly<Record<string, unknown>> {
  if ('error' in written) return { success: false, errors: [{ fields: [], ...written.error }] };
  return { id: written.id, success: true, errors: [], ...(verb === 'upsert' ? { created: written.created } : {}) };
}

function deleteAll(org: Org, request: SandboxRequest, context: RequestContext): Answer {
  const ids = (request.query.get('ids') ?? '').split(',').filter((id) => id !== '');
  if (ids.length === 0 || ids.length > RECORDS_MAX) {
    context.violate('too-many-rows', `${ids.length} ids`);
    return salesforceError(400, 'EXCEEDED_ID_LIMIT', `from 1 to ${RECORDS_MAX} ids`, ids.length);
  }
  const results = ids.map((id) => {
    const locked: RowError = {
      statusCode: 'UNABLE_TO_LOCK_ROW',
      message: 'unable to obtain exclusive access to this record',
    };
    const error = context.poison([id]) !== null || context.unlucky() ? locked : remove(org, id);
    return error === null ? { id, success: true, errors: [] } : { success: false, errors: [{ fields: [], ...error }] };
  });
  return jsonAnswer(200, results, { rows: ids.length, rejected: results.filter(({ success }) => !success).length });
}

function remove(org: Org, id: string): RowError | null {
  return org.get(id)?.object === 'CampaignMember' ? org.deleteMember(id) : org.delete(id);
}

function readBody(request: SandboxRequest): ExactJson | undefined {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return undefined;
  try {
    return parseExact(request.body);
  } catch {
    return undefined;
  }
}
