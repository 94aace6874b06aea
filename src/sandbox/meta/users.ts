import { createHash } from 'node:crypto';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { Audience } from './audiences.ts';
import { graphError, invalidParameter } from './graph-answer.ts';
import type { Person } from './people.ts';
import { hasMatchingKey, readSchema, readUserRow, USER_ROWS_MAX, type UserSchema } from './user-rows.ts';

/** Who a request is about, where it can be read. */
export interface TakenUsers {
  readonly people: readonly Person[];
  readonly rows: number;
}

/** `POST` adds and `DELETE` removes people of an audience. The answer has counts only: never which row was invalid. */
export function changeUsers(audience: Audience, request: SandboxRequest, context: RequestContext): Answer {
  const taken = takeUsers(audience, request, context);
  if ('answer' in taken) return taken.answer;
  for (const person of taken.people) {
    if (request.method === 'DELETE') audience.removed += audience.people.remove(person);
    else if (audience.people.add(person)) audience.added += 1;
  }
  return receivedAnswer(audience, taken, context);
}

/** Reads the payload of a request, and fixes the family of the audience's schema. */
export function takeUsers(
  audience: Audience,
  request: SandboxRequest,
  context: RequestContext,
): TakenUsers | { readonly answer: Answer } {
  const payload = readPayload(readJson(request));
  if (payload === null) return { answer: invalidParameter(context, 'Param payload is required, with schema and data') };
  const rows = payload.data.length;
  const refuse = (message: string, rule: string): { readonly answer: Answer } => {
    context.violate(rule, message);
    return { answer: invalidParameter(context, message, rows) };
  };
  if (rows > USER_ROWS_MAX) {
    return refuse(`Param payload[data] must have at most ${USER_ROWS_MAX} rows`, 'too-many-rows');
  }
  if (rows === 0) return refuse('Param payload[data] must not be empty', 'empty-request');
  const schema = readSchema(payload.schema);
  if (typeof schema === 'string') return refuse(schema, 'schema');
  if (audience.family !== null && audience.family !== schema.family) {
    context.violate('schema-family', `the audience was begun with ${audience.family}, this is ${schema.family}`);
    return {
      answer: graphError(context, {
        ...{ code: 2650, rows, title: 'Failed to update the custom audience' },
        message: '(#2650) Failed to update custom audience: its first upload had another schema',
      }),
    };
  }
  const valued = schema.keys.includes('LOOKALIKE_VALUE');
  if (valued && !audience.isValueBased)
    return refuse('LOOKALIKE_VALUE is for value-based audiences', 'not-value-based');
  if (request.method !== 'DELETE' && !valued && audience.isValueBased)
    return refuse('A value-based audience needs LOOKALIKE_VALUE', 'value-missing');
  const read = readRows(schema, payload.data, { removal: request.method === 'DELETE', context });
  if (read.kind === 'malformed') return refuse(read.message, 'row-shape');
  if (read.kind === 'refused') {
    const message = '(#100) Invalid parameter: a row cannot be processed';
    return { answer: graphError(context, { code: 100, message, rows }) };
  }
  audience.family = schema.family;
  return { people: read.people, rows };
}

/** How many rows were received, and how many of them were invalid. */
export function receivedAnswer(audience: Audience, { people, rows }: TakenUsers, context: RequestContext): Answer {
  const invalid = rows - people.length;
  return jsonAnswer(
    200,
    {
      audience_id: audience.id,
      session_id: sessionId(context.traceId),
      num_received: rows,
      num_invalid_entries: invalid,
      invalid_entry_samples: {},
    },
    { rows, rejected: invalid },
  );
}

type ReadRows =
  | { readonly kind: 'people'; readonly people: readonly Person[] }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'refused' };

function readRows(
  schema: UserSchema,
  data: readonly unknown[],
  { removal, context }: { readonly removal: boolean; readonly context: RequestContext },
): ReadRows {
  const people: Person[] = [];
  for (const row of data) {
    const read = readUserRow(schema, row);
    if (read.kind === 'malformed') return read;
    if (read.kind === 'invalid') {
      if (read.violation !== null) context.violate(read.violation, 'a row of payload[data] is not valid');
      continue;
    }
    const poison = context.poison(Object.values(read.person).flat());
    if (poison === 'refuse') return { kind: 'refused' };
    if (removal && !hasMatchingKey(read.person)) {
      context.violate('removal-without-identifier', 'a removal has only hints');
      continue;
    }
    if (poison === null && !context.unlucky()) people.push(read.person);
  }
  return { kind: 'people', people };
}

function readPayload(body: unknown): { readonly schema: unknown; readonly data: readonly unknown[] } | null {
  if (typeof body !== 'object' || body === null || !('payload' in body)) return null;
  let payload = body.payload;
  if (typeof payload === 'string') {
    try {
      payload = JSON.parse(payload);
    } catch {
      return null;
    }
  }
  if (typeof payload !== 'object' || payload === null || !('schema' in payload) || !('data' in payload)) return null;
  return Array.isArray(payload.data) ? { schema: payload.schema, data: payload.data } : null;
}

function sessionId(traceId: string): string {
  return String(createHash('sha256').update(traceId).digest().readUIntBE(0, 6));
}
