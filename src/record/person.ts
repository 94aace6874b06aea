import { randomInt } from 'node:crypto';
import type { IdentifierKind } from '../artifacts/annotation.ts';
import type { ErasedPerson, SentIdentifier } from '../destinations/destination.ts';
import type { StateTables } from '../diff/state-tables.ts';
import type { TableName } from '../warehouse/warehouse.ts';
import type { Ledger } from './ledger.ts';

/** How many rows of an activation's state speak of a person. */
export interface PersonCounts {
  /** Rows of the snapshot: what the destination holds. */
  readonly rows: number;
  readonly identifiers: number;
  /** Identifiers among them that another member holds too. */
  readonly shared: number;
  readonly rejections: number;
  /** Changes of a run that was not closed. */
  readonly pending: number;
}

/** Whose traces are meant, and where they may be. */
export interface PersonPlace {
  readonly ledger: Ledger;
  readonly activationId: string;
  readonly tables: StateTables;
  /** Names of tables that exist. */
  readonly existing: ReadonlySet<string>;
  /** The entity's key as text. */
  readonly key: string;
  /** Keys under which the snapshot knew the person when it was first looked at: its rows may be gone by now. */
  readonly keys: readonly string[];
}

/** One person's rows in the state of one activation. */
export class PersonState {
  readonly #place: PersonPlace;

  constructor(place: PersonPlace) {
    this.#place = place;
  }

  async count(): Promise<PersonCounts> {
    const { tables, ledger } = this.#place;
    const mine = `activation_id = ${ledger.text(this.#place.activationId)}`;
    return {
      rows: await this.#howMany(tables.snapshot, this.#owned),
      identifiers: await this.#howMany(tables.identifiers, this.#keyed),
      shared: await this.#howMany(tables.identifiers, `${this.#keyed} and ${this.#shared()}`),
      rejections: await this.#howMany(ledger.table('rejections'), `${mine} and ${this.#rejected}`),
      pending: await this.#howMany(tables.changes, this.#owned),
    };
  }

  /** Keys under which rows of the snapshot stand that the person last fed. */
  async keys(): Promise<readonly string[]> {
    const { tables } = this.#place;
    if (!this.#exists(tables.snapshot)) return [];
    const rows = await this.#query(`select key from ${this.#sql(tables.snapshot)} where ${this.#owned} order by key`);
    return rows.map((row) => String(row['key']));
  }

  /**
   * What was sent, for the platform's own erasure: of objects each record, of members one person with the identifiers that nobody
   * else holds. `createdOnly`: only records that were made for us.
   */
  async people(matchesPeople: boolean, createdOnly: boolean): Promise<readonly ErasedPerson[]> {
    const { tables, key } = this.#place;
    if (!matchesPeople) {
      const rows = await this.#query(
        `select key, record_id from ${this.#sql(tables.snapshot)} where ${this.#owned}${createdOnly ? ' and created' : ''} order by key`,
      );
      return rows.map((row) => ({ key: String(row['key']), recordId: textOf(row['record_id']), identifiers: [] }));
    }
    const rows = await this.#query(
      `select kind, rank, value, record_id from ${this.#sql(tables.identifiers)} as i where ${this.#keyed} and not ${this.#shared()} order by kind, rank, value`,
    );
    const identifiers = rows.map(
      (row): SentIdentifier => ({
        kind: String(row['kind']) as IdentifierKind, // only ever written from one
        rank: Number(row['rank']),
        value: String(row['value']),
        recordId: textOf(row['record_id']),
      }),
    );
    return identifiers.length === 0 ? [] : [{ key, recordId: null, identifiers }];
  }

  /**
   * Whether that activation of the destination holds any of the records that this one knows the person by. `sameEntity`: its keys
   * are those of this one, and what it holds for the person does not count.
   */
  async isHeldBy(snapshot: TableName, sameEntity: boolean): Promise<boolean> {
    const { tables, existing } = this.#place;
    if (!existing.has(snapshot.name) || !this.#exists(tables.snapshot)) return false;
    const others = sameEntity ? ` and coalesce(owner_key, key) <> ${this.#text(this.#place.key)}` : '';
    const mine = (column: string): string =>
      `select ${column} from ${this.#sql(tables.snapshot)} where ${this.#owned} and ${column} is not null`;
    const rows = await this.#query(
      `select 1 as held from ${this.#sql(snapshot)} where not departed and (key in (${mine('key')}) or record_id in (${mine('record_id')}))${others} limit 1`,
    );
    return rows.length > 0;
  }

  /**
   * Whether somebody else's rows in that table of another activation speak of a profile that this one knows the person by.
   * `isMember`: this one knows it by identifiers, else by its key. `ofMembers`: the table is one of identifiers, else a snapshot of
   * objects. `sameEntity`: its keys are those of this one, and what it holds for the person does not count.
   */
  async isKnownAt(
    table: TableName,
    {
      isMember,
      ofMembers,
      sameEntity,
    }: { readonly isMember: boolean; readonly ofMembers: boolean; readonly sameEntity: boolean },
  ): Promise<boolean> {
    const { tables, key } = this.#place;
    const own = isMember ? tables.identifiers : tables.snapshot;
    if (!this.#exists(own) || !this.#exists(table)) return false;
    const [value, theirs] = [isMember ? 'i.value' : 'i.key', ofMembers ? 't.value' : 't.key'];
    const owner = ofMembers ? 't.key' : 'coalesce(t.owner_key, t.key)';
    const rows = await this.#query(
      `select 1 as known from ${this.#sql(own)} as i join ${this.#sql(table)} as t` +
        ` on (${value} = ${theirs}${isMember && ofMembers ? ' and i.kind = t.kind' : ''}) or i.record_id = t.record_id` +
        ` where ${isMember ? 'i.key' : 'coalesce(i.owner_key, i.key)'} = ${this.#text(key)} and not t.${ofMembers ? 'owed' : 'departed'}` +
        `${sameEntity ? ` and ${owner} <> ${this.#text(key)}` : ''} limit 1`,
    );
    return rows.length > 0;
  }

  /**
   * Takes the person out of the state: run it inside a transaction. Identifiers that another member holds stay owed where that
   * member's own add was never acknowledged, since the list may have them from this person only; under a number that is nobody's.
   */
  async scrub(): Promise<void> {
    const { ledger, tables } = this.#place;
    const { warehouse } = ledger;
    const mine = `activation_id = ${ledger.text(this.#place.activationId)}`;
    if (this.#exists(ledger.table('rejections')))
      await warehouse.run(`delete from ${ledger.sql('rejections')} where ${mine} and ${this.#rejected}`);
    if (this.#exists(tables.identifiers)) {
      const acknowledged = ` join ${this.#sql(tables.snapshot)} as s on s.key = o.key and not s.dirty`;
      const isDebt = `${this.#keyed} and ${this.#shared()} and not ${this.#shared(acknowledged)}`;
      const identifiers = `${this.#sql(tables.identifiers)} as i`;
      await warehouse.run(
        `update ${identifiers} set key = '-${randomInt(1, 2 ** 47)}', owed = true, record_id = null where ${isDebt}`,
      );
      await warehouse.run(`delete from ${identifiers} where ${this.#keyed}`);
    }
    if (this.#exists(tables.snapshot))
      await warehouse.run(`delete from ${this.#sql(tables.snapshot)} where ${this.#owned}`);
  }

  /** Rows of objects stand under another key than their owner's. */
  get #owned(): string {
    return `coalesce(owner_key, key) = ${this.#text(this.#place.key)}`;
  }

  get #keyed(): string {
    return `i.key = ${this.#text(this.#place.key)}`;
  }

  /** Whether another member holds the identifier `i` too; `join` narrows down which. */
  #shared(join = ''): string {
    const { tables, key } = this.#place;
    return `exists (select 1 from ${this.#sql(tables.identifiers)} as o${join} where o.kind = i.kind and o.value = i.value and not o.owed and o.key <> ${this.#text(key)})`;
  }

  get #rejected(): string {
    const keys = [this.#place.key, ...this.#place.keys];
    return `key in (${[...new Set(keys)].map((key) => this.#text(key)).join(', ')})`;
  }

  async #howMany(table: TableName, condition: string): Promise<number> {
    if (!this.#exists(table)) return 0;
    const [row] = await this.#query(`select count(*) as row_count from ${this.#sql(table)} as i where ${condition}`);
    return Number(row?.['row_count'] ?? 0);
  }

  #exists(table: TableName): boolean {
    return this.#place.existing.has(table.name);
  }

  #query(statement: string) {
    return this.#place.ledger.warehouse.query(statement);
  }

  #sql(table: TableName): string {
    return this.#place.ledger.warehouse.state.table(table);
  }

  #text(value: string): string {
    return this.#place.ledger.text(value);
  }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
