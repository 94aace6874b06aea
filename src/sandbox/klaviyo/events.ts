import { z } from 'zod';
import type { Answer, RequestContext, SandboxRequest } from '../platform.ts';
import type { EventSetState } from '../sandbox-state.ts';
import { bareAnswer, errorAnswer, invalid, readBody } from './klaviyo-answer.ts';
import { type Profiles, profileInput } from './profiles.ts';

const EVENTS_MAX = 1_000;
const BYTES_MAX = 5_000_000;
const PROPERTIES_MAX = 400;
const STRING_BYTES_MAX = 100_000;
const YEAR_MS = 365 * 24 * 60 * 60_000;

const event = z.strictObject({
  type: z.literal('event'),
  attributes: z.strictObject({
    properties: z.record(z.string(), z.unknown()),
    time: z.iso.datetime({ offset: true }).optional(),
    value: z.number().nullable().optional(),
    value_currency: z.string().length(3).nullable().optional(),
    metric: z.strictObject({
      data: z.strictObject({
        type: z.literal('metric'),
        attributes: z.strictObject({ name: z.string().min(1).max(127) }),
      }),
    }),
    unique_id: z.string().min(1).optional(),
  }),
});
const entry = z.strictObject({
  type: z.literal('event-bulk-create'),
  attributes: z.strictObject({
    backfill: z.boolean().optional(),
    profile: z.strictObject({ data: profileInput }),
    events: z.strictObject({ data: z.array(event).min(1) }),
  }),
});
const body = z.strictObject({
  data: z.strictObject({
    type: z.literal('event-bulk-create-job'),
    attributes: z.strictObject({ 'events-bulk-create': z.strictObject({ data: z.array(z.unknown()).min(1) }) }),
  }),
});
type Entry = z.infer<typeof entry>;

export const savedEvents = z.object({
  received: z.number(),
  duplicates: z.number(),
  events: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown())])),
});

/** Events of one account: one for each profile, metric and unique id. */
export class Events {
  readonly #profiles: Profiles;
  readonly #events = new Map<string, Readonly<Record<string, unknown>>>();
  #received = 0;
  #duplicates = 0;

  constructor(profiles: Profiles) {
    this.#profiles = profiles;
  }

  /** `POST /api/event-bulk-create-jobs`: one bad event fails them all; what is there already is left out. */
  create(request: SandboxRequest, context: RequestContext): Answer {
    const read = body.safeParse(readBody(request));
    if (!read.success) {
      context.violate('events-shape', read.error.issues[0]?.path.join('.') ?? 'body');
      return invalid(context, 'The payload provided in the request is invalid.');
    }
    const items = read.data.data.attributes['events-bulk-create'].data;
    const parsed = items.map((item) => entry.safeParse(item));
    const entries = parsed.flatMap(({ data }) => (data === undefined ? [] : [data]));
    const count = entries.reduce((sum, one) => sum + one.attributes.events.data.length, 0);
    if (count > EVENTS_MAX || Buffer.byteLength(request.body) > BYTES_MAX) {
      context.violate('too-many-events', `more than ${EVENTS_MAX} events or ${BYTES_MAX} bytes`);
      return invalid(context, 'The payload is too large.', { rows: count });
    }
    const odd = parsed.find(({ success }) => !success);
    if (odd !== undefined) context.violate('event-shape', odd.error?.issues[0]?.path.join('.') ?? 'event');
    const faults = parsed.flatMap(({ data }, index) => {
      const detail = data === undefined ? 'The event is invalid.' : this.#problem(data, context);
      if (detail === null) return [];
      const pointer = `/data/attributes/events-bulk-create/data/${index}`;
      return [{ status: 400, code: 'invalid', title: 'Invalid input.', detail, pointer }];
    });
    if (faults.length > 0) return errorAnswer(context, faults, items.length);
    const keys = entries.flatMap((one) => this.#keysOf(one));
    if (new Set(keys).size < keys.length) {
      context.violate('repeated-unique-id', 'a unique_id twice for one profile and metric');
      return invalid(context, 'unique_id is repeated for the same profile and metric', { rows: count });
    }
    for (const one of entries) this.#record(one, context);
    return bareAnswer(202, count);
  }

  metrics(): readonly string[] {
    return [...new Set([...this.#events.values()].map((one) => String(one['metric'])))];
  }

  holdings(rowsMax: number): readonly EventSetState[] {
    if (this.#received === 0) return [];
    const all = [...this.#events.values()];
    const events = all.slice(Math.max(0, all.length - rowsMax));
    return [{ id: 'events', received: this.#received, duplicates: this.#duplicates, size: all.length, events }];
  }

  save(): z.infer<typeof savedEvents> {
    return {
      received: this.#received,
      duplicates: this.#duplicates,
      events: [...this.#events].map(([key, value]) => [key, { ...value }]),
    };
  }

  restore(saved: z.infer<typeof savedEvents>): void {
    this.#received = saved.received;
    this.#duplicates = saved.duplicates;
    for (const [key, value] of saved.events) this.#events.set(key, value);
  }

  #problem({ attributes }: Entry, context: RequestContext): string | null {
    const { data: profile } = attributes.profile;
    const poison = attributes.events.data.flatMap((one) => one.attributes.unique_id ?? []);
    if (context.poison(poison) !== null) return 'The event is invalid.';
    const problem = this.#profiles.problem(profile);
    if (problem !== null && problem.code !== 'duplicate_profile') return problem.detail;
    for (const { attributes: one } of attributes.events.data) {
      const time = one.time === undefined ? context.now : Date.parse(one.time);
      if (time < Date.UTC(2000, 0, 1) || time > context.now + YEAR_MS) return 'The time is out of range.';
      if (Object.keys(one.properties).length > PROPERTIES_MAX) return 'There are too many properties.';
      const texts = Object.values(one.properties).filter((value) => typeof value === 'string');
      if (texts.some((value) => Buffer.byteLength(value) > STRING_BYTES_MAX)) return 'A string is too large.';
    }
    return null;
  }

  #keysOf({ attributes }: Entry): readonly string[] {
    const who = JSON.stringify(attributes.profile.data.attributes);
    return attributes.events.data.map(
      ({ attributes: one }) => `${who}\n${one.metric.data.attributes.name}\n${one.unique_id ?? one.time}`,
    );
  }

  #record(one: Entry, context: RequestContext): void {
    const input = one.attributes.profile.data;
    if (this.#profiles.problem(input) === null) this.#profiles.write(input, context.now, 'ignore');
    const keys = this.#keysOf(one);
    for (const [index, { attributes }] of one.attributes.events.data.entries()) {
      const key = keys[index] ?? '';
      this.#received += 1;
      if (this.#events.has(key)) {
        this.#duplicates += 1;
        context.repeat();
        continue;
      }
      const { metric, ...rest } = attributes;
      const backfill = one.attributes.backfill === true ? { backfill: true } : {};
      this.#events.set(key, { metric: metric.data.attributes.name, ...rest, ...backfill, profile: input.attributes });
    }
  }
}
