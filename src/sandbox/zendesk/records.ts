import { z } from 'zod';
import type { AudienceState, ObjectSetState } from '../sandbox-state.ts';

export type RecordType = 'users' | 'organizations';

/** A user or an organization. E-mail addresses are identities of their own: a user has several, one of them primary. */
export interface ZendeskRecord {
  readonly id: number;
  readonly type: RecordType;
  readonly createdAt: number;
  readonly fields: Map<string, unknown>;
  readonly custom: Map<string, unknown>;
  readonly tags: Set<string>;
  readonly identities: Identity[];
}

export interface Identity {
  readonly id: number;
  readonly value: string;
  primary: boolean;
}

interface Counts {
  created: number;
  updated: number;
  deleted: number;
}

const savedRecord = z.object({
  ...{ id: z.number(), type: z.enum(['users', 'organizations']), createdAt: z.number(), tags: z.array(z.string()) },
  fields: z.array(z.tuple([z.string(), z.unknown()])),
  custom: z.array(z.tuple([z.string(), z.unknown()])),
  identities: z.array(z.object({ id: z.number(), value: z.string(), primary: z.boolean() })),
});
const counts = z.object({ created: z.number(), updated: z.number(), deleted: z.number() });
export const savedRecords = z.object({
  ...{ nextId: z.number(), records: z.array(savedRecord), counts: z.array(z.tuple([z.string(), counts])) },
  deleted: z.array(z.number()).default([]),
  tagged: z.array(z.tuple([z.string(), z.object({ added: z.number(), removed: z.number() })])),
});

/** Everything that one account keeps. External ids and addresses are the same in any case. */
export class Records {
  readonly #records = new Map<number, ZendeskRecord>();
  readonly #counts = new Map<string, Counts>();
  readonly #deleted = new Set<number>();
  readonly #tagged = new Map<string, { added: number; removed: number }>();
  #nextId = 9_000_001;

  get(type: RecordType, id: string | number): ZendeskRecord | undefined {
    const record = this.#records.get(Number(id));
    return record?.type === type ? record : undefined;
  }

  ofType(type: RecordType): readonly ZendeskRecord[] {
    return [...this.#records.values()].filter((record) => record.type === type);
  }

  byExternalId(type: RecordType, value: string): ZendeskRecord | undefined {
    return this.ofType(type).find((one) => fold(one.fields.get('external_id')) === fold(value));
  }

  byEmail(value: string): ZendeskRecord | undefined {
    return this.ofType('users').find((one) => one.identities.some((identity) => identity.value === fold(value)));
  }

  byName(name: string): ZendeskRecord | undefined {
    return this.ofType('organizations').find((one) => fold(one.fields.get('name')) === fold(name));
  }

  create(type: RecordType, now: number): ZendeskRecord {
    const record = {
      ...{ id: this.#nextId++, type, createdAt: now, fields: new Map(), custom: new Map() },
      ...{ tags: new Set<string>(), identities: [] },
    };
    this.#records.set(record.id, record);
    this.#count(type).created += 1;
    return record;
  }

  /** An address that is not the first is added beside it, and does not become the primary one. */
  addEmail(record: ZendeskRecord, value: string, primary = false): Identity {
    const isFirst = record.identities.length === 0;
    if (primary) for (const one of record.identities) one.primary = false;
    const identity = { id: this.#nextId++, value: fold(value), primary: primary || isFirst };
    record.identities.push(identity);
    return identity;
  }

  countUpdate(type: RecordType): void {
    this.#count(type).updated += 1;
  }

  remove(record: ZendeskRecord): void {
    for (const tag of [...record.tags]) this.untag(record, tag);
    this.#records.delete(record.id);
    if (record.type === 'users') this.#deleted.add(record.id);
    this.#count(record.type).deleted += 1;
  }

  /** Deleted users are kept, until they are erased. */
  isDeleted(id: number): boolean {
    return this.#deleted.has(id);
  }

  erase(id: number): boolean {
    return this.#deleted.delete(id);
  }

  tag(record: ZendeskRecord, tag: string): void {
    if (record.tags.has(tag)) return;
    record.tags.add(tag);
    this.#tagCount(tag).added += 1;
  }

  untag(record: ZendeskRecord, tag: string): void {
    if (record.tags.delete(tag)) this.#tagCount(tag).removed += 1;
  }

  objects(rowsMax: number): readonly ObjectSetState[] {
    return [...this.#counts].map(([type, counted]) => {
      const records = this.ofType(type === 'users' ? 'users' : 'organizations');
      return {
        ...{ type, size: records.length, ...counted },
        records: records.slice(Math.max(0, records.length - rowsMax)).map((record) => ({
          ...{ id: String(record.id), key: String(record.id) },
          fields: describeFields(record),
        })),
      };
    });
  }

  audiences(rowsMax: number): readonly AudienceState[] {
    return [...this.#tagged].map(([tag, { added, removed }]) => {
      const users = this.ofType('users').filter((user) => user.tags.has(tag));
      const members = users
        .slice(Math.max(0, users.length - rowsMax))
        .map((user) => ({ user_id: [String(user.id)], email: user.identities.map(({ value }) => value) }));
      return { id: tag, name: tag, owner: 'users', size: users.length, added, removed, members };
    });
  }

  save(): z.infer<typeof savedRecords> {
    const records = [...this.#records.values()].map((record) => ({
      ...record,
      ...{ fields: [...record.fields], custom: [...record.custom], tags: [...record.tags] },
    }));
    const deleted = [...this.#deleted];
    return { nextId: this.#nextId, records, counts: [...this.#counts], deleted, tagged: [...this.#tagged] };
  }

  restore(saved: z.infer<typeof savedRecords>): void {
    this.#nextId = saved.nextId;
    for (const one of saved.records) {
      const parts = { fields: new Map(one.fields), custom: new Map(one.custom), tags: new Set(one.tags) };
      this.#records.set(one.id, { ...one, ...parts });
    }
    for (const [type, counted] of saved.counts) this.#counts.set(type, counted);
    for (const id of saved.deleted) this.#deleted.add(id);
    for (const [tag, counted] of saved.tagged) this.#tagged.set(tag, counted);
  }

  #count(type: string): Counts {
    const counted = this.#counts.get(type) ?? { created: 0, updated: 0, deleted: 0 };
    this.#counts.set(type, counted);
    return counted;
  }

  #tagCount(tag: string): { added: number; removed: number } {
    const counted = this.#tagged.get(tag) ?? { added: 0, removed: 0 };
    this.#tagged.set(tag, counted);
    return counted;
  }
}

function fold(value: unknown): string {
  return String(value ?? '\u0000')
    .trim()
    .toLowerCase();
}

function describeFields(record: ZendeskRecord): Readonly<Record<string, unknown>> {
  const email = record.identities.find(({ primary }) => primary)?.value;
  return {
    ...Object.fromEntries(record.fields),
    ...(email === undefined ? {} : { email }),
    ...Object.fromEntries(record.custom),
    ...(record.tags.size === 0 ? {} : { tags: [...record.tags] }),
  };
}

/** A record as the API gives it. */
export function renderRecord(record: ZendeskRecord): Record<string, unknown> {
  const fieldsName = record.type === 'users' ? 'user_fields' : 'organization_fields';
  const email = record.identities.find(({ primary }) => primary)?.value ?? null;
  return {
    ...{ id: record.id, external_id: null, ...Object.fromEntries(record.fields) },
    ...(record.type === 'users' ? { email, role: 'end-user' } : {}),
    ...{ tags: [...record.tags], [fieldsName]: Object.fromEntries(record.custom) },
    created_at: `${new Date(record.createdAt).toISOString().slice(0, 19)}Z`,
  };
}
