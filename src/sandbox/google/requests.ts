import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext } from '../platform.ts';
import { googleError } from './google-answer.ts';

/** What a request was about, as the status names it. */
export type RequestKind = 'ingest' | 'remove' | 'removeAll' | 'events';

/** Items that the processing could not take: reason and places in the request. */
export interface Failures {
  readonly reason: string;
  readonly places: readonly number[];
}

const savedRequest = z.object({
  id: z.string(),
  kind: z.enum(['ingest', 'remove', 'removeAll', 'events']),
  destination: z.unknown(),
  count: z.number(),
  failures: z.array(z.object({ reason: z.string(), places: z.array(z.number()) })),
  questions: z.number(),
});
export const savedRequests = z.array(savedRequest);
type Request = z.infer<typeof savedRequest>;

const STATUS_FIELD: Readonly<Record<RequestKind, string>> = {
  ingest: 'audienceMembersIngestionStatus',
  remove: 'audienceMembersRemovalStatus',
  removeAll: 'removeAllAudienceMembersStatus',
  events: 'eventsIngestionStatus',
};

/** The requests that were taken, and what their processing came to (`requestStatus:retrieve`). */
export class Requests {
  readonly #requests = new Map<string, Request>();

  take(
    context: RequestContext,
    request: {
      readonly kind: RequestKind;
      readonly destination: unknown;
      readonly count: number;
      readonly failures: readonly Failures[];
    },
  ): string {
    const id = `req-${context.traceId}`;
    const failures = request.failures.map(({ reason, places }) => ({ reason, places: [...places] }));
    this.#requests.set(id, { ...request, id, failures, questions: 0 });
    return id;
  }

  /** The first questions are answered PROCESSING while `notReadyCalls` says so. */
  status(id: string, context: RequestContext): Answer {
    const request = this.#requests.get(id);
    if (request === undefined) {
      const message = 'The request ID used to retrieve the status of a request is not valid.';
      return googleError(context, { status: 'INVALID_ARGUMENT', message, reason: 'INVALID_REQUEST_ID' });
    }
    request.questions += 1;
    const { count, destination, failures, kind } = request;
    if (request.questions <= context.notReadyCalls) {
      return jsonAnswer(200, { requestStatusPerDestination: [{ destination, requestStatus: 'PROCESSING' }] });
    }
    const failed = failures.reduce((sum, { places }) => sum + places.length, 0);
    const errorCounts = failures.map(({ reason, places }) => ({
      reason: `PROCESSING_ERROR_REASON_${reason}`,
      recordCount: String(places.length),
      recordIndices: places,
    }));
    const requestStatus = failed === 0 ? 'SUCCESS' : failed < count ? 'PARTIAL_SUCCESS' : 'FAILED';
    const counts =
      kind === 'events'
        ? { recordCount: String(count) }
        : {
            userDataIngestionStatus: { recordCount: String(count), uploadMatchRateRange: 'MATCH_RATE_RANGE_61_TO_70' },
          };
    const status = {
      destination,
      requestStatus,
      [STATUS_FIELD[kind]]: kind === 'ingest' || kind === 'events' ? counts : {},
      ...(failed === 0 ? {} : { errorInfo: { errorCounts } }),
    };
    return jsonAnswer(200, { requestStatusPerDestination: [status] });
  }

  save(): z.infer<typeof savedRequests> {
    return [...this.#requests.values()];
  }

  restore(saved: z.infer<typeof savedRequests>): void {
    for (const request of saved) this.#requests.set(request.id, request);
  }
}

/** Gathers places by reason. */
export function gatherFailures(failed: readonly (readonly [place: number, reason: string])[]): readonly Failures[] {
  const byReason = new Map<string, number[]>();
  for (const [place, reason] of failed) byReason.set(reason, [...(byReason.get(reason) ?? []), place]);
  return [...byReason].map(([reason, places]) => ({ reason, places }));
}
