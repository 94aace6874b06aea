import { z } from 'zod';
import type { ObjectSetState } from '../sandbox-state.ts';

export interface CrmRecord {
  readonly id: string;
  readonly type: string;
  readonly properties: Map<string, string>;
  readonly createdAt: number;
  updatedAt: number;
}

interface TypeCounts {
  created: number;
  updated: number;
  deleted: number;
}

const savedRecord = z.object({
  id: z.string(),
  type: z.string(),
  properties: z.array(z.tuple([z.string(), z.string()])),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export const savedRecords = z.object({
  nextId: z.number(),
  records: z.array(savedRecord),
  counts: z.array(z.tuple([z.string(), z.object({ created: z.number(), updated: z.number(), deleted: z.number() })])),
});

/** The records of one portal, of all object types; values can be looked up by any property. */
export class Records {
  readonly #records = new Map<string, CrmRecord>();
  readonly #byValue = new Map<string, Set<string>>();
  readonly #counts = new Map<string, TypeCounts>();
  #nextId = 10_001;

  /** undefined also where the record is of another type. */
  get(type: string, id: string): CrmRecord | undefined {
    const record = this.#records.get(id);
    return record?.type === type ? record : undefined;
  }

  findByValue(type: string, property: string, value: string): CrmRecord | undefined {
    const [id] = this.#byValue.get(valueKey(type, property, value)) ?? [];
    return id === undefined ? undefined : this.#records.get(id);
  }

  create(type: string, now: number): CrmRecord {
    const record: CrmRecord = {
      id: String(this.#nextId++),
      type,
      properties: new Map(),
      createdAt: now,
      updatedAt: now,
    };
    this.#records.set(record.id, record);
    this.#countsOf(type).created += 1;
    return record;
  }

  /** Sets values; an empty one clears. */
  write(record: CrmRecord, properties: ReadonlyMap<string, string>, now: number): void {
    for (const [name, value] of properties) {
      this.#unlink(record, name);
      if (value === '') {
        record.properties.delete(name);
        continue;
      }
      record.properties.set(name, value);
      const key = valueKey(record.type, name, value);
      const holders = this.#byValue.get(key);
      if (holders) holders.add(record.id);
      else this.#byValue.set(key, new Set([record.id]));
    }
    record.updatedAt = now;
  }

  countUpdate(type: string): void {
    this.#countsOf(type).updated += 1;
  }

  archive(type: string, id: string): boolean {
    const record = this.get(type, id);
    if (!record) return false;
    for (const name of record.properties.keys()) this.#unlink(record, name);
    this.#records.delete(id);
    this.#countsOf(type).deleted += 1;
    return true;
  }

  ofType(type: string): readonly CrmRecord[] {
    return [...this.#records.values()].filter((record) => record.type === type);
  }

  holdings(rowsMax: number): readonly ObjectSetState[] {
    return [...this.#counts].map(([type, counts]) => {
      const ofType = this.ofType(type);
      const records = ofType.slice(Math.max(0, ofType.length - rowsMax)).map((record) => ({
        ...{ id: record.id, key: record.id },
        fields: Object.fromEntries(record.properties),
      }));
      return { type, size: ofType.length, ...counts, records };
    });
  }

  save(): z.infer<typeof savedRecords> {
    const records = [...this.#records.values()].map((record) => ({ ...record, properties: [...record.properties] }));
    return { nextId: this.#nextId, records, counts: [...this.#counts] };
  }

  restore(saved: z.infer<typeof savedRecords>): void {
    this.#nextId = saved.nextId;
    for (const { properties, ...rest } of saved.records) {
      const record: CrmRecord = { ...rest, properties: new Map() };
      this.#records.set(record.id, record);
      this.write(record, new Map(properties), rest.updatedAt);
    }
    for (const [type, counts] of saved.counts) this.#counts.set(type, counts);
  }

  #countsOf(type: string): TypeCounts {
    const counts = this.#counts.get(type) ?? { created: 0, updated: 0, deleted: 0 };
    this.#counts.set(type, counts);
    return counts;
  }

  #unlink(record: CrmRecord, name: string): void {
    const value = record.properties.get(name);
    if (value === undefined) return;
    const key = valueKey(record.type, name, value);
    const holders = this.#byValue.get(key);
    holders?.delete(record.id);
    if (holders?.size === 0) this.#byValue.delete(key);
  }
}

function valueKey(type: string, property: string, value: string): string {
  return `${type}\n${property}\n${value}`;
}
