import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { CurrentRows, isAppendOnly, isKeyedByField } from './current-rows.ts';
import type { DiffJob } from './job.ts';
import { isDueForRenewal } from './renewal.ts';
import { RowContent } from './row-content.ts';
import { FIELD_HASHES, noRows, SNAPSHOT_COLUMNS } from './state-tables.ts';
import { readSegment, type SegmentState } from './unchanged.ts';

/** Temporary tables of the plan, in the order in which they are made. */
export const TEMPORARY = {
  joined: 'dinmo_joined',
  held: 'dinmo_held_rows',
  duplicates: 'dinmo_duplicates',
  candidates: 'dinmo_candidates',
  prepared: 'dinmo_prepared',
  newIdentifiers: 'dinmo_new_identifiers',
  actions: 'dinmo_actions',
  claimed: 'dinmo_claimed',
  carried: 'dinmo_carried',
  wire: 'dinmo_wire',
  changed: 'dinmo_changed',
} as const;

/**
 * Compares the segment with the snapshot and leaves every row that differs in the temporary table `dinmo_joined` (with its
 * content; a row's number is the table's own), what the snapshot holds for it in `dinmo_held_rows`, and keys that occur more
 * than once in `dinmo_duplicates` (key, copies).
 *
 * Rows meet by a hash of their key, and are equal by their fast fingerprint: one join that carries two numbers for each row of
 * the snapshot. What such a join cannot tell for certain (two keys with one hash) shows afterwards, and is then computed again
 * by the keys themselves.
 *
 * The rows are the segment's, and `candidates` the query that says what each of `dinmo_joined` is, by its number `n`, without
 * its content.
 *
 * The `kind` of a candidate is what it is before our own rules and the ledger's rejections have their say: `insert`, `update`,
 * `leaver`; `renewal` (unchanged, and its membership would end soon), `same` (only the fast fingerprint or the owner moved), `return` (a departed member is back, unchanged, and nobody
 * else can have removed it meanwhile); `null_key`, `duplicate` (key), `shadowed` (its destination key belongs to a row with a
 * smaller key), `stuck` (a leaver whose owner's key is not sound: it stays).
 */
export async function collectCandidates(warehouse: Warehouse, job: DiffJob): Promise<Collected> {
  const segment = await readSegment(warehouse, job);
  const byHash = new CandidateSql(warehouse.state, segment.job, 'hash');
  const { rows, unchanged } = segment;
  const withheld = await countWithheld(warehouse, job);
  if (segment.hashesCurrent && !isAppendOnly(job)) {
    const differing = await compare(warehouse, byHash, segment);
    if (differing !== null) return { rows, withheld, unchanged, differing, candidates: byHash.candidates() };
  }
  const byKey = new CandidateSql(warehouse.state, segment.job, 'key');
  const differing = (await compare(warehouse, byKey, segment)) ?? 0;
  return { rows, withheld, unchanged, differing, candidates: byKey.candidates() };
}

/** Of events, only those that are not too old. */
async function countWithheld(warehouse: Warehouse, job: DiffJob): Promise<number | null> {
  const { withheldSql } = job.source;
  if (withheldSql === undefined) return null;
  const current = new CurrentRows(warehouse.state, { ...job, source: { ...job.source, sql: withheldSql } });
  const [row] = await warehouse.query(`select count(*) as row_count from (${current.eligible()}) as withheld`);
  return Number(row?.['row_count'] ?? 0);
}

/** What `collectCandidates` leaves, beside its tables. */
export interface Collected {
  /** Rows of the segment, whatever their keys. */
  readonly rows: number;
  /** Rows that are left out for lack of consent; null where nobody is asked. */
  readonly withheld: number | null;
  /** Every one of them is in the snapshot as it is, and nothing else. */
  readonly unchanged: boolean;
  /** Rows of `dinmo_joined`: their numbers `n` begin at 0. */
  readonly differing: number;
  readonly candidates: string;
}

/** How to find rows of `dinmo_joined` by their number `n`, reading no more than those. */
export interface RowNumbers {
  /** The number of a row. */
  readonly n: string;
  between(lo: number, hi: number): string;
}

/** Where the numbers of `dinmo_joined` begin now: ask again in another transaction. */
export async function rowNumbers(warehouse: Warehouse): Promise<RowNumbers> {
  const { rowNumber: number, firstRowNumber } = warehouse.state;
  const first = firstRowNumber === null ? await firstNumber(warehouse) : BigInt(firstRowNumber);
  return {
    n: `${number} - ${first}`,
    between: (lo, hi) => `${number} between ${first + BigInt(lo)} and ${first + BigInt(hi)}`,
  };
}

async function firstNumber(warehouse: Warehouse): Promise<bigint> {
  const { state } = warehouse;
  const [row] = await warehouse.query(
    `select cast(min(${state.rowNumber}) as ${state.type('text')}) as first from ${TEMPORARY.joined}`,
  );
  return BigInt(String(row?.['first'] ?? 0));
}

/** How many rows differ; null where two keys have one hash: nothing of what was computed holds then. */
async function compare(warehouse: Warehouse, sql: CandidateSql, segment: SegmentState): Promise<number | null> {
  const { state } = warehouse;
  await warehouse.run(state.createNumbered(TEMPORARY.joined, sql.joined(segment.unchanged)));
  await warehouse.run(state.createTemporary(TEMPORARY.held, sql.held()));
  const met = await whatMet(warehouse, sql, segment);
  if (met.collisions > 0) return null;
  const copies = await whereCopiesAre(warehouse, sql, { segment, met });
  await warehouse.run(state.createTemporary(TEMPORARY.duplicates, sql.duplicates(copies)));
  return met.rows;
}

/** Where keys can occur more than once: nowhere, among the rows that met none of the snapshot, or anywhere. */
type Copies = 'none' | 'fresh' | 'anywhere';

/** Rows that differ; among them those of the segment that met none of the snapshot, those of the snapshot that met none, those that met wrongly. */
interface Met {
  readonly rows: number;
  readonly fresh: number;
  readonly gone: number;
  readonly collisions: number;
}

async function whatMet(warehouse: Warehouse, sql: CandidateSql, segment: SegmentState): Promise<Met> {
  const asked = [
    'count(*) as row_count',
    ...(sql.by === 'hash' ? [`${sql.collisions()} as collisions`] : []),
    ...(sql.countsCopies && !segment.unchanged
      ? ['count(*) - count(s_join) as fresh', 'count(*) - count(c_fast) as gone']
      : []),
  ];
  const [row] = await warehouse.query(`select ${asked.join(', ')} from ${TEMPORARY.joined}`);
  const number = (name: string): number => Number(row?.[name] ?? 0);
  return {
    rows: number('row_count'),
    fresh: number('fresh'),
    gone: number('gone'),
    collisions: number('collisions'),
  };
}

/** Asked of numbers first: keys are compared only where some of them can be the same. */
async function whereCopiesAre(
  warehouse: Warehouse,
  sql: CandidateSql,
  { segment, met }: { readonly segment: SegmentState; readonly met: Met },
): Promise<Copies> {
  if (segment.unchanged) return 'none';
  if (hasHeldDuplicates(sql, segment, met)) return 'anywhere';
  if (sql.by !== 'hash' || !sql.countsCopies) return 'fresh';
  return (await warehouse.query(sql.freshHashesTwice())).length > 0 ? 'fresh' : 'none';
}

/**
 * Whether a key that the snapshot holds occurs more than once in the segment. Each row of the snapshot that did not lose its
 * row meets one row of the segment; where more rows met than there are, some are copies.
 */
function hasHeldDuplicates(sql: CandidateSql, segment: SegmentState, { fresh, gone }: Met): boolean {
  return sql.countsCopies && segment.rows - fresh > segment.snapshotRows - gone;
}

/** Columns of the snapshot that are asked about a row that differs. */
const HELD: ReadonlySet<string> = new Set([
  'key',
  'strong',
  'dirty',
  'departed',
  'record_id',
  'created',
  'unsure_since',
  'owner_key',
]);

/** Rows of the segment that met none of the snapshot. */
const FRESH = 'c_fast is not null and s_join is null';

class CandidateSql {
  readonly by: 'hash' | 'key';
  readonly #d: StateDialect;
  readonly #job: DiffJob;
  readonly #current: CurrentRows;

  constructor(dialect: StateDialect, job: DiffJob, by: 'hash' | 'key') {
    this.#d = dialect;
    this.#job = job;
    this.#current = new CurrentRows(dialect, job);
    this.by = by;
  }

  /** Where each row of the segment meets one of the snapshot at most, rows can be counted instead of keys compared. */
  get countsCopies(): boolean {
    return !isAppendOnly(this.#job) && !isKeyedByField(this.#job);
  }

  /** Where members are renewed at all: an append-only run sends nobody twice. */
  get renewal(): DiffJob['renewal'] {
    return isAppendOnly(this.#job) ? undefined : this.#job.renewal;
  }

  /** The column of the snapshot by which rows meet. */
  get #meeting(): string {
    return this.by === 'hash' ? 'key_hash' : 'key';
  }

  joined(unchanged: boolean): string {
    const joining = this.by === 'hash' ? this.#current.keyHash() : this.#current.joinKey();
    const c = `(select cur.*, ${joining} as c_join from (${this.#current.sql()}) as cur)`;
    const byField = isKeyedByField(this.#job);
    const { renewal } = this;
    const s = `(select ${this.#meeting} as s_join, fast as s_fast, dirty as s_dirty, departed as s_departed${byField ? ', owner_key as s_owner' : ''}${renewal === undefined ? '' : `, ${isDueForRenewal(renewal)} as s_due`} from ${this.#d.table(this.#job.tables.snapshot)}${this.#only()})`;
    const content = new RowContent(this.#d, this.#job);
    const own = [
      ...(byField ? ['c_owner', 'copies', 'place'] : []),
      'c_fast',
      's_join',
      ...(this.by === 'hash' ? ['c_join'] : []),
      ...(renewal === undefined ? [] : ['s_due']),
    ];
    const found = [`${this.#current.key()} as c_key`, ...own, ...content.made()];
    const columns = ['c_key', ...own, ...content.columns('c_fast is not null', this.#current.signature())];
    const rows = (join: string, where: string): string =>
      `select ${columns.join(', ')} from (select ${found.join(', ')} from ${c} as c ${join} join ${s} as s on c.c_join = s.s_join where ${where}) as found`;
    if (unchanged) return rows('full', 'false');
    if (isAppendOnly(this.#job)) {
      const resend = this.#job.everything && (this.#job.resendEvents || this.#job.facts.service !== 'events');
      return rows('left', resend ? 'true' : `s_join is null${this.#job.facts.deduplicates ? ' or s_dirty' : ''}`);
    }
    const differs = this.#job.everything
      ? 'true'
      : `s_join is null or c_fast is null or s_dirty or s_departed or c_fast <> s_fast${renewal === undefined ? '' : ' or s_due'}`;
    if (!isKeyedByField(this.#job)) return rows('full', differs);
    // Rows that lost their destination key to another row, or whose own key is not sound, join nothing.
    return rows('full', `coalesce(place, 1) <> 1 or ${differs} or c_owner is distinct from s_owner`);
  }

  /** Objects are known by another key than their owner's. */
  #only(): string {
    const { only } = this.#job;
    return only === undefined ? '' : ` where coalesce(owner_key, key) = ${this.#d.text(only)}`;
  }

  /** What the snapshot knows of the rows that differ: looked up afterwards, since carried through the join it would be held for all. */
  held(): string {
    const asked = SNAPSHOT_COLUMNS.filter(({ name }) => HELD.has(name) || name === this.#meeting);
    const columns = this.#job.changedFieldsOnly === true ? [...asked, FIELD_HASHES] : asked;
    return `select ${columns.map(({ name }) => `${name} as s_${name}`).join(', ')} from ${this.#d.table(this.#job.tables.snapshot)} where ${this.#meeting} in (select s_join from ${TEMPORARY.joined} where s_join is not null)`;
  }

  /** An expression: rows that met a row of another key, and rows of the snapshot that cannot be told apart. */
  collisions(): string {
    return `(select count(*) from ${TEMPORARY.joined} as j join ${TEMPORARY.held} as h on h.s_key_hash = j.s_join where c_fast is not null and c_key is distinct from s_key)
      + (select count(*) - count(distinct s_key_hash) from ${TEMPORARY.held})`;
  }

  /** Hashes that several rows have which met none of the snapshot. */
  freshHashesTwice(): string {
    return `select c_join from ${TEMPORARY.joined} where ${FRESH} and c_key is not null group by c_join having count(*) > 1 limit 1`;
  }

  duplicates(copies: Copies): string {
    if (copies === 'none')
      return noRows(this.#d, [
        { name: 'key', type: 'text' },
        { name: 'copies', type: 'bigint' },
      ]);
    if (isKeyedByField(this.#job))
      return `select c_owner as key, count(*) as copies from ${TEMPORARY.joined} where c_owner is not null and copies > 1 group by c_owner`;
    // Where no row of the snapshot was met twice, copies are rows that met none: every one of them is here.
    const anywhere = copies === 'anywhere';
    const key = anywhere ? this.#current.key() : 'c_key';
    const among = anywhere ? `(${this.#current.sql()})` : TEMPORARY.joined;
    const fresh = anywhere || isAppendOnly(this.#job) ? 'c_fast is not null' : FRESH;
    return `select key, count(*) as copies from (select ${key} as key from ${among} as c where ${fresh}) as k where key is not null group by key having count(*) > 1`;
  }

  candidates(): string {
    const byField = isKeyedByField(this.#job);
    const number = this.#d.rowNumber;
    const bad = byField
      ? "when owner_key is null and s_key is null then 'null_key'\n      when copies > 1 then 'duplicate'\n      when c_key is null and s_key is null then 'insert'\n      when place > 1 then 'shadowed'\n      when s_key is not null and c_key is null and s_owner_key in (select key from dinmo_duplicates) then 'stuck'"
      : `when c_key is null and s_key is null then 'null_key'\n      when c_key in (select key from ${TEMPORARY.duplicates}) then 'duplicate'`;
    return `select
      case
      ${bad}
      when c_key is null then 'leaver'
      when s_key is null then 'insert'
      when ${this.#job.everything ? 'true' : 's_dirty or strong <> s_strong'} then 'update'
      ${this.renewal === undefined ? '' : "when s_departed and s_due then 'update'\n      "}when s_departed then '${this.#job.otherSnapshots.length > 0 ? 'update' : 'return'}'
      ${this.renewal === undefined ? '' : "when s_due then 'renewal'\n      "}else 'same' end as kind,
      coalesce(c_key, s_key) as key, e.*
    from (
      select j.${number} - (select min(${number}) from ${TEMPORARY.joined}) as n, c_key, ${byField ? 'c_owner' : `cast(null as ${this.#d.type('text')})`} as owner_key, c_fast as fast, strong,
        s_key, s_strong, h.s_dirty, h.s_departed, s_record_id, s_created, s_unsure_since, s_owner_key${byField ? ', copies, place' : ''}${this.renewal === undefined ? '' : ', s_due'}${this.#job.changedFieldsOnly === true ? ', field_hashes, s_field_hashes' : ''}
      from ${TEMPORARY.joined} as j left join ${TEMPORARY.held} as h on h.s_${this.#meeting} = j.s_join
    ) as e`;
  }
}
