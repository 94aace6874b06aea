import { z } from 'zod';
import type { EventSetState } from '../sandbox-state.ts';
import type { IngestedEvent } from './event-rules.ts';

interface Action {
  received: number;
  duplicates: number;
  /** By transactionId. */
  readonly events: Map<string, Record<string, unknown>>;
}

const savedAction = z.object({
  id: z.string(),
  received: z.number(),
  duplicates: z.number(),
  events: z.array(z.record(z.string(), z.unknown())),
});
export const savedActions = z.array(savedAction);

/**
 * The conversions of each conversion action. One of a transactionId that is known is an adjustment: value and currency are
 * overwritten, user data is added where there was none, all else stays ("Conversion adjustments", Data Manager API v1).
 */
export class Conversions {
  readonly #actions = new Map<string, Action>();

  take(actionId: string, event: IngestedEvent): void {
    const action: Action = this.#actions.get(actionId) ?? { received: 0, duplicates: 0, events: new Map() };
    this.#actions.set(actionId, action);
    action.received += 1;
    const before = action.events.get(event.transactionId);
    if (before === undefined) {
      action.events.set(event.transactionId, { ...event });
      return;
    }
    action.duplicates += 1;
    if (event.conversionValue !== undefined) before['conversionValue'] = event.conversionValue;
    if (event.currency !== undefined) before['currency'] = event.currency;
    before['userData'] ??= event.userData;
  }

  holdings(rowsMax: number): readonly EventSetState[] {
    return [...this.#actions].map(([id, { received, duplicates, events }]) => ({
      ...{ id, received, duplicates, size: events.size },
      events: [...events.values()].slice(Math.max(0, events.size - rowsMax)),
    }));
  }

  save(): z.infer<typeof savedActions> {
    return [...this.#actions].map(([id, action]) => ({ ...action, id, events: [...action.events.values()] }));
  }

  restore(saved: z.infer<typeof savedActions>): void {
    for (const { id, events, ...counts } of saved) {
      const byId = events.map((event) => [String(event['transactionId']), event] as const);
      this.#actions.set(id, { ...counts, events: new Map(byId) });
    }
  }
}
