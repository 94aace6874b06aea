import type { Operation } from '../artifacts/annotation.ts';
import type { StateDialect, StateType } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type RowNumbers, rowNumbers, TEMPORARY } from './candidates.ts';
import type { DiffJob } from './job.ts';
import { RowContent } from './row-content.ts';
import { createTableAs, plannedChanges } from './state-tables.ts';

/**
 * Turns actions into what is sent, in order: 1 inserts, and updates that keep their identifiers; 2 removals of leavers and
 * of changed members' old identifiers; 3 changed members, whole. Left in the job's table of changes, numbered by `seq`,
 * without their content. A leaver that has nothing to carry is `free`: it needs no request.
 */
export async function arrangeChanges(warehouse: Warehouse, job: DiffJob): Promise<void> {
  const sql = new ChangeSql(warehouse.state, job);
  if (job.facts.identifiers !== null) {
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.claimed, sql.claimed()));
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.carried, sql.carried()));
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.wire, sql.wire()));
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.changed, sql.changed()));
  }
  const kinds = [...(job.facts.identifiers === null ? sql.rows() : sql.members())];
  await warehouse.run(
    createTableAs(warehouse.state, plannedChanges(warehouse.state, job), await numbered(warehouse, kinds)),
  );
}

/** The changes of these kinds, one kind after the other, each in the order of its rows, numbered by `seq` from 1. */
async function numbered(warehouse: Warehouse, kinds: readonly ChangeKind[]): Promise<string> {
  const rows = await warehouse.query(
    `select action, count(*) as row_count, min(n) as first, max(n) as last from ${TEMPORARY.actions} group by action`,
  );
  const taken = new Map(rows.map((row) => [row['action'], row]));
  // Nothing is asked of rows that there are not.
  const some = kinds.filter(({ action }) => action === 'owed' || taken.has(action));
  const [only = kinds[0], ...more] = some;
  if (only === undefined) throw new TypeError('no kind of change');
  const { row_count: size, first, last } = taken.get(only.action) ?? {};
  // Of a first sync all rows are sent, one change each: they are numbered already.
  if (more.length === 0 && only.each && Number(size) === Number(last) - Number(first) + 1)
    return `select n - ${Number(first) - 1} as seq, 0 as place, arranged.* from (${only.sql}) as arranged order by n`;
  const places = (more.length === 0 ? [only] : some).map(
    ({ sql }, place) => `select ${place} as place, kind.* from (${sql}) as kind`,
  );
  return warehouse.state.numbered(places.join(' union all '));
}

/** Neighbouring changes, and the numbers of their rows in `dinmo_joined`. */
export interface ChangePage {
  readonly phase: number;
  readonly lo: number;
  readonly hi: number;
  readonly rows: { readonly lo: number; readonly hi: number } | null;
  readonly numbers: RowNumbers;
  /** What is true of every change of the page, where their rows stand side by side as they do; else null. */
  readonly alike: { readonly operation: Operation; readonly fresh: boolean } | null;
}

/** All changes in pages of at most `size`, each of one phase, in order. */
export async function changePages(warehouse: Warehouse, job: DiffJob, size: number): Promise<readonly ChangePage[]> {
  const { every } = warehouse.state;
  const pages = await warehouse.query(
    `select phase, min(seq) as lo, max(seq) as hi, min(n) as first, max(n) as last, min(wire) as wire, ${every('fresh')} as fresh,
      count(*) = max(seq) - min(seq) + 1 and min(n - seq) = max(n - seq) and min(wire) = max(wire) and min(wire) <> 'delete'
        and (${every('fresh')} or ${every('not fresh')}) and ${every("part = 'whole'")} as alike
    from ${warehouse.state.table(job.tables.changes)} group by phase, floor((seq - 1) / ${size}) order by 1, 2`,
  );
  if (pages.length === 0) return [];
  const numbers = await rowNumbers(warehouse);
  return pages.map((page) => ({
    numbers,
    phase: Number(page['phase']),
    lo: Number(page['lo']),
    hi: Number(page['hi']),
    rows: page['first'] === null ? null : { lo: Number(page['first']), hi: Number(page['last']) },
    alike: page['alike'] === true ? { operation: page['wire'] as Operation, fresh: page['fresh'] === true } : null,
  }));
}

/**
 * The changes of a page with their content, as they will be sent: made of the rows as the plan found them, whatever happens
 * meanwhile to those that they came from. A `free` leaver needs no request.
 */
export function outgoingChanges(dialect: StateDialect, job: DiffJob, page: ChangePage): string {
  return `${new ChangeSql(dialect, job).outgoing(page)} order by seq`;
}

/**
 * The same as whole batches: one row for each operation and `size` neighbouring changes, with `lo`, `hi`, `size`, `wire` and `text`, the
 * rows as JSON side by side. For rows that are known by key alone.
 */
export function outgoingTexts(
  dialect: StateDialect,
  job: DiffJob,
  { page, size }: { readonly page: ChangePage; readonly size: number },
): string {
  return new ChangeSql(dialect, job).texts(page, size);
}

/** Gives back what held the content of the changes: nothing more is sent. */
export async function releaseContent(warehouse: Warehouse): Promise<void> {
  await warehouse.run(warehouse.state.dropTemporary(TEMPORARY.joined));
}

/** Changes of one kind: those that one action leads to, or nobody's (`owed`). */
interface ChangeKind {
  readonly action: 'insert' | 'update' | 'rekey' | 'delete' | 'owed';
  /** Every row with that action makes one change. */
  readonly each: boolean;
  readonly sql: string;
}

const OPERATIONS: readonly Operation[] = ['insert', 'update', 'delete'];
const PARTS = ['whole', 'remove', 'add', 'owed', 'free'];

class ChangeSql {
  readonly #d: StateDialect;
  readonly #job: DiffJob;
  readonly #identifiers: string;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
    this.#identifiers = dialect.table(job.tables.identifiers);
  }

  /** Identifiers that a remaining member holds: as it will be sent, or as it was. Never carried by a removal. */
  claimed(): string {
    return `select kind, value from (
  select i.kind, i.value from ${TEMPORARY.newIdentifiers} as i join ${TEMPORARY.actions} as a on a.n = i.n where a.action in ('insert', 'update', 'parked', 'skip')
  union all
  select i.kind, i.value from ${this.#identifiers} as i where not i.owed and i.key not in (select key from ${TEMPORARY.actions} where action in ('update', 'delete') and key is not null)
) as held group by kind, value`;
  }

  /** Old identifiers that this run takes from the platform: of leavers, of changed members, and owed ones that nobody holds. */
  carried(): string {
    const { only, operations } = this.#job;
    const owed = operations.includes('delete');
    const whose = only === undefined ? '' : ` and i.key = ${this.#d.text(only)}`;
    return `select i.key, i.kind, i.rank, i.value, i.record_id, coalesce(a.action, 'owed') as action, a.n
  from ${this.#identifiers} as i
  left join ${TEMPORARY.actions} as a on a.key = i.key and a.action in ('update', 'delete')
  where (a.n is not null${owed ? ' or i.owed' : ''})${whose}
    and not exists (select 1 from ${TEMPORARY.claimed} as h where h.kind = i.kind and h.value = i.value)
    and not (coalesce(a.action, 'owed') = 'update' and exists (select 1 from ${TEMPORARY.newIdentifiers} as x where x.n = a.n and x.kind = i.kind and x.value = i.value))`;
  }

  wire(): string {
    const { text } = this.#d;
    const member = `'[' || ${this.#d.jsonText('kind')} || ',' || cast(rank as ${this.#d.type('text')}) || ',' || ${this.#d.jsonText('value')} || ',' || coalesce(${this.#d.jsonText('record_id')}, 'null') || ']'`;
    return `select key, ${text('[')} || ${this.#d.joinTexts(member, { separator: "','", order: 'kind, rank, value' })} || ${text(']')} as wire_ids from ${TEMPORARY.carried} group by key`;
  }

  /** Whether any identifier that was sent is no longer the member's: only then is an update two halves. */
  changed(): string {
    return `select distinct a.n from ${TEMPORARY.actions} as a join ${this.#identifiers} as i on i.key = a.key
    where a.action = 'update' and not exists (select 1 from ${TEMPORARY.newIdentifiers} as x where x.n = a.n and x.kind = i.kind and x.value = i.value)`;
  }

  /** Changes of members, in the order in which they are sent. */
  *members(): Generator<ChangeKind> {
    const actions = `${TEMPORARY.actions} as a`;
    const base = `a.key, a.fast, a.strong, a.s_record_id as record_id, ${this.#nothing('text', 'previous_key')}, false as may_delete, ${this.#nothing('timestamp', 'created_since')}, a.owner_key, a.n`;
    const changed = `a.n in (select n from ${TEMPORARY.changed})`;
    type Sent = 'insert' | 'update' | 'delete';
    const sent = (phase: number, part: string, action: Sent, which = 'true'): ChangeKind => ({
      action,
      each: false,
      sql: `select ${phase} as phase, ${this.#what(action, part, action)}, ${this.#fresh()} as fresh, a.wire_ids, ${base} from ${actions} left join ${TEMPORARY.wire} as c on c.key = a.key where a.action = '${action}' and ${which}`,
    });
    const removed = (part: string, join: string, action: Sent, which = 'true'): ChangeKind => ({
      action,
      each: false,
      sql: `select 2 as phase, ${this.#what(action, part, 'delete')}, ${this.#nothing('boolean', 'fresh')}, c.wire_ids, ${base} from ${actions} ${join} ${TEMPORARY.wire} as c on c.key = a.key where a.action = '${action}' and ${which}`,
    });
    yield sent(1, "'whole'", 'insert');
    yield sent(1, "'whole'", 'update', `not ${changed}`);
    yield removed("case when c.key is null then 'free' else 'whole' end", 'left join', 'delete');
    yield removed("'remove'", 'join', 'update', changed);
    yield {
      action: 'owed',
      each: false,
      sql: `select 2 as phase, ${this.#what('delete', "'owed'", 'delete')}, ${this.#nothing('boolean', 'fresh')}, c.wire_ids, c.key, ${this.#nothing('fast_hash', 'fast')}, ${this.#nothing('strong_hash', 'strong')}, ${this.#nothing('text', 'record_id')}, ${this.#nothing('text', 'previous_key')}, false as may_delete, ${this.#nothing('timestamp', 'created_since')}, ${this.#nothing('text', 'owner_key')}, ${this.#nothing('bigint', 'n')}
  from ${TEMPORARY.wire} as c where c.key not in (select key from ${TEMPORARY.actions} where action in ('update', 'delete') and key is not null)`,
    };
    yield sent(3, "case when c.key is null then 'whole' else 'add' end", 'update', changed);
  }

  #nothing(type: StateType, name: string): string {
    return `cast(null as ${this.#d.type(type)}) as ${name}`;
  }

  /** What is counted, which part of it this is, and what goes over the wire. */
  #what(op: Operation, part: string, wire: Operation): string {
    const symbol = (expression: string, among: readonly string[]): string => this.#d.symbol(expression, among);
    return `${symbol(`'${op}'`, OPERATIONS)} as op, ${symbol(part, PARTS)} as part, ${symbol(`'${wire}'`, OPERATIONS)} as wire`;
  }

  /**
   * Rows addressed by key or field: each operation is one thing to send. What is updated in place goes first, since the record
   * may stand under a key that another row takes now; removals go last.
   */
  *rows(): Generator<ChangeKind> {
    const rows = (phase: number, action: 'insert' | 'update' | 'rekey' | 'delete', wire: Operation): ChangeKind => ({
      action,
      each: true,
      sql: `select ${phase} as phase, ${this.#what(wire, "'whole'", wire)}, ${this.#fresh()} as fresh, a.wire_ids, a.key, a.fast, a.strong,
    -- In doubt, which record stands under the key is for the platform to say.
    case when a.action = 'delete' and a.s_dirty then null else coalesce(a.in_place_id, a.s_record_id) end as record_id,
    a.previous_key, a.may_delete, case when a.action = 'delete' then a.created_since end as created_since, a.owner_key, a.n${this.#fieldHashes()}
  from ${TEMPORARY.actions} as a where a.action = '${action}'`,
    });
    yield rows(1, 'rekey', 'update');
    yield rows(2, 'insert', 'insert');
    yield rows(2, 'update', 'update');
    yield rows(3, 'delete', 'delete');
  }

  /** Whether the platform gets the row for the first time, as far as we know. */
  #fresh(): string {
    return "((a.s_key is null or a.s_unsure_since is not null) and a.action <> 'rekey')";
  }

  /** With what the platform holds of an update's fields; NULL where any of them may be otherwise, so that all are sent. */
  #fieldHashes(): string {
    const { changedFieldsOnly, everything } = this.#job;
    if (changedFieldsOnly !== true) return '';
    const isSure = `a.action = 'update' and a.kind = 'update' and not a.s_dirty and not a.s_departed and a.s_unsure_since is null`;
    const held = everything
      ? this.#nothing('text', 'held_hashes')
      : `case when ${isSure} then a.s_field_hashes end as held_hashes`;
    return `, a.field_hashes, ${held}`;
  }

  texts(page: ChangePage, size: number): string {
    const row = `concat('{"key":', key_json, coalesce(',"fields":' || fields, ''), '}')`;
    return `select min(seq) as lo, max(seq) as hi, count(*) as size, wire, ${this.#d.joinTexts(row, { separator: "',' || chr(10)", order: 'seq' })} as text
    from (${this.#alike(page) ?? this.outgoing(page)}) as o group by wire, floor((seq - ${page.lo}) / ${size}) order by 1`;
  }

  /** The same rows where they stand side by side, with what texts are made of: nothing has to be looked up. */
  #alike({ lo, rows, numbers, alike }: ChangePage): string | null {
    if (alike === null || rows === null) return null;
    const content = new RowContent(this.#d, this.#job);
    return `select ${numbers.n} + ${lo - rows.lo} as seq, ${this.#d.text(alike.operation)} as wire, ${this.#keyJson('c_key')} as key_json, ${content.fields(String(alike.fresh))} as fields
    from ${TEMPORARY.joined} where ${numbers.between(rows.lo, rows.hi)}`;
  }

  outgoing({ lo, hi, rows, numbers }: ChangePage): string {
    const content = new RowContent(this.#d, this.#job);
    const part = rows === null ? 'false' : numbers.between(rows.lo, rows.hi);
    return `select c.seq, c.part, c.wire, c.key, ${this.#keyJson('c.key')} as key_json,
      case when c.wire <> 'delete' then ${content.fields('c.fresh')} end as fields, event_time,
      c.wire_ids, c.record_id, c.previous_key, c.may_delete, c.created_since${this.#job.changedFieldsOnly === true ? ', c.field_hashes, c.held_hashes' : ''}
    from ${this.#d.table(this.#job.tables.changes)} as c left join (select *, ${numbers.n} as row_n from ${TEMPORARY.joined} where ${part}) as j on j.row_n = c.n
    where c.seq between ${lo} and ${hi} and c.part <> 'free'`;
  }

  #keyJson(key: string): string {
    const { destinationKey, keys } = this.#job.source;
    return this.#d.keyJson(key, destinationKey ? [{ ...destinationKey, dataType: 'VARCHAR' }] : keys);
  }
}
