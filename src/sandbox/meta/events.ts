import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { EventSetState } from '../sandbox-state.ts';
import { readEvent, type ServerEvent } from './event-rules.ts';
import { graphError, invalidParameter } from './graph-answer.ts';

const EVENTS_MAX = 1000;
/** The same name and id within 48 hours are one event. */
const DEDUPLICATION_MS = 48 * 3_600_000;

interface Dataset {
  received: number;
  duplicates: number;
  readonly events: Record<string, unknown>[];
  /** When an event name and id were last taken, by both. */
  readonly seen: Map<string, number>;
}

const savedDataset = z.object({
  id: z.string(),
  received: z.number(),
  duplicates: z.number(),
  events: z.array(z.record(z.string(), z.unknown())),
  seen: z.array(z.tuple([z.string(), z.number()])),
});
export const savedDatasets = z.array(savedDataset);

/** The datasets (pixels) of the Conversions API. Any number is a dataset that exists. */
export class Datasets {
  readonly #datasets = new Map<string, Dataset>();

  /** `POST /<dataset>/events`: one event that is wrong fails the request, and nothing of it is taken. */
  receive(id: string, request: SandboxRequest, context: RequestContext): Answer {
    const shape = z.object({ data: z.array(z.unknown()), test_event_code: z.string().optional() });
    const body = shape.safeParse(readJson(request));
    if (!body.success) {
      context.violate('events-shape', 'the body is not {data: [event, …]}');
      return invalidParameter(context, 'The parameter data is required');
    }
    const rows = body.data.data.length;
    if (rows === 0 || rows > EVENTS_MAX) {
      context.violate('too-many-rows', `${rows} events in one request`);
      return invalidParameter(context, `Param data must have 1 to ${EVENTS_MAX} elements`, rows);
    }
    const events: ServerEvent[] = [];
    for (const [index, value] of body.data.data.entries()) {
      const read = readEvent(value, context.now);
      if ('problem' in read) {
        if (read.problem.violation !== null) context.violate(read.problem.violation, read.problem.message);
        return refusal(context, {
          rows,
          subcode: read.problem.subcode,
          message: `data[${index}]: ${read.problem.message}`,
        });
      }
      if (
        context.poison(read.event.event_id === undefined ? [] : [read.event.event_id]) !== null ||
        context.unlucky()
      ) {
        return refusal(context, { rows, subcode: 2804001, message: `data[${index}]: the event cannot be processed` });
      }
      events.push(read.event);
    }
    if (body.data.test_event_code === undefined) this.#keep(id, events, context.now);
    return jsonAnswer(200, { events_received: rows, messages: [], fbtrace_id: context.traceId }, { rows });
  }

  #keep(id: string, events: readonly ServerEvent[], now: number): void {
    const dataset: Dataset = this.#datasets.get(id) ?? { received: 0, duplicates: 0, events: [], seen: new Map() };
    this.#datasets.set(id, dataset);
    for (const event of events) {
      dataset.received += 1;
      const identity = event.event_id === undefined ? null : `${event.event_name}\n${event.event_id}`;
      const before = identity === null ? undefined : dataset.seen.get(identity);
      if (before !== undefined && now - before <= DEDUPLICATION_MS) {
        dataset.duplicates += 1;
        continue;
      }
      if (identity !== null) dataset.seen.set(identity, now);
      dataset.events.push(event);
    }
  }

  holdings(rowsMax: number): readonly EventSetState[] {
    return [...this.#datasets].map(([id, { received, duplicates, events }]) => ({
      ...{ id, received, duplicates, size: events.length },
      events: events.slice(Math.max(0, events.length - rowsMax)),
    }));
  }

  save(): z.infer<typeof savedDatasets> {
    return [...this.#datasets].map(([id, dataset]) => ({ id, ...dataset, seen: [...dataset.seen] }));
  }

  restore(saved: z.infer<typeof savedDatasets>): void {
    for (const { id, seen, ...dataset } of saved) this.#datasets.set(id, { ...dataset, seen: new Map(seen) });
  }
}

function refusal(
  context: RequestContext,
  { rows, subcode, message }: { readonly rows: number; readonly subcode: number; readonly message: string },
): Answer {
  return graphError(context, {
    code: 100,
    subcode,
    message: 'Invalid parameter',
    title: 'Invalid event',
    detail: message,
    rows,
  });
}
