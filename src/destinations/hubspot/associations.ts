import { scrub } from '../../log.ts';
import { notAnAcknowledgement, readArray, readCode, readObject, readText, refused } from '../answer.ts';
import type { BatchOutcome, FieldValue } from '../destination.ts';
import type { HubspotApi } from './api.ts';
import { findRecords, type RefusedCall, readValues } from './records.ts';
import { saysDone } from './response.ts';

/**
 * Associations of the records of one type with those of another, CRM associations API 2026-09
 * (https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide).
 * A mapping asks for them with a field of its own:
 *
 *     mapping: {email: email, association.companies.account_key: account_id}
 *
 * the company whose property `account_key` (unique) has the value of our column `account_id`; `association.companies` alone takes
 * record ids. Associations are the default ones, without label.
 */
export interface AssociationField {
  /** As the mapping names it. */
  readonly field: string;
  /** The other object type. */
  readonly type: string;
  /** The property of the other type that our values are values of; null: record ids. */
  readonly property: string | null;
}

const FIELD = /^association\.([^.]+)(?:\.([^.]+))?$/;

/** Inputs of one request: the guide's limit for `associate/default`; 1,000 is the one for `read`, and `archive` states none. */
const ASSOCIATE_MAX = 2_000;
const READ_MAX = 1_000;
const ARCHIVE_MAX = 100;
/** Records of the other type that a session remembers. */
const KNOWN_MAX = 20_000;

export function readAssociationField(field: string): AssociationField | null {
  const [, type, property] = FIELD.exec(field) ?? [];
  if (type === undefined) return null;
  return { field, type, property: property === undefined || property === 'hs_object_id' ? null : property };
}

/** A record that was written, and the fields of its row. */
export interface Associated {
  readonly seq: number;
  readonly id: string;
  /** Made by this sync: nobody can have associated it with anything else before. */
  readonly isNew: boolean;
  readonly fields: Readonly<Record<string, FieldValue>>;
}

/** Rows whose associations are not as they should be. */
export interface Faults {
  readonly kind: 'faults';
  readonly faults: ReadonlyMap<number, { readonly code: string; readonly message: string }>;
}

export interface Associator {
  /** Requests made so far: each of them counts against the account's limit. */
  readonly requests: number;
  associate(rows: readonly Associated[], signal: AbortSignal): Promise<Faults | RefusedCall>;
}

interface Work {
  readonly api: HubspotApi;
  readonly signal: AbortSignal;
}

/**
 * Sees to it that each record is associated with those that its row names. One that the row names no more goes, once the new one
 * stands: of the associated records those that have a value in the field's property, which are the ones that come from the
 * warehouse. Where the mapping gives record ids nothing tells ours from others', and nothing is taken away; nor where `replaces`
 * is false.
 */
export function createAssociator(
  given: HubspotApi,
  from: string,
  { fields, replaces }: { readonly fields: readonly AssociationField[]; readonly replaces: boolean },
): Associator {
  let requests = 0;
  const api: HubspotApi = {
    call(request) {
      requests += 1;
      return given.call(request);
    },
  };
  const types = fields.map((field) => new AssociatedType(from, field, replaces));
  return {
    get requests() {
      return requests;
    },
    async associate(rows, signal) {
      const faults = new Map<number, { code: string; message: string }>();
      for (const type of types) {
        const refusal = await type.associate({ api, signal }, rows, faults);
        if (refusal !== null) return refusal;
      }
      return { kind: 'faults', faults };
    },
  };
}

type Fault = { readonly code: string; readonly message: string };
type Pair = { readonly seq: number; readonly from: string; readonly to: string };

class AssociatedType {
  readonly #from: string;
  readonly #field: AssociationField;
  readonly #replaces: boolean;
  /** Record ids of the other type by value, and the values of record ids; null: it has none. */
  readonly #ids = new Map<string, string>();
  readonly #values = new Map<string, string | null>();

  constructor(from: string, field: AssociationField, replaces: boolean) {
    this.#from = from;
    this.#field = field;
    this.#replaces = replaces && field.property !== null;
  }

  async associate(work: Work, rows: readonly Associated[], faults: Map<number, Fault>): Promise<RefusedCall | null> {
    const { field } = this.#field;
    const wanted = rows.flatMap((row) => {
      const value = row.fields[field];
      return value === undefined ? [] : [{ row, values: textsOf(value) }];
    });
    if (wanted.length === 0) return null;
    const unresolved = await this.#resolve(
      work,
      wanted.flatMap(({ values }) => values),
    );
    if (unresolved !== null) return unresolved;
    const goals = wanted.map(({ row, values }) => ({
      row,
      ids: values.flatMap((value) => this.#ids.get(value.toLowerCase()) ?? []),
      whole: values.every((value) => this.#ids.has(value.toLowerCase())),
    }));
    for (const { row } of goals.filter(({ whole }) => !whole)) faults.set(row.seq, this.#missing());
    const current = await this.#read(
      work,
      goals.flatMap(({ row }) => (row.isNew ? [] : [row.id])),
    );
    if (current.kind === 'outcome') return current;
    const has = (from: string, to: string) => current.found.get(from)?.has(to) === true;
    const pairs = goals.flatMap(({ row, ids }) =>
      ids.filter((id) => !has(row.id, id)).map((to) => ({ seq: row.seq, from: row.id, to })),
    );
    const refusal = await this.#add(work, pairs, faults);
    if (refusal !== null || !this.#replaces) return refusal;
    const kept = goals.filter(({ row }) => !faults.has(row.seq));
    return await this.#removeOthers(work, kept, current.found);
  }

  /** Whoever is not found is asked for again by the next batch: it may have been made by then. */
  async #resolve(work: Work, values: readonly string[]): Promise<RefusedCall | null> {
    const { property, type } = this.#field;
    const open = [...new Set(values.map((value) => value.toLowerCase()))].filter((value) => !this.#ids.has(value));
    if (open.length === 0) return null;
    if (property === null) {
      for (const value of open) if (/^\d{1,20}$/.test(value)) this.#ids.set(value, value);
      return null;
    }
    if (this.#ids.size > KNOWN_MAX) this.#ids.clear();
    const asked = [...new Map(values.map((value) => [value.toLowerCase(), value])).values()];
    const found = await findRecords(
      { ...work, type, idProperty: property },
      asked.filter((value) => !this.#ids.has(value.toLowerCase())),
    );
    if (found.kind === 'outcome') return found;
    for (const [value, id] of found.ids) {
      this.#ids.set(value, id);
      this.#values.set(id, value);
    }
    return null;
  }

  #missing(): Fault {
    const { type, property } = this.#field;
    const by = property === null ? 'that record id' : `that value of ${property}`;
    return {
      code: 'association-missing',
      message: `The record was written and its association was not: HubSpot has no record of ${type} with ${by}`,
    };
  }

  /** `batch/read`: whom each record is associated with. One without associations stands among the errors. */
  async #read(
    { api, signal }: Work,
    ids: readonly string[],
  ): Promise<{ readonly kind: 'found'; readonly found: ReadonlyMap<string, ReadonlySet<string>> } | RefusedCall> {
    const found = new Map<string, Set<string>>();
    let open: readonly { readonly id: string; readonly after?: string }[] = [...new Set(ids)].map((id) => ({ id }));
    while (open.length > 0) {
      const inputs = open.slice(0, READ_MAX);
      const answer = await api.call({ method: 'POST', path: `${this.#path}/batch/read`, body: { inputs }, signal });
      if (answer.kind === 'outcome') return answer;
      const { results } = answer.value;
      if (!Array.isArray(results)) return { kind: 'outcome', outcome: NOT_READ, status: null };
      const next: { id: string; after: string }[] = [];
      for (const result of results.map(readObject)) {
        const from = readText(readObject(result?.['from'])?.['id']);
        if (from === null) return { kind: 'outcome', outcome: NOT_READ, status: null };
        const others = found.get(from) ?? new Set();
        for (const to of readArray(result?.['to'])) others.add(readText(readObject(to)?.['toObjectId']) ?? '');
        found.set(from, others);
        const after = readText(readObject(readObject(result?.['paging'])?.['next'])?.['after']);
        if (after !== null) next.push({ id: from, after });
      }
      open = [...open.slice(READ_MAX), ...next];
    }
    return { kind: 'found', found };
  }

  /** `batch/associate/default`. What is refused as a whole is halved until the pairs at fault are known. */
  async #add(work: Work, pairs: readonly Pair[], faults: Map<number, Fault>): Promise<RefusedCall | null> {
    for (let start = 0; start < pairs.length; start += ASSOCIATE_MAX) {
      const part = pairs.slice(start, start + ASSOCIATE_MAX);
      const answer = await work.api.call({
        method: 'POST',
        path: `${this.#path}/batch/associate/default`,
        body: { inputs: part.map(({ from, to }) => ({ from: { id: from }, to: { id: to } })) },
        signal: work.signal,
      });
      if (answer.kind === 'outcome') {
        const { outcome } = answer;
        const isOfARow = outcome.kind === 'narrow' || answer.status === 404;
        if (!isOfARow || !('code' in outcome)) return answer;
        const [first] = part;
        if (part.length === 1 && first !== undefined) {
          faults.set(first.seq, notAssociated(outcome.code, outcome.message));
          continue;
        }
        const middle = Math.ceil(part.length / 2);
        for (const half of [part.slice(0, middle), part.slice(middle)]) {
          const refusal = await this.#add(work, half, faults);
          if (refusal !== null) return refusal;
        }
        continue;
      }
      noteUnconfirmed(answer.value, part, faults);
    }
    return null;
  }

  async #removeOthers(
    work: Work,
    goals: readonly { readonly row: Associated; readonly ids: readonly string[] }[],
    current: ReadonlyMap<string, ReadonlySet<string>>,
  ): Promise<RefusedCall | null> {
    const { property, type } = this.#field;
    const others = goals.flatMap(({ row, ids }) =>
      [...(current.get(row.id) ?? [])].filter((to) => !ids.includes(to)).map((to) => ({ from: row.id, to })),
    );
    if (others.length === 0 || property === null) return null;
    if (this.#values.size > KNOWN_MAX) this.#values.clear();
    const unknown = [...new Set(others.map(({ to }) => to))].filter((to) => !this.#values.has(to));
    const read = await readValues({ ...work, type }, property, unknown);
    if (read.kind === 'outcome') return read;
    for (const id of unknown) this.#values.set(id, read.values.get(id) ?? null);
    const ours = others.filter(({ to }) => (this.#values.get(to) ?? '') !== '');
    for (let start = 0; start < ours.length; start += ARCHIVE_MAX) {
      const answer = await work.api.call({
        method: 'POST',
        path: `${this.#path}/batch/archive`,
        body: {
          inputs: ours
            .slice(start, start + ARCHIVE_MAX)
            .map(({ from, to }) => ({ from: { id: from }, to: [{ id: to }] })),
        },
        signal: work.signal,
      });
      if (answer.kind === 'outcome' && answer.status !== 404) return answer;
      if (answer.kind === 'value' && !saysDone(answer.value)) {
        return {
          kind: 'outcome',
          outcome: notAnAcknowledgement('HubSpot did not say that it took associations away'),
          status: null,
        };
      }
    }
    return null;
  }

  get #path(): string {
    const part = (type: string): string => encodeURIComponent(type.toWellFormed());
    return `/crm/associations/{version}/${part(this.#from)}/${part(this.#field.type)}`;
  }
}

const NOT_READ = notAnAcknowledgement('HubSpot did not say what the records are associated with');

/** A pair counts when the answer names it, in either direction: a 2xx without it made nothing. */
function noteUnconfirmed(
  answer: Readonly<Record<string, unknown>>,
  pairs: readonly Pair[],
  faults: Map<number, Fault>,
): void {
  const named = new Set<string>();
  for (const result of readArray(answer['results']).map(readObject)) {
    const [from, to] = ['from', 'to'].map((end) => readText(readObject(result?.[end])?.['id']) ?? '');
    named.add(`${from} ${to}`).add(`${to} ${from}`);
  }
  const error = readObject(readArray(answer['errors'])[0]);
  const code = error === null ? 'association-not-confirmed' : readCode(error['category']);
  const message = readText(error?.['message']) ?? 'HubSpot’s answer does not name it';
  for (const { seq, from, to } of pairs) {
    if (!named.has(`${from} ${to}`)) faults.set(seq, notAssociated(code, message));
  }
}

function notAssociated(code: string, message: string): Fault {
  return { code, message: scrub(`The record was written and its association was not: ${message}`) };
}

function textsOf(value: FieldValue): readonly string[] {
  if (value === null) return [];
  const values: readonly FieldValue[] = Array.isArray(value) ? value : [value];
  return values.map((one) => String(one).trim()).filter((text) => text !== '');
}

/**
 * Whether the two types can be associated at all: `GET …/{from}/{to}/labels` names the associations that are defined between
 * them. null: they can, or HubSpot would not say.
 */
export async function associationProblem(
  api: HubspotApi,
  from: string,
  { field, type }: AssociationField,
): Promise<BatchOutcome | null> {
  const path = `/crm/associations/{version}/${encodeURIComponent(from.toWellFormed())}/${encodeURIComponent(type.toWellFormed())}/labels`;
  const answer = await api.call({ method: 'GET', path });
  const results = answer.kind === 'value' ? answer.value['results'] : null;
  if (!Array.isArray(results) || results.length > 0) return null;
  return refused(
    'association-undefined',
    `HubSpot has no association between ${from} and ${type}, which the field ${field} asks for`,
    `Define one in HubSpot, under Settings, Objects, Custom objects, Associations, or take ${field} out of the mapping.`,
  );
}
