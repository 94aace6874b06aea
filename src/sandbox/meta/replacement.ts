import { z } from 'zod';
import { type Answer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { Audience } from './audiences.ts';
import { graphError, invalidParameter } from './graph-answer.ts';
import { People } from './people.ts';
import type { ReplaceSession } from './replace-session.ts';
import { receivedAnswer, takeUsers } from './users.ts';

/** A session that was not ended is given up. */
const SESSION_MS = 90 * 60_000;

const sessionShape = z.object({
  session_id: z.int().min(1),
  batch_seq: z.int().min(1),
  last_batch_flag: z.boolean(),
  estimated_num_total: z.int().min(1),
});

/**
 * `POST /<audience>/usersreplace`: nobody goes or comes before the last request. The audience has one session at a time: where
 * one broke off, the next has to wait until it is given up. What is not documented is taken at its strictest.
 */
export function replaceUsers(audience: Audience, request: SandboxRequest, context: RequestContext): Answer {
  const body = z.object({ session: sessionShape }).safeParse(readJson(request));
  if (!body.success) {
    context.violate(
      'replace-session',
      'usersreplace needs session_id, batch_seq, last_batch_flag, estimated_num_total',
    );
    return invalidParameter(context, 'Param session is required');
  }
  const { session_id: id, batch_seq: seq, last_batch_flag: isLast } = body.data.session;
  const before = audience.session;
  if (before?.ended === true && before.id === id) {
    // The answer to the last request was lost, and it comes again.
    if (before.batches.some((batch) => batch.seq === seq && batch.body === request.body))
      return replay(request, audience, context);
    context.violate('session-reused', 'a session that has ended is used again');
    return invalidBatch(context, 'the session has ended');
  }
  const isOpen = before !== null && !before.ended && context.now - before.startedAt <= SESSION_MS;
  if (isOpen && before.id !== id) return inProgress(context);
  if (!isOpen && seq !== 1) return invalidBatch(context, 'the first batch_seq was not detected');
  const session: ReplaceSession =
    isOpen && before.id === id ? before : { id, startedAt: context.now, ended: false, batches: [] };
  const same = session.batches.find((batch) => batch.seq === seq);
  if (same !== undefined && same.body !== request.body) {
    context.violate('batch-seq-reused', 'two requests of a session have one batch_seq');
    return invalidBatch(context, 'the batch_seq was seen before');
  }
  if (same !== undefined) return replay(request, audience, context);
  const taken = takeUsers(audience, request, context);
  if ('answer' in taken) return taken.answer;
  const people = taken.people.map((one) =>
    Object.fromEntries(Object.entries(one).map(([key, all]) => [key, [...all]])),
  );
  session.batches.push({ seq, body: request.body, people });
  audience.session = session;
  if (isLast) {
    if (session.batches.some((batch) => batch.seq > session.batches.length)) {
      session.batches.pop();
      return invalidBatch(context, 'some batch_seq was not detected');
    }
    exchange(audience, session);
  }
  return receivedAnswer(audience, taken, context);
}

function exchange(audience: Audience, session: ReplaceSession): void {
  const people = new People();
  for (const one of session.batches.flatMap((batch) => batch.people)) people.add(one);
  const before = new Set(audience.people.latest(Number.POSITIVE_INFINITY).map((one) => JSON.stringify(one)));
  const after = people.latest(Number.POSITIVE_INFINITY).map((one) => JSON.stringify(one));
  const stayed = after.filter((one) => before.has(one)).length;
  audience.added += after.length - stayed;
  audience.removed += before.size - stayed;
  audience.people = people;
  session.ended = true;
}

function replay(request: SandboxRequest, audience: Audience, context: RequestContext): Answer {
  context.repeat();
  const taken = takeUsers(audience, request, context);
  return 'answer' in taken ? taken.answer : receivedAnswer(audience, taken, context);
}

function invalidBatch(context: RequestContext, detail: string): Answer {
  return graphError(context, {
    ...{ code: 2650, subcode: 1870147, message: '(#2650) Failed to update the custom audience' },
    ...{ title: 'Invalid Upload Batch for Replace', detail: `Invalid upload batch for replace: ${detail}` },
  });
}

function inProgress(context: RequestContext): Answer {
  return graphError(context, {
    ...{ code: 2650, subcode: 1870145, message: '(#2650) Failed to update the custom audience' },
    ...{ title: 'Update In Progress', detail: 'Another replace operation of this audience is in progress' },
  });
}
