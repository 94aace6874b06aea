import type { IdentifierKind, Operation } from '../../src/artifacts/annotation.ts';
import type {
  Batch,
  FieldValue,
  Normaliser,
  OutgoingRow,
  SentIdentifier,
  ServiceContext,
} from '../../src/destinations/destination.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../src/destinations/http.ts';
import { parseJson, renderJson } from '../../src/destinations/json.ts';
import type { LogData, Logger } from '../../src/log.ts';
import { observe } from '../privacy/observer.ts';

/** One row as the engine would hand it over; each test states only what it is about. */
export function makeRow(part: Partial<Omit<OutgoingRow, 'fields'>> & { readonly seq: number }): OutgoingRow {
  const operation: Operation = part.operation ?? 'insert';
  const key = part.key ?? String(part.seq);
  const fieldsJson = operation === 'delete' ? null : (part.fieldsJson ?? '{}');
  return {
    keyJson: JSON.stringify(key),
    identifiers: [],
    recordId: null,
    previousKey: null,
    eventTime: null,
    ...part,
    operation,
    key,
    fieldsJson,
    fields: () => (fieldsJson === null ? null : (parseJson(fieldsJson) as Readonly<Record<string, FieldValue>>)),
  };
}

export function fieldsOf(fields: Readonly<Record<string, FieldValue>>): string {
  return renderJson(fields);
}

export function makeBatch(rows: readonly OutgoingRow[], id = `batch-${rows[0]?.seq}-${rows.at(-1)?.seq}`): Batch {
  return { id, operation: rows[0]?.operation ?? 'insert', rows, attempt: 1 };
}

/** Identifiers as the engine sends them: normalised, the first of a kind with rank 1. */
export function identify(
  normaliser: Normaliser,
  raw: readonly (readonly [kind: IdentifierKind, value: string])[],
): readonly SentIdentifier[] {
  const hints = Object.fromEntries(raw);
  const ranks = new Map<IdentifierKind, number>();
  return raw.map(([kind, text]) => {
    const value = normaliser.normalise(kind, text, hints);
    if (value === null) throw new Error(`${kind} of the test is not valid`);
    const rank = (ranks.get(kind) ?? 0) + 1;
    ranks.set(kind, rank);
    return { kind, value, rank, recordId: null };
  });
}

/** A clock that stands still until somebody sleeps. */
export function virtualClock(start: number): ServiceContext['clock'] {
  let now = start;
  return {
    now: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
  };
}

export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const add = (event: string, data?: LogData): void => {
    lines.push(`${event} ${JSON.stringify(data ?? {})}`);
    observe('log', lines.at(-1));
  };
  return { lines, debug: add, info: add, warn: add };
}

/** 2026-06-15T12:00:00Z. */
export const NOON = Date.UTC(2026, 5, 15, 12);

export function makeContext(part: Partial<ServiceContext> = {}): ServiceContext {
  return {
    activation: 'vip.there',
    syncId: 'sync-1',
    changes: 1,
    mode: 'delta',
    operations: ['insert', 'update', 'delete'],
    config: {},
    credentials: {},
    baseUrl: null,
    audienceName: null,
    audienceId: null,
    audienceNameBefore: null,
    accountBefore: null,
    columns: [],
    identifierKinds: [],
    destinationKeyField: null,
    projectDir: '/nowhere',
    http: scriptedHttp([]).http,
    clock: virtualClock(NOON),
    logger: recordingLogger(),
    ...part,
  };
}

export interface Scripted {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or data to be sent as JSON. */
  readonly body?: unknown;
}

/** An HTTP client that gives the answers of a script in order and keeps what was asked. Running out of answers fails the test. */
export function scriptedHttp(answers: readonly Scripted[]): {
  readonly http: HttpClient;
  readonly asked: HttpRequest[];
} {
  const asked: HttpRequest[] = [];
  const left = [...answers];
  const http: HttpClient = {
    async request(request) {
      asked.push(request);
      const answer = left.shift();
      if (answer === undefined) throw new Error(`unexpected request ${request.method} ${request.url}`);
      return makeResponse(answer);
    },
  };
  return { http, asked };
}

export function makeResponse(answer: Scripted): HttpResponse {
  const body =
    typeof answer.body === 'string'
      ? answer.body
      : answer.body === undefined
        ? ''
        : renderJson(answer.body as FieldValue);
  return {
    status: answer.status,
    headers: answer.headers ?? {},
    body,
    json() {
      try {
        return JSON.parse(body);
      } catch {
        return undefined;
      }
    },
  };
}
