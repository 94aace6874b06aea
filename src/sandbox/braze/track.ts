import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { EventSetState } from '../sandbox-state.ts';
import { brazeError, type ObjectError } from './braze-answer.ts';
import type { Profiles } from './profiles.ts';
import { type ArrayName, holdsNull, isObject, type JsonObject, nameIn, objectProblem } from './track-rules.ts';

/** All objects of a request together. */
const OBJECTS_MAX = 75;
const ARRAYS: readonly ArrayName[] = ['attributes', 'events', 'purchases'];
const NOT_ATTRIBUTES = new Set(['external_id', 'user_alias', 'braze_id', '_update_existing_only', '_merge_objects']);

export const savedHappenings = z.object({
  events: z.array(z.record(z.string(), z.unknown())),
  purchases: z.array(z.record(z.string(), z.unknown())),
});

/** POST /users/track of one workspace. What happened is kept as it came: nothing recognises an event that comes twice. */
export class Tracking {
  readonly #profiles: Profiles;
  readonly #kept: { readonly events: JsonObject[]; readonly purchases: JsonObject[] } = { events: [], purchases: [] };

  constructor(profiles: Profiles) {
    this.#profiles = profiles;
  }

  handle(request: SandboxRequest, context: RequestContext): Answer {
    const body = readJson(request);
    if (!isObject(body)) {
      context.violate('body', 'the body is not a JSON object');
      return brazeError(400, 'Bad syntax');
    }
    const lists = ARRAYS.map((array) => [array, Array.isArray(body[array]) ? body[array] : []] as const);
    const rows = lists.reduce((sum, [, list]) => sum + list.length, 0);
    if (rows > OBJECTS_MAX) {
      context.violate('too-many-rows', `${rows} objects in one request`);
      return brazeError(400, 'Max Input Length Exceeded', { rows });
    }
    const objects = lists.flatMap(([array, list]) => list.map((object, index) => ({ array, index, object })));
    const poison = objects.map(({ object }) => context.poison(namesOf(object)));
    // The whole request is refused, and no object is named.
    if (poison.includes('refuse')) return brazeError(400, 'Bad Request', { rows });
    const errors: ObjectError[] = [];
    const good: { readonly array: ArrayName; readonly object: JsonObject }[] = [];
    for (const [at, { array, index, object }] of objects.entries()) {
      const isUnlucky = poison[at] === 'reject' || context.unlucky();
      const problem = isUnlucky ? 'the object could not be processed' : objectProblem(array, object, context);
      if (problem === null && isObject(object)) good.push({ array, object });
      else errors.push({ type: problem ?? 'not an object', input_array: array, index });
    }
    if (good.length === 0) {
      const message = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";
      return brazeError(400, message, errors.length === 0 ? {} : { errors, rows });
    }
    for (const { array, object } of good) this.#apply(array, object, context);
    const counts = lists.flatMap(([array, list]) =>
      list.length === 0 ? [] : [[`${array}_processed`, good.filter((one) => one.array === array).length]],
    );
    const answer = { message: 'success', ...Object.fromEntries(counts), ...(errors.length === 0 ? {} : { errors }) };
    return jsonAnswer(201, answer, { rows, rejected: errors.length });
  }

  #apply(array: ArrayName, object: JsonObject, context: RequestContext): void {
    const name = nameIn(object);
    if (name === null) return;
    const stated = object['_update_existing_only'];
    const existingOnly = typeof stated === 'boolean' ? stated : name.kind === 'user_alias';
    const known = this.#profiles.find(name);
    if (known === null && (existingOnly || name.kind === 'braze_id')) return;
    const profile = known ?? this.#profiles.create(name);
    if (array === 'attributes') this.#profiles.write(profile, attributesOf(object, context), known === null);
    else this.#kept[array].push(object);
  }

  holdings(rowsMax: number): readonly EventSetState[] {
    return (['events', 'purchases'] as const).flatMap((id) => {
      const all = this.#kept[id];
      const events = all.slice(Math.max(0, all.length - rowsMax));
      return all.length === 0 ? [] : [{ id, received: all.length, duplicates: 0, size: all.length, events }];
    });
  }

  save(): z.infer<typeof savedHappenings> {
    return { events: [...this.#kept.events], purchases: [...this.#kept.purchases] };
  }

  restore(saved: z.infer<typeof savedHappenings>): void {
    this.#kept.events.push(...saved.events);
    this.#kept.purchases.push(...saved.purchases);
  }
}

function attributesOf(object: JsonObject, context: RequestContext): JsonObject {
  const entries = Object.entries(object).filter(([name, value]) => {
    if (NOT_ATTRIBUTES.has(name)) return false;
    if (!holdsNull(value)) return true;
    context.violate('nested-null', 'a nested attribute holds a NULL: the whole of it is dropped');
    return false;
  });
  return Object.fromEntries(entries);
}

/** What of an object can be named as poison. */
function namesOf(object: unknown): readonly string[] {
  const name = isObject(object) ? nameIn(object) : null;
  return name === null ? [] : [name.value];
}
