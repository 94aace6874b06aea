import { z } from 'zod';
import type { ExactJson } from '../exact-json.ts';
import type { AudienceState, ObjectSetState } from '../sandbox-state.ts';

const value = z.custom<ExactJson>(() => true);
const savedSegment = z.object({
  ...{ apiName: z.string(), name: z.string(), field: z.string(), added: z.number(), removed: z.number() },
  members: z.array(z.string()),
});
export const savedList = z.object({
  ...{ next: z.number(), created: z.number(), updated: z.number(), deleted: z.number() },
  records: z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), value]))])),
  segments: z.array(savedSegment),
});

interface Segment {
  readonly apiName: string;
  readonly name: string;
  /** The field that members are known by. */
  field: string;
  added: number;
  removed: number;
  /** As the database compares: without case. */
  readonly members: Map<string, string>;
}

/** One list of an organization: records and static segments of them. Texts are equal without regard to case. */
export class List {
  readonly #records = new Map<string, Map<string, ExactJson>>();
  /** Field → value → record id, for fields that records were found by. */
  readonly #indexes = new Map<string, Map<string, string>>();
  readonly #segments = new Map<string, Segment>();
  #next = 1;
  #created = 0;
  #updated = 0;
  #deleted = 0;

  /** Makes the record, or changes it; `id` where the field finds one. */
  upsert(keyField: string, fields: ReadonlyMap<string, ExactJson>): void {
    const known = this.find(keyField, fields.get(keyField) ?? null);
    const id = known ?? String(this.#next++);
    const record = this.#records.get(id) ?? new Map<string, ExactJson>();
    for (const [name, one] of fields) {
      this.#indexes.get(name)?.delete(textOf(record.get(name) ?? null));
      record.set(name, one);
      this.#indexes.get(name)?.set(textOf(one), id);
    }
    this.#records.set(id, record);
    if (known === null) this.#created += 1;
    else this.#updated += 1;
  }

  find(field: string, wanted: ExactJson): string | null {
    return this.#index(field).get(textOf(wanted)) ?? null;
  }

  /** The record, and its place in every segment. */
  delete(field: string, wanted: ExactJson): void {
    const id = this.find(field, wanted);
    const record = id === null ? undefined : this.#records.get(id);
    for (const segment of this.#segments.values()) {
      const known = record?.get(segment.field) ?? (segment.field === field ? wanted : null);
      if (known !== null) segment.members.delete(textOf(known));
    }
    if (id === null || record === undefined) return;
    for (const [name, one] of record) this.#indexes.get(name)?.delete(textOf(one));
    this.#records.delete(id);
    this.#deleted += 1;
  }

  segment(apiName: string): Segment | undefined {
    return this.#segments.get(apiName.toLowerCase());
  }

  addSegment(apiName: string, name: string): Segment {
    const made = { apiName, name, field: '', added: 0, removed: 0, members: new Map<string, string>() };
    this.#segments.set(apiName.toLowerCase(), made);
    return made;
  }

  objects(type: string, rowsMax: number): ObjectSetState {
    const all = [...this.#records];
    const records = all.slice(Math.max(0, all.length - rowsMax)).map(([id, record]) => ({
      ...{ id, key: id },
      fields: Object.fromEntries(record),
    }));
    const counts = { created: this.#created, updated: this.#updated, deleted: this.#deleted };
    return { type, size: all.length, ...counts, records };
  }

  audiences(owner: string, rowsMax: number): readonly AudienceState[] {
    return [...this.#segments.values()].map(({ apiName, name, field, added, removed, members }) => ({
      ...{ id: apiName, name, owner, size: members.size, added, removed },
      members: [...members.values()].slice(Math.max(0, members.size - rowsMax)).map((one) => ({ [field]: [one] })),
    }));
  }

  save(): z.infer<typeof savedList> {
    return {
      ...{ next: this.#next, created: this.#created, updated: this.#updated, deleted: this.#deleted },
      records: [...this.#records].map(([id, record]) => [id, [...record]]),
      segments: [...this.#segments.values()].map((segment) => ({ ...segment, members: [...segment.members.values()] })),
    };
  }

  restore(saved: z.infer<typeof savedList>): void {
    for (const [id, record] of saved.records) this.#records.set(id, new Map(record));
    for (const { members, ...segment } of saved.segments)
      this.#segments.set(segment.apiName.toLowerCase(), {
        ...segment,
        members: new Map(members.map((one) => [one.toLowerCase(), one])),
      });
    this.#next = saved.next;
    this.#created = saved.created;
    this.#updated = saved.updated;
    this.#deleted = saved.deleted;
  }

  #index(field: string): Map<string, string> {
    const known = this.#indexes.get(field);
    if (known !== undefined) return known;
    const index = new Map<string, string>();
    for (const [id, record] of this.#records) {
      const one = record.get(field);
      if (one !== undefined) index.set(textOf(one), id);
    }
    this.#indexes.set(field, index);
    return index;
  }
}

/** What a value is compared by. */
export function textOf(one: ExactJson): string {
  return String(one).toLowerCase();
}
