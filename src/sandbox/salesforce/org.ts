import { z } from 'zod';
import type { RequestContext } from '../platform.ts';
import type { AudienceState, ObjectSetState } from '../sandbox-state.ts';
import type { RowError } from './salesforce-answer.ts';
import { Schema, valueProblem } from './schema.ts';

export interface OrgRecord {
  readonly id: string;
  readonly object: string;
  readonly fields: Map<string, string>;
  readonly createdAt: number;
}

const counts = z.object({ created: z.number(), updated: z.number(), deleted: z.number() });
type Counts = z.infer<typeof counts>;

export const savedOrg = z.object({
  nextId: z.number(),
  records: z.array(
    z.object({
      id: z.string(),
      object: z.string(),
      createdAt: z.number(),
      fields: z.array(z.tuple([z.string(), z.string()])),
    }),
  ),
  counts: z.array(z.tuple([z.string(), counts])),
  members: z.array(z.tuple([z.string(), z.object({ added: z.number(), removed: z.number() })])),
});

/** One record to write: fields by the names that came, null clears. */
export interface Write {
  readonly object: string;
  readonly verb: 'insert' | 'update' | 'upsert';
  /** Upserts: the field that tells the record. */
  readonly keyField: string | null;
  readonly fields: ReadonlyMap<string, string | null>;
  /** Keys that earlier rows of the request took, lower case: a second row of one is refused. */
  readonly taken: Set<string>;
}

export type Written = { readonly id: string; readonly created: boolean } | { readonly error: RowError };

/** The records of one org, and the rules they obey, whichever interface they come by. */
export class Org {
  readonly schema = new Schema();
  readonly #records = new Map<string, OrgRecord>();
  /** Ids by object, field and value in lower case. */
  readonly #byValue = new Map<string, Set<string>>();
  readonly #counts = new Map<string, Counts>();
  readonly #members = new Map<string, { added: number; removed: number }>();
  #nextId = 1;

  get(id: string): OrgRecord | undefined {
    return this.#records.get(id);
  }

  ofObject(object: string): readonly OrgRecord[] {
    return [...this.#records.values()].filter((record) => record.object === object);
  }

  /** Without case, as indexed fields compare. */
  find(object: string, field: string, value: string): readonly OrgRecord[] {
    if (field === 'Id')
      return [this.#records.get(value)].flatMap((record) => (record?.object === object ? [record] : []));
    const ids = this.#byValue.get(`${object}\n${field}\n${value.toLowerCase()}`) ?? [];
    return [...ids].flatMap((id) => this.#records.get(id) ?? []);
  }

  write(write: Write, context: RequestContext): Written {
    const { object, verb, keyField } = write;
    const named = this.#resolve(write);
    if ('error' in named) return named;
    const { fields } = named;
    const values = [...fields.values()].flatMap((value) => value ?? []);
    if (context.poison([...values, ...values.flatMap((id) => this.#valuesOf(id))]) !== null)
      return fault('FIELD_CUSTOM_VALIDATION_EXCEPTION', 'A validation rule refuses the record');
    const target = this.#target({ object, verb, keyField, fields, taken: write.taken });
    if ('error' in target) return target;
    if (context.unlucky())
      return fault('UNABLE_TO_LOCK_ROW', 'unable to obtain exclusive access to this record or 1 records');
    fields.delete('Id');
    const problem = this.#problem(object, fields, target.record);
    if (problem !== null) return { error: problem };
    const record = target.record ?? this.#create(object, context.now);
    for (const [name, value] of fields) this.#set(record, name, value);
    if (target.record !== null) this.#countsOf(object).updated += 1;
    if (target.record === null && object === 'CampaignMember') this.#countMember(record, 'added');
    return { id: record.id, created: target.record === null };
  }

  /** Records that are there before anything is sent. */
  seed(object: string, records: readonly Readonly<Record<string, string>>[]): void {
    for (const fields of records) {
      const record = this.#create(object, 0);
      for (const [name, value] of Object.entries(fields)) this.#set(record, name, value);
    }
  }

  delete(id: string): RowError | null {
    const record = this.#records.get(id);
    if (record === undefined) {
      if (!/^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$/.test(id))
        return { statusCode: 'MALFORMED_ID', message: `malformed id ${id}` };
      return { statusCode: 'ENTITY_IS_DELETED', message: 'entity is deleted' };
    }
    for (const name of [...record.fields.keys()]) this.#set(record, name, null);
    this.#records.delete(id);
    this.#countsOf(record.object).deleted += 1;
    const members = this.ofObject('CampaignMember').filter((one) => [...one.fields.values()].includes(id));
    for (const member of members) this.delete(member.id);
    return null;
  }

  deleteMember(id: string): RowError | null {
    const record = this.#records.get(id);
    if (record !== undefined) this.#countMember(record, 'removed');
    return this.delete(id);
  }

  objects(rowsMax: number): readonly ObjectSetState[] {
    const shown = [...this.#counts].filter(([object]) => object !== 'Campaign' && object !== 'CampaignMember');
    return shown.map(([type, kept]) => {
      const all = this.ofObject(type);
      const records = all.slice(Math.max(0, all.length - rowsMax)).map(({ id, fields }) => ({
        ...{ id, key: id },
        fields: Object.fromEntries(fields),
      }));
      return { type, size: all.length, ...kept, records };
    });
  }

  campaigns(owner: string, rowsMax: number): readonly AudienceState[] {
    const members = this.ofObject('CampaignMember');
    return this.ofObject('Campaign').map(({ id, fields }) => {
      const own = members.filter((member) => member.fields.get('CampaignId') === id);
      const people = own.slice(Math.max(0, own.length - rowsMax)).map((member) => {
        const person = member.fields.get('ContactId') ?? member.fields.get('LeadId') ?? '';
        const known = [...(this.#records.get(person)?.fields ?? [])].map(([name, value]) => [name, [value]] as const);
        return { record_id: [person], ...Object.fromEntries(known) };
      });
      const { added, removed } = this.#members.get(id) ?? { added: 0, removed: 0 };
      return { id, name: fields.get('Name') ?? '', owner, size: own.length, added, removed, members: people };
    });
  }

  save(): z.infer<typeof savedOrg> {
    const records = [...this.#records.values()].map((record) => ({ ...record, fields: [...record.fields] }));
    return { nextId: this.#nextId, records, counts: [...this.#counts], members: [...this.#members] };
  }

  restore(saved: z.infer<typeof savedOrg>): void {
    this.#nextId = saved.nextId;
    for (const { fields, ...rest } of saved.records) {
      const record: OrgRecord = { ...rest, fields: new Map() };
      this.#records.set(record.id, record);
      for (const [name, value] of fields) this.#set(record, name, value);
    }
    for (const [object, kept] of saved.counts) this.#counts.set(object, kept);
    for (const [id, kept] of saved.members) this.#members.set(id, kept);
  }

  /** Fields by their own names, parents by their ids. */
  #resolve({ object, fields }: Write): { readonly fields: Map<string, string | null> } | { readonly error: RowError } {
    const named = new Map<string, string | null>();
    for (const [name, value] of fields) {
      const [reference = '', key] = name.split('.');
      if (key === undefined) {
        const field = this.schema.field(object, name);
        if (field === null) return fault('INVALID_FIELD', `No such column '${name}' on sobject of type ${object}`);
        named.set(field, value);
        continue;
      }
      const parent = this.schema.parentOf(reference);
      const found = value === null ? [] : this.find(parent.object, key, value);
      if (value !== null && found.length !== 1)
        return fault(
          'INVALID_FIELD',
          `Foreign key external ID: ${value} not found for field ${key} in entity ${parent.object}`,
        );
      named.set(parent.field, found[0]?.id ?? null);
    }
    return { fields: named };
  }

  #valuesOf(id: string): readonly string[] {
    return [...(this.#records.get(id)?.fields.values() ?? [])];
  }

  /** The record that the row is for; null for a new one. */
  #target(
    write: Omit<Write, 'fields'> & { readonly fields: ReadonlyMap<string, string | null> },
  ): { readonly record: OrgRecord | null } | { readonly error: RowError } {
    const { object, verb, keyField, fields, taken } = write;
    if (verb === 'insert') return { record: null };
    const name = verb === 'update' ? 'Id' : (keyField ?? 'Id');
    const key = fields.get(name) ?? '';
    if (key === '') return fault('MISSING_ARGUMENT', `${name} not specified`);
    if (taken.has(key.toLowerCase())) return fault('DUPLICATE_VALUE', `Duplicate external id specified: ${key}`);
    taken.add(key.toLowerCase());
    const found = this.find(object, name, key);
    if (found.length > 1)
      return fault('DUPLICATE_EXTERNAL_ID', `More than one record found for external id field: ${name}`);
    const [record = null] = found;
    if (record === null && verb === 'update') return fault('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id');
    return { record };
  }

  #problem(object: string, fields: ReadonlyMap<string, string | null>, record: OrgRecord | null): RowError | null {
    for (const [name, value] of fields) {
      const problem = value === null ? null : valueProblem(name, value);
      if (problem !== null) return problem;
      const holder = value === null || !this.schema.isUnique(name) ? undefined : this.find(object, name, value)[0];
      if (holder !== undefined && holder.id !== record?.id) {
        const message = `duplicate value found: ${name} duplicates value on record with id: ${holder.id}`;
        return { statusCode: 'DUPLICATE_VALUE', message };
      }
    }
    const missing = this.schema
      .required(object)
      .filter((name) => !(fields.get(name) ?? (fields.has(name) ? null : record?.fields.get(name))));
    if (missing.length > 0)
      return {
        statusCode: 'REQUIRED_FIELD_MISSING',
        message: `Required fields are missing: [${missing.join(', ')}]`,
        fields: missing,
      };
    return object === 'CampaignMember' && record === null ? this.#memberProblem(fields) : null;
  }

  #memberProblem(fields: ReadonlyMap<string, string | null>): RowError | null {
    const campaign = fields.get('CampaignId') ?? '';
    const person = fields.get('ContactId') ?? fields.get('LeadId') ?? '';
    const field = fields.get('ContactId') == null ? 'LeadId' : 'ContactId';
    if (this.get(campaign)?.object !== 'Campaign' || `${this.get(person)?.object}Id` !== field)
      return { statusCode: 'INVALID_CROSS_REFERENCE_KEY', message: 'invalid cross reference id' };
    const isMember = this.find('CampaignMember', field, person).some(
      (one) => one.fields.get('CampaignId') === campaign,
    );
    return isMember ? { statusCode: 'DUPLICATE_VALUE', message: 'Already a campaign member.' } : null;
  }

  #create(object: string, now: number): OrgRecord {
    const number = (this.#nextId++).toString(36).toUpperCase().padStart(12, '0');
    const record = {
      id: `${this.schema.prefix(object)}${number}AAA`,
      object,
      fields: new Map<string, string>(),
      createdAt: now,
    };
    this.#records.set(record.id, record);
    this.#countsOf(object).created += 1;
    return record;
  }

  #set(record: OrgRecord, name: string, value: string | null): void {
    const keyOf = (text: string): string => `${record.object}\n${name}\n${text.toLowerCase()}`;
    const before = record.fields.get(name);
    if (before !== undefined) this.#byValue.get(keyOf(before))?.delete(record.id);
    record.fields.delete(name);
    if (value === null || value === '') return;
    record.fields.set(name, value);
    const holders = this.#byValue.get(keyOf(value));
    if (holders) holders.add(record.id);
    else this.#byValue.set(keyOf(value), new Set([record.id]));
  }

  #countsOf(object: string): Counts {
    const kept = this.#counts.get(object) ?? { created: 0, updated: 0, deleted: 0 };
    this.#counts.set(object, kept);
    return kept;
  }

  #countMember(member: OrgRecord, what: 'added' | 'removed'): void {
    const campaign = member.fields.get('CampaignId') ?? '';
    const kept = this.#members.get(campaign) ?? { added: 0, removed: 0 };
    kept[what] += 1;
    this.#members.set(campaign, kept);
  }
}

function fault(statusCode: string, message: string): { readonly error: RowError } {
  return { error: { statusCode, message } };
}
