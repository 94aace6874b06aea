import { z } from 'zod';
import { type ExactJson, parseExact } from '../exact-json.ts';
import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';
import { type List, textOf } from './list.ts';
import { selligentError } from './selligent-answer.ts';

/** Other clients of the API keep to these. */
const ROWS_MAX = 2_500;
const BYTES_MAX = 20_000_000;
/** From so many rows on a list without a unique index on the key fields is refused. */
const GUARDED_ROWS = 100;

/** What the list is told of itself, beyond its records. */
export interface ListRules {
  /** Upper case; null: any field is there. */
  readonly fields: ReadonlySet<string> | null;
  /** Fields with a unique index, upper case; null: all. */
  readonly indexed: ReadonlySet<string> | null;
  /** Who is in the list beside the records, lower case; null: everybody whom a segment is told of. */
  readonly contacts: ReadonlySet<string> | null;
}

interface Table {
  readonly keyField: string;
  readonly rows: readonly ReadonlyMap<string, ExactJson>[];
}

/** `POST lists/{list}/data/load`: rows by their key field, all or nothing; with `create_segment_name` they become a static segment as well. */
export function loadRecords(list: List, rules: ListRules, request: SandboxRequest, context: RequestContext): Answer {
  const table = readTable(rules, request, context);
  if ('status' in table) return table;
  const verdict = judge(table, context);
  if ('status' in verdict) return verdict;
  const name = request.query.get('create_segment_name');
  const apiName = request.query.get('create_segment_api_name') ?? name;
  const segment = apiName === null ? undefined : (list.segment(apiName) ?? list.addSegment(apiName, name ?? apiName));
  for (const row of verdict.taken) {
    list.upsert(table.keyField, row);
    if (segment !== undefined) join(segment, table.keyField, row);
  }
  return done(table, verdict.taken.length);
}

/** `DELETE lists/{list}/data`; who is not there is passed over. */
export function deleteRecords(list: List, rules: ListRules, request: SandboxRequest, context: RequestContext): Answer {
  const table = readTable(rules, request, context);
  if ('status' in table) return table;
  const verdict = judge(table, context);
  if ('status' in verdict) return verdict;
  for (const row of verdict.taken) list.delete(table.keyField, row.get(table.keyField) ?? null);
  return done(table, verdict.taken.length);
}

/** `POST lists/{list}/segments/{segment}/data/load`, `DELETE …/data`. Who is not in the list is passed over without a word. */
export function changeSegment(
  { list, rules, segment }: { readonly list: List; readonly rules: ListRules; readonly segment: Segment },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const table = readTable(rules, request, context);
  if ('status' in table) return table;
  const verdict = judge(table, context);
  if ('status' in verdict) return verdict;
  for (const row of verdict.taken) {
    const wanted = row.get(table.keyField) ?? null;
    if (request.method === 'DELETE') {
      if (segment.members.delete(textOf(wanted))) segment.removed += 1;
      continue;
    }
    const isThere = rules.contacts === null || rules.contacts.has(textOf(wanted));
    if (isThere || list.find(table.keyField, wanted) !== null) join(segment, table.keyField, row);
  }
  return done(table, verdict.taken.length);
}

type Segment = NonNullable<ReturnType<List['segment']>>;

function join(segment: Segment, field: string, row: ReadonlyMap<string, ExactJson>): void {
  const wanted = row.get(field) ?? null;
  segment.field = field;
  if (!segment.members.has(textOf(wanted))) segment.added += 1;
  segment.members.set(textOf(wanted), String(wanted));
}

const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean(), z.null()]);
const matrix = z.array(z.array(scalar));

function readTable(rules: ListRules, request: SandboxRequest, context: RequestContext): Table | Answer {
  const wrong = (rule: string, message: string): Answer => {
    context.violate(rule, message);
    return selligentError(400, message);
  };
  const fields = (request.query.get('fields') ?? '').split(',');
  const [keyField = '', ...more] = (request.query.get('keyFields') ?? '').split(',');
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    return wrong('content-type', 'The body is no JSON');
  if (request.query.get('mode') !== 'Sync') return wrong('mode', 'The answer would come before the rows are there');
  if (keyField === '' || more.length > 0 || !fields.includes(keyField))
    return wrong('key-fields', 'The key field is not among the fields');
  if (new Set(fields.map((field) => field.toUpperCase())).size < fields.length)
    return wrong('fields', 'A field stands there twice');
  const { fields: known } = rules;
  const unknown = fields.find((field) => known !== null && !known.has(field.toUpperCase()));
  if (unknown !== undefined) return selligentError(400, `Unknown field ${unknown}`);
  if (Buffer.byteLength(request.body) > BYTES_MAX) return selligentError(413, 'Request too large');
  const body = matrix.safeParse(parsed(request.body));
  if (!body.success || body.data.some((row) => row.length !== fields.length))
    return wrong('rows', 'The body is no array of arrays, as long as the fields');
  if (body.data.length > ROWS_MAX) return wrong('too-many-rows', `${body.data.length} rows in one request`);
  if (rules.indexed?.has(keyField.toUpperCase()) === false && body.data.length > GUARDED_ROWS)
    return selligentError(400, 'The list has no unique index that covers the key fields');
  const rows = body.data.map((values) => new Map(values.map((value, at) => [fields[at] ?? '', value])));
  const keys = new Set(rows.map((row) => textOf(row.get(keyField) ?? null)));
  if (keys.size < rows.length) return wrong('repeated-key', 'Two rows of one load have one key');
  return { keyField, rows };
}

function parsed(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

/** Poisoned rows: left out, or the whole of it refused. */
function judge(
  { rows, keyField }: Table,
  context: RequestContext,
): { readonly taken: readonly ReadonlyMap<string, ExactJson>[] } | Answer {
  const taken: ReadonlyMap<string, ExactJson>[] = [];
  for (const row of rows) {
    const poison = context.poison([String(row.get(keyField) ?? '')]);
    if (poison === 'refuse')
      return selligentError(400, `Invalid value ${String(row.get(keyField))} for ${keyField}`, rows.length);
    if (poison === null && !context.unlucky()) taken.push(row);
  }
  return { taken };
}

/** The form of a good answer is not public: this one is of ours. It counts, and names no row. */
function done({ rows }: Table, taken: number): Answer {
  const rejected = rows.length - taken;
  return jsonAnswer(200, { processed: taken, failed: rejected }, { rows: rows.length, rejected });
}
