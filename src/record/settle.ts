import { TEMPORARY } from '../diff/candidates.ts';
import type { OperationCounts } from '../diff/delivery-plan.ts';
import { FIELD_HASHES, noRows, type StateTables } from '../diff/state-tables.ts';
import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { TableName, Warehouse } from '../warehouse/warehouse.ts';
import type { Closing } from './closing.ts';
import { RECORDS, RECORDS_PAGE, storeRecordIds } from './identifier-records.ts';

/** Tables that settlement reads and writes. For a plan they are temporary copies. */
export interface SettlementTables extends StateTables {
  readonly sends: TableName;
  readonly receipts: TableName;
  readonly rejections: TableName;
  readonly runs: TableName;
}

/** What became of a run's changes. */
export interface SettledCounts {
  readonly accepted: OperationCounts;
  readonly rejected: number;
  readonly deferred: number;
  readonly unknown: number;
  /** Rejected rows that will not be tried again until they change. */
  readonly parked: number;
}

/** Columns of the changes that settlement reads: what was sent is not among them. */
const SETTLED_COLUMNS = [
  'seq',
  'op',
  'part',
  'key',
  'fast',
  'strong',
  'record_id',
  'previous_key',
  'may_delete',
  'owner_key',
] as const;

const SETTLED = 'dinmo_settled';

/**
 * Moves the snapshot by exactly what was acknowledged, and marks as dirty what may have been applied. Run it inside a
 * transaction. `complete` is false when it closes a run that died: then what only the plan knew is forgotten. Its temporary
 * tables are made before the first row of a lasting one changes.
 */
export async function settle(
  warehouse: Warehouse,
  tables: SettlementTables,
  closing: Closing,
  complete: boolean,
): Promise<SettledCounts> {
  const sql = new SettleSql(warehouse.state, tables, closing);
  const known = await learn(warehouse, sql, complete);
  await warehouse.run(warehouse.state.createTemporary(SETTLED, sql.settled({ complete, answers: known.answers })));
  const tally = await count(warehouse);
  if (closing.matchesPeople) await storeRecordIds(warehouse, known.lastRecord, (from) => sql.identifierRecords(from));
  for (const statement of sql.made(tally, complete)) await warehouse.run(statement);
  // Rows that were rejected before are looked at again; most runs have none, and reject none.
  const rejects = known.rejectedBefore || tally.counts.rejected > 0;
  if (rejects) await warehouse.run(sql.refused());
  if (closing.matchesPeople) for (const statement of sql.identifiers()) await warehouse.run(statement);
  for (const statement of sql.snapshot(tally, complete)) await warehouse.run(statement);
  if (closing.matchesPeople) await warehouse.run(sql.releaseOwed());
  if (known.undated) await warehouse.run(sql.dated());
  if (complete) for (const statement of sql.planOnlyStatements(known.actions)) await warehouse.run(statement);
  return { ...tally.counts, parked: rejects ? await settleRejections(warehouse, sql, complete) : 0 };
}

/** `complete`: every change has one answer. `all accepted`: and the same one, which says nothing else. */
type Answers = 'all accepted' | 'complete' | 'some';

interface SettleOptions {
  readonly complete: boolean;
  readonly answers: Answers;
}

/** What settlement has to know before it changes anything, asked at once. */
interface Known {
  readonly answers: Answers;
  readonly rejectedBefore: boolean;
  /** Rows of the snapshot do not say when they were sent: an older version wrote them. */
  readonly undated: boolean;
  /** Number of the last answer that has record ids of single identifiers. */
  readonly lastRecord: number | null;
  /** Which actions there are that only the snapshot learns. */
  readonly actions: ReadonlySet<string>;
}

async function learn(warehouse: Warehouse, sql: SettleSql, complete: boolean): Promise<Known> {
  const [row = {}] = await warehouse.query(sql.coverage(complete));
  const once = row['once'] === true && Number(row['answered']) === Number(row['asked']);
  return {
    answers: once ? (row['plain'] === true ? 'all accepted' : 'complete') : 'some',
    rejectedBefore: row['rejected_before'] === true,
    undated: row['undated'] === true,
    lastRecord: row['last_record'] === null || row['last_record'] === undefined ? null : Number(row['last_record']),
    actions: new Set(PLAN_ONLY.filter((action) => row[`has_${action}`] === true)),
  };
}

async function settleRejections(warehouse: Warehouse, sql: SettleSql, complete: boolean): Promise<number> {
  for (const statement of sql.rejections(complete)) await warehouse.run(statement);
  const parked = await warehouse.query(sql.newlyParked());
  return Number(parked[0]?.['row_count'] ?? 0);
}

/** What only the snapshot learns: nothing was sent for these. */
const PLAN_ONLY = ['refresh', 'return', 'depart'] as const;

/** What became of the changes, and which verdicts there are: statements for the others would change nothing. */
interface Tally {
  readonly counts: Omit<SettledCounts, 'parked'>;
  readonly verdicts: ReadonlySet<string>;
  /** Some rows went under a new key. */
  readonly moves: boolean;
}

async function count(warehouse: Warehouse): Promise<Tally> {
  const rows = await warehouse.query(
    `select op, status, verdict, moves, count(*) as row_count from (select op, status, verdict, previous_key is not null as moves from ${SETTLED}) as s group by op, status, verdict, moves`,
  );
  const sum = (status: string, op?: string): number =>
    rows
      .filter((row) => row['status'] === status && (op === undefined || row['op'] === op))
      .reduce((total, row) => total + Number(row['row_count']), 0);
  return {
    counts: {
      accepted: {
        insert: sum('accepted', 'insert'),
        update: sum('accepted', 'update'),
        delete: sum('accepted', 'delete'),
      },
      rejected: sum('rejected'),
      deferred: sum('deferred'),
      unknown: sum('unknown'),
    },
    verdicts: new Set(rows.map((row) => String(row['verdict']))),
    moves: rows.some((row) => row['moves'] === true),
  };
}

class SettleSql {
  readonly #d: StateDialect;
  readonly #t: SettlementTables;
  readonly #closing: Closing;

  constructor(dialect: StateDialect, tables: SettlementTables, closing: Closing) {
    this.#d = dialect;
    this.#t = tables;
    this.#closing = closing;
  }

  /** What is read of the changes. */
  get #columns(): readonly string[] {
    return [...SETTLED_COLUMNS, ...this.#fieldHashes];
  }

  get #fieldHashes(): readonly string[] {
    return this.#closing.keepsFields === true ? [FIELD_HASHES.name] : [];
  }

  get #run(): string {
    return this.#d.text(this.#closing.runId);
  }

  /** How far the answers go: whether they speak of every change, once each, and all say the same; and what else has to be known. */
  coverage(complete: boolean): string {
    const learned = complete ? PLAN_ONLY : [];
    const answers = `(select *, lag(hi) over (order by lo) as before from ${this.#d.table(this.#t.receipts)} where run_id = ${this.#run})`;
    return `select coalesce(sum(hi - lo + 1), 0) as answered, count(*) = 0 or ${this.#d.every('lo > coalesce(before, 0)')} as once,
      count(*) = 0 or ${this.#d.every("status = 'accepted' and record_id is null and created is null and record_created_at is null")} as plain,
      (select count(*) from ${this.#d.table(this.#t.changes)} where part <> 'free') as asked,
      exists (select 1 from ${this.#d.table(this.#t.rejections)} where ${this.#mine}) as rejected_before,
      ${this.#closing.sentDay === undefined ? '' : `exists (select 1 from ${this.#d.table(this.#t.snapshot)} where sent_day is null) as undated,\n      `}max(case when identifier_records is not null then lo end) as last_record${learned.map((action) => `,\n      exists (select 1 from ${TEMPORARY.actions} where action = '${action}') as has_${action}`).join('')}
    from ${answers} as answers`;
  }

  #outcomes({ complete, answers }: SettleOptions): string {
    const free = complete ? "'accepted'" : "'none'";
    const columns = this.#columns.map((name) => `c.${name}`).join(', ');
    const changes = this.#d.table(this.#t.changes);
    const nothing = (
      [
        ['code', 'text'],
        ['message', 'text'],
        ['new_record_id', 'text'],
        ['new_created', 'boolean'],
        ['record_created_at', 'timestamp'],
      ] as const
    )
      .map(([name, type]) => `cast(null as ${this.#d.type(type)}) as ${name}`)
      .join(', ');
    if (answers === 'all accepted')
      return `select ${columns}, case when c.part = 'free' then ${free} else 'accepted' end as status, ${nothing} from ${changes} as c`;
    // A row for each change, since a join on ranges costs by their product.
    const ofRun = (table: TableName, names: readonly string[]): string =>
      `(${this.#d.expandRanges(`(select * from ${this.#d.table(table)} where run_id = ${this.#run}) as ranges`, names)})`;
    const answer = ['status', 'code', 'message', 'record_id', 'created', 'record_created_at'];
    const sent =
      answers === 'complete' ? `(${noRows(this.#d, [{ name: 'seq', type: 'bigint' }])})` : ofRun(this.#t.sends, []);
    return `select ${columns},
    case when c.part = 'free' then ${free} when r.status is not null then r.status when s.seq is not null then 'unknown' else 'none' end as status,
    r.code, r.message, r.record_id as new_record_id, r.created as new_created, r.record_created_at
  from ${changes} as c
  left join ${ofRun(this.#t.receipts, answer)} as r on r.seq = c.seq
  left join ${sent} as s on s.seq = c.seq`;
  }

  /**
   * One row per operation. `verdict` says what the snapshot learns: present, gone, absent (removed, and its add was
   * rejected), dirty (may be both), doubtful (as it was, or not), moving (under the old key or the new one), owed_gone, nothing.
   */
  settled(options: SettleOptions): string {
    // Only members of lists have halves.
    const halves = this.#closing.matchesPeople
      ? "(select key, status as removal from outcomes where part = 'remove')"
      : `(${noRows(this.#d, [
          { name: 'key', type: 'text' },
          { name: 'removal', type: 'text' },
        ])})`;
    return `with outcomes as (${this.#outcomes(options)}),
verdicts as (
  select o.*, h.removal,
    case
      when o.part = 'owed' then case when o.status = 'accepted' then 'owed_gone' else 'nothing' end
      when o.op = 'delete' then case o.status when 'accepted' then 'gone' when 'unknown' then 'doubtful' else 'nothing' end
      when h.removal is null or o.part <> 'add' then
        case when o.status = 'accepted' then 'present' when o.status = 'unknown' then case when o.previous_key is null then 'dirty' when o.previous_key = o.key then 'doubtful' else 'moving' end else 'nothing' end
      when h.removal = 'accepted' then case o.status when 'accepted' then 'present' when 'rejected' then 'absent' else 'dirty' end
      when h.removal = 'unknown' then 'dirty'
      else 'nothing'
    end as verdict
  from outcomes as o left join ${halves} as h on h.key = o.key
  where o.part <> 'remove'
)
select ${[...this.#columns, 'code', 'message', 'new_record_id', 'new_created', 'record_created_at', 'removal', 'verdict'].map((name) => `v.${name}`).join(', ')},
  case
    when verdict in ('present', 'gone', 'owed_gone') then 'accepted'
    when coalesce(removal, 'accepted') <> 'accepted' and part = 'add' then case when removal = 'unknown' then 'unknown' else 'deferred' end
    when status = 'rejected' then 'rejected'
    when status = 'unknown' then 'unknown'
    else 'deferred'
  end as status
from verdicts as v`;
  }

  identifierRecords(from: number): string {
    return `select identifier_records from ${this.#identified()} and lo between ${from} and ${from + RECORDS_PAGE - 1}`;
  }

  #identified(): string {
    return `${this.#d.table(this.#t.receipts)} where run_id = ${this.#run} and identifier_records is not null`;
  }

  /** Identifiers of settled members; runs before the snapshot moves. */
  *identifiers(): Generator<string> {
    const table = this.#d.table(this.#t.identifiers);
    const changes = this.#d.table(this.#t.changeIdentifiers);
    const keys = (...verdicts: string[]): string =>
      `(select key from ${SETTLED} where part <> 'owed' and verdict in (${verdicts.map((v) => `'${v}'`).join(', ')}))`;
    // What an accepted removal carried is off the platform.
    yield `delete from ${table} as i where exists (select 1 from ${changes} as c where c.side = 'carried' and c.key = i.key and c.kind = i.kind and c.value = i.value)
      and (i.key in (select key from ${SETTLED} where removal = 'accepted' or (part <> 'owed' and verdict = 'gone')) or (i.owed and i.key in (select key from ${SETTLED} where verdict = 'owed_gone')))`;
    // What is no longer the member's and could not be carried is owed.
    yield `update ${table} as i set owed = true where not i.owed and i.key in ${keys('present', 'gone', 'absent')}
      and not exists (select 1 from ${changes} as c where c.side = 'new' and c.key = i.key and c.kind = i.kind and c.value = i.value and c.key in ${keys('present')})`;
    // What was sent is the member's, hashed as it was sent.
    yield `delete from ${table} as i where i.key in ${keys('present', 'dirty')} and exists (select 1 from ${changes} as c where c.side = 'new' and c.key = i.key and c.kind = i.kind and c.value = i.value)`;
    yield `insert into ${table} (key, kind, rank, value, normaliser, record_id, owed)
      select c.key, c.kind, c.rank, c.value, ${this.#closing.normaliserVersion}, l.record_id, false from ${changes} as c left join ${this.#learned()} as l on l.kind = c.kind and l.value = c.value
      where c.side = 'new' and c.key in ${keys('present', 'dirty')}`;
  }

  #learned(): string {
    return `(select kind, value, max(record_id) as record_id from ${RECORDS} group by kind, value)`;
  }

  /** The rows that replace what is known: whether a record is ours is remembered. */
  #next(moves: boolean, complete: boolean): string {
    const known = this.#known(complete);
    const p = moves ? 'p' : 'q';
    return `select s.key, s.fast, s.strong, s.verdict <> 'present' as dirty, false as departed,
        case when s.verdict <> 'moving' then coalesce(s.new_record_id, s.record_id, ${p}.record_id) end as record_id,
        (coalesce(${p}.created, false) and (s.new_record_id is null or ${p}.record_id is null or s.new_record_id = ${p}.record_id))
          or coalesce(s.new_created, false) or coalesce(s.record_created_at >= coalesce(q.unsure_since, r.started_at), false)
          -- Nothing says when it was made: that we sent it before, without an answer, is the evidence there is.
          or (q.unsure_since is not null and s.record_created_at is null and s.new_record_id is not null) as created,
        case when s.verdict = 'moving' or (s.verdict = 'dirty' and (${p}.key is null or ${p}.unsure_since is not null)) then coalesce(q.unsure_since, r.started_at) end as unsure_since,
        s.owner_key, ${this.#run} as run_id${this.#fieldHashes.map((name) => `, s.${name}`).join('')}
      from ${SETTLED} as s
        left join ${known} as q on q.key = s.key
        ${moves ? `left join ${known} as p on p.key = coalesce(s.previous_key, s.key)` : ''}
        left join ${this.#d.table(this.#t.runs)} as r on r.run_id = ${this.#run}
      where s.part <> 'owed' and s.verdict in ('present', 'dirty', 'moving')`;
  }

  /** Temporary tables that are made of rows which go. */
  *made({ moves }: Tally, complete: boolean): Generator<string> {
    const table = this.#d.table(this.#t.snapshot);
    if (!complete) yield this.#d.createTemporary('dinmo_next', this.#next(moves, complete));
    if (moves) {
      // A new key that another record bears already: where the old record may not go, it stays behind.
      yield this.#d.createTemporary(
        'dinmo_left_behind',
        `select p.key from ${SETTLED} as s join ${table} as p on p.key = s.previous_key
      where s.verdict = 'present' and s.previous_key <> s.key and not s.may_delete and s.new_record_id <> p.record_id`,
      );
    }
  }

  *snapshot({ verdicts, moves }: Tally, complete: boolean): Generator<string> {
    const table = this.#d.table(this.#t.snapshot);
    yield `delete from ${table} where key in (select key from ${SETTLED} where part <> 'owed' and verdict in ('present', 'dirty', 'moving', 'gone', 'absent'))`;
    if (moves) {
      yield `delete from ${table} where key in (select previous_key from ${SETTLED} where verdict = 'present' and previous_key is not null and previous_key not in (select key from dinmo_left_behind))`;
      yield `update ${table} set departed = true where key in (select key from dinmo_left_behind)`;
    }
    const kept = ['fast', 'strong', 'dirty', 'departed', 'record_id', 'created', 'unsure_since', 'owner_key', 'run_id'];
    const columns = [...kept, ...this.#fieldHashes].join(', ');
    const { sentDay } = this.#closing;
    const [day, sent] = sentDay === undefined ? ['', ''] : [', sent_day', `, ${sentDay}`];
    yield `insert into ${table} (key, key_hash, hash_mark, ${columns}${day}) select key, ${this.#d.keyHash('key')}, ${this.#d.hashMark}, ${columns}${sent} from ${complete ? `(${this.#next(moves, complete)}) as next` : 'dinmo_next'}`;
    if (verdicts.has('doubtful') || verdicts.has('moving'))
      yield `update ${table} set dirty = true where key in (select coalesce(previous_key, key) from ${SETTLED} where part <> 'owed' and verdict in ('doubtful', 'moving'))`;
  }

  /**
   * What the snapshot knew of the rows that were sent: the plan of this very run has looked it up. Who closes the run of a
   * process that died looks again.
   */
  #known(complete: boolean): string {
    return complete
      ? `(select s_key as key, s_created as created, s_record_id as record_id, s_unsure_since as unsure_since from ${TEMPORARY.actions} where s_key is not null and action in ('insert', 'update', 'rekey', 'moved', 'delete'))`
      : `(select key, created, record_id, unsure_since from ${this.#d.table(this.#t.snapshot)})`;
  }

  /** Rows of which nobody knows count as sent today. */
  dated(): string {
    return `update ${this.#d.table(this.#t.snapshot)} set sent_day = ${this.#closing.sentDay ?? 'null'} where sent_day is null`;
  }

  /** An owed identifier is nobody's debt once a member whose add was acknowledged holds it. */
  releaseOwed(): string {
    const table = this.#d.table(this.#t.identifiers);
    return `delete from ${table} as o where o.owed and exists (
      select 1 from ${table} as i join ${this.#d.table(this.#t.snapshot)} as s on s.key = i.key and not s.dirty where not i.owed and i.kind = o.kind and i.value = o.value)`;
  }

  /** The snapshot learns what only the plan knew, and its hashes are of one version again. */
  *planOnlyStatements(actions: ReadonlySet<string>): Generator<string> {
    const table = this.#d.table(this.#t.snapshot);
    if (actions.has('refresh') || actions.has('return'))
      yield `update ${table} as p set fast = a.fast, departed = false, owner_key = coalesce(a.owner_key, p.owner_key) from ${TEMPORARY.actions} as a where a.key = p.key and a.action in ('refresh', 'return')`;
    if (actions.has('depart'))
      yield `update ${table} set departed = true where key in (select key from ${TEMPORARY.actions} where action = 'depart')`;
    yield `update ${table} set key_hash = ${this.#d.keyHash('key')}, hash_mark = ${this.#d.hashMark} where hash_mark is distinct from ${this.#d.hashMark}`;
  }

  get #mine(): string {
    return `activation_id = ${this.#d.text(this.#closing.activationId)}`;
  }

  refused(): string {
    return this.#d.createTemporary(
      'dinmo_refused',
      `select s.key, s.op as operation, coalesce(s.code, 'rejected') as code, coalesce(s.message, '') as message, s.strong as fingerprint,
        case when r.fingerprint is not distinct from s.strong then coalesce(r.attempts, 0) else 0 end + 1 as attempts, coalesce(r.first_seen_at, ${this.#d.now}) as first_seen_at
      from ${SETTLED} as s left join ${this.#d.table(this.#t.rejections)} as r on r.${this.#mine} and r.key = s.key and r.operation = s.op
      where s.status = 'rejected'`,
    );
  }

  *rejections(complete: boolean): Generator<string> {
    const table = this.#d.table(this.#t.rejections);
    const settled = `key in (select key from ${SETTLED} where status in ('accepted', 'rejected'))`;
    const left =
      complete && this.#closing.onlyOne !== true
        ? ` or key not in (select key from ${TEMPORARY.actions} where key is not null and action <> 'invalid')`
        : '';
    yield `delete from ${table} where ${this.#mine} and (${settled}${left})`;
    yield `insert into ${table} (activation_id, key, operation, code, message, attempts, parked, first_seen_at, last_seen_at, run_id, fingerprint)
      select ${this.#d.text(this.#closing.activationId)}, key, operation, code, message, attempts, operation <> 'delete' and attempts >= ${this.#closing.attempts}, first_seen_at, ${this.#d.now}, ${this.#run}, fingerprint from dinmo_refused`;
  }

  /** Of those that were just refused: nothing else has this run's id. */
  newlyParked(): string {
    return `select count(*) as row_count from dinmo_refused where operation <> 'delete' and attempts >= ${this.#closing.attempts}`;
  }
}
