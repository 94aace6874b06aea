import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { notAnAcknowledgement } from '../answer.ts';
import type { Batch, BatchOutcome, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { renderJson } from '../json.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type KlaviyoApi, readAccount, verifyRead, withPause } from './api.ts';
import { renderEvent, validateEvent } from './event.ts';
import { klaviyoNormaliser } from './normalise.ts';
import type { Reading, Refusal } from './response.ts';

export function createEvents(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: klaviyoNormaliser,
    validate: validateEvent,
    async open(context) {
      const api = createApi(context);
      return hideRowValues(createSession(api, context, await readAccount(api, context.clock)));
    },
    verify: (context) => verifyRead(context, 'metrics?fields[metric]=name', 'the key reads metrics'),
  };
}

function createSession(api: KlaviyoApi, context: ServiceContext, account: string | null): Session {
  return {
    audienceId: null,
    account,
    send: (batch, signal) => sendEvents({ api, context, signal }, batch),
    finish: async () => {},
    abandon: async () => {},
  };
}

interface Work {
  readonly api: KlaviyoApi;
  readonly context: ServiceContext;
  readonly signal: AbortSignal;
}

/**
 * `POST /api/event-bulk-create-jobs`: 202 says that the events are valid and will be recorded; there is no job to ask for.
 * Where a unique_id was there before, the request may fail as a whole: those events are taken, and the others go once more.
 */
async function sendEvents(work: Work, { rows }: Batch): Promise<BatchOutcome> {
  const answer = await post(work, rows);
  if (answer.kind === 'value') return acknowledged(answer);
  const known = repeatedRows(answer, rows.length);
  if (known === null) return answer.outcome;
  const left = rows.filter((_, index) => !known.has(index));
  if (left.length === 0) return { kind: 'accepted' };
  const again = await post(work, left);
  return again.kind === 'value' ? acknowledged(again) : again.outcome;
}

function acknowledged({ status, pauseMs }: Extract<Reading, { kind: 'value' }>): BatchOutcome {
  if (status !== 202) return notAnAcknowledgement(`Klaviyo answered ${status} in place of 202`);
  return withPause({ kind: 'accepted' }, pauseMs);
}

function post({ api, context, signal }: Work, rows: readonly OutgoingRow[]): Promise<Reading> {
  const events = { data: rows.map((row) => renderEvent(row, context)) };
  const body = renderJson({ data: { type: 'event-bulk-create-job', attributes: { 'events-bulk-create': events } } });
  return api.call({ method: 'POST', path: 'event-bulk-create-jobs', body, signal });
}

/** Places of the events whose unique_id Klaviyo has already; null when that is not what the refusal says, or not of whom. */
function repeatedRows({ outcome, errors }: Refusal, rowCount: number): ReadonlySet<number> | null {
  if (outcome.kind !== 'narrow' || errors.length === 0) return null;
  const known = new Set<number>();
  for (const { code, message, pointer } of errors) {
    const isRepeat = /duplicate/i.test(code) || /unique_id.*(already|repeated|duplicate|exists)/i.test(message);
    const index = rowCount === 1 ? '0' : /events-bulk-create\/data\/(\d+)(?:\/|$)/.exec(pointer ?? '')?.[1];
    if (!isRepeat || index === undefined) return null;
    known.add(Number(index));
  }
  return known;
}
