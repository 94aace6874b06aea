import { createHash } from 'node:crypto';
import { DinmoError } from '../../errors.ts';
import { notAnAcknowledgement, readCount, refused, retry } from '../answer.ts';
import type { Batch, BatchOutcome, ServiceContext } from '../destination.ts';
import { untilSettled } from '../opening.ts';
import type { MetaApi } from './api.ts';
import { type MemberCells, type MemberSchema, renderMembers } from './members.ts';

/** Meta gives a session up after about 90 minutes; the last request needs a moment. */
const SESSION_MAX_MS = 85 * 60_000;

/** The members that take the place of an audience's present ones. */
export interface Replacement {
  /** Whether any member was taken: Meta refuses to replace a list by nothing. */
  hasMembers(): boolean;
  /** One request of the session. `read` tells what a 2xx means for the batch. Never throws for what the platform answers. */
  add(batch: Batch, request: ReplacementRequest): Promise<BatchOutcome>;
  /** Ends the session, upon which the members are exchanged. Does nothing without members. Throws DinmoError: the audience is as it was. */
  finish(): Promise<void>;
}

export interface ReplacementRequest {
  readonly schema: MemberSchema;
  readonly data: readonly MemberCells[];
  readonly signal: AbortSignal;
  read(value: Readonly<Record<string, unknown>>): BatchOutcome;
}

/**
 * A session of `POST /<audience>/usersreplace` (Marketing API v26.0, "Custom Audience Usersreplace"): requests are numbered from
 * 1 without gaps, the last one is flagged, and only then the old members go. The id is new for each session.
 *
 * The last request repeats a member that was taken, so that every batch is answered for itself. Requests go one at a time. One
 * without an answer is sent again under its own number; while any stays unanswered the session is never ended, for whoever
 * was in it would be lost.
 */
export function createReplacement(
  api: MetaApi,
  given: { readonly audienceId: string; readonly context: ServiceContext },
): Replacement {
  const { clock } = given.context;
  const numbers = new Numbers();
  let startedAt: number | null = null;
  let rows = 0;
  let member: { readonly schema: MemberSchema; readonly cells: MemberCells } | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = queue.then(task);
    queue = result.catch(() => {});
    return result;
  };
  const isLate = (): boolean => startedAt !== null && clock.now() - startedAt > SESSION_MAX_MS;
  const sessionId = sessionIdOf(given.context);
  const post = (
    { schema, data, signal }: Pick<ReplacementRequest, 'schema' | 'data'> & { readonly signal?: AbortSignal },
    { number, last }: { readonly number: number; readonly last: boolean },
  ) => {
    const total = Math.max(given.context.changes, rows + data.length) + (last ? 0 : 1);
    const session = { session_id: sessionId, batch_seq: number, last_batch_flag: last, estimated_num_total: total };
    return api.call({
      method: 'POST',
      path: `/${encodeURIComponent(given.audienceId)}/usersreplace`,
      body: renderMembers(schema, data, session),
      ...(signal === undefined ? {} : { signal }),
    });
  };
  return {
    hasMembers: () => member !== null,
    add: (batch, request) =>
      inTurn(async () => {
        if (request.signal.aborted) return retry({ applied: 'no', code: 'stopped', message: 'The sync was stopped' });
        startedAt ??= clock.now();
        if (isLate()) return refused('replacement-too-slow', TOO_SLOW, USE_DELTA);
        const number = numbers.take(batch.id);
        const answer = await post(request, { number, last: false });
        const outcome = answer.kind === 'outcome' ? answer.outcome : request.read(answer.value);
        numbers.note(batch.id, number, outcome);
        if (outcome.kind === 'counted' || outcome.kind === 'receipts') rows += request.data.length;
        if (outcome.kind !== 'counted') return outcome;
        const [cells] = request.data;
        if (outcome.accepted === batch.rows.length && cells !== undefined) member = { schema: request.schema, cells };
        return outcome;
      }),
    finish: () =>
      inTurn(async () => {
        if (member === null) return;
        if (numbers.unanswered > 0) throw incomplete(numbers.unanswered);
        if (isLate()) throw notReplaced('replacement-too-slow', TOO_SLOW, USE_DELTA);
        const { schema, cells } = member;
        for (const { number, last } of numbers.rest()) {
          await untilSettled(given.context, 'Replacing the members of the audience', async () => {
            const answer = await post({ schema, data: [cells] }, { number, last });
            if (answer.kind === 'outcome' || readCount(answer.value['num_received']) === 1) return answer;
            return { kind: 'outcome', outcome: notAnAcknowledgement('Meta did not confirm the last request') };
          });
        }
      }),
  };
}

/** Which numbers of a session are taken. */
class Numbers {
  #next = 1;
  /** Of requests that Meta refused whole. */
  readonly #free: number[] = [];
  /** Of batches whose last request may or may not have arrived. */
  readonly #uncertain = new Map<string, number>();
  readonly #waiting = new Set<string>();
  #lost = 0;

  take(batch: string): number {
    return this.#uncertain.get(batch) ?? this.#free.shift() ?? this.#next++;
  }

  note(batch: string, number: number, outcome: BatchOutcome): void {
    const wasUncertain = this.#uncertain.has(batch);
    if (outcome.kind === 'retry') {
      this.#waiting.add(batch);
      if (outcome.applied === 'maybe' || wasUncertain) this.#uncertain.set(batch, number);
      else this.#give(number);
      return;
    }
    this.#waiting.delete(batch);
    this.#uncertain.delete(batch);
    // Taken, if not every member of it.
    if (outcome.kind === 'counted' || outcome.kind === 'receipts') return;
    // A refused number that may have been taken before can neither be left out nor be given to others.
    if (wasUncertain) this.#lost += 1;
    else this.#give(number);
  }

  #give(number: number): void {
    this.#free.push(number);
    this.#free.sort((a, b) => a - b);
  }

  /** Batches of which nobody knows whether they are in the session. */
  get unanswered(): number {
    return this.#waiting.size + this.#lost;
  }

  /** What is left to number: the gaps, then the last request. */
  rest(): readonly { readonly number: number; readonly last: boolean }[] {
    return [...this.#free.map((number) => ({ number, last: false })), { number: this.#next, last: true }];
  }
}

const TOO_SLOW = 'Replacing the members took longer than the 90 minutes that Meta allows';
const USE_DELTA = 'Take `mode: delta`, which sends changes only, or leave out `replace: session`.';

function incomplete(requests: number): DinmoError {
  const message = `${requests} requests of the replacement were not answered, so it was not ended: the audience has its old members`;
  return notReplaced('replacement-incomplete', message, 'Run the sync again: it begins a new replacement.');
}

function notReplaced(code: string, message: string, fix: string): DinmoError {
  return new DinmoError({ kind: 'destination', code, message, fix });
}

/** Unique in the ad account (int64): 48 bits of a hash over the run. */
function sessionIdOf({ activation, syncId, clock }: ServiceContext): number {
  const hash = createHash('sha256').update(`${activation}\n${syncId}\n${clock.now()}`).digest();
  return hash.readUIntBE(0, 6) + 1;
}
