import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type RowNumbers, rowNumbers, TEMPORARY } from './candidates.ts';
import type { DiffJob } from './job.ts';
import { RowContent } from './row-content.ts';
import { CHANGE_COLUMNS } from './state-tables.ts';

/**
 * Turns actions into what is sent, in order: 1 inserts, and updates that keep their identifiers; 2 removals of leavers and
 * of changed members' old identifiers; 3 changed members, whole. Left in the temporary table `dinmo_changes`, numbered by
 * `seq`, without their content. A leaver that has nothing to carry is `free`: it needs no request.
 */
export async function arrangeChanges(warehouse: Warehouse, job: DiffJob): Promise<void> {
  const sql = new ChangeSql(warehouse.state, job);
  if (job.facts.identifiers !== null) {
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.claimed, sql.claimed()));
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.carried, sql.carried()));
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.wire, sql.wire()));
    await warehouse.run(warehouse.state.createTemporary(TEMPORARY.changed, sql.changed()));
    await warehouse.run(
      warehouse.state.createTemporary(TEMPORARY.changes, warehouse.state.numbered([...sql.members()])),
    );
    return;
  }
  await warehouse.run(warehouse.state.createTemporary(TEMPORARY.changes, warehouse.state.numbered([...sql.rows()])));
}

/** What settlement needs of the changes, as a query with the columns of the change table. */
export function frozenChanges(): string {
  return `select ${CHANGE_COLUMNS.map(({ name }) => name).join(', ')} from ${TEMPORARY.changes}`;
}

/** Neighbouring changes, and the numbers of their rows in `dinmo_joined`. */
export interface ChangePage {
  readonly lo: number;
  readonly hi: number;
  readonly rows: { readonly lo: number; readonly hi: number } | null;
  readonly numbers: RowNumbers;
}

/** The changes of one phase in pages of at most `size`, in order. */
export async function changePages(warehouse: Warehouse, phase: number, size: number): Promise<readonly ChangePage[]> {
  const pages = await warehouse.query(
    `select min(seq) as lo, max(seq) as hi, min(n) as first, max(n) as last from ${TEMPORARY.changes}
    where phase = ${phase} group by floor((seq - 1) / ${size}) order by 1`,
  );
  const numbers = await rowNumbers(warehouse);
  return pages.map((page) => ({
    numbers,
    lo: Number(page['lo']),
    hi: Number(page['hi']),
    rows: page['first'] === null ? null : { lo: Number(page['first']), hi: Number(page['last']) },
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
  for (const name of [TEMPORARY.changes, TEMPORARY.joined]) await warehouse.run(warehouse.state.dropTemporary(name));
}

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
) group by kind, value`;
  }

  /** Old identifiers that this run takes from the platform: of leavers, of changed members, and owed ones that nobody holds. */
  carried(): string {
    const owed = this.#job.operations.includes('delete');
    return `select i.key, i.kind, i.rank, i.value, i.record_id, coalesce(a.action, 'owed') as action, a.n
  from ${this.#identifiers} as i
  left join ${TEMPORARY.actions} as a on a.key = i.key and a.action in ('update', 'delete')
  where (a.n is not null${owed ? ' or i.owed' : ''})
    and not exists (select 1 from ${TEMPORARY.claimed} as h where h.kind = i.kind and h.value = i.value)
    and not (coalesce(a.action, 'owed') = 'update' and exists (select 1 from ${TEMPORARY.newIdentifiers} as x where x.n = a.n and x.kind = i.kind and x.value = i.value))`;
  }

  wire(): string {
    const { text } = this.#d;
    const member = `'[' || to_json(kind) || ',' || cast(rank as ${this.#d.type('text')}) || ',' || to_json(value) || ',' || coalesce(cast(to_json(record_id) as ${this.#d.type('text')}), 'null') || ']'`;
    return `select key, ${text('[')} || string_agg(${member}, ',' order by kind, rank, value) || ${text(']')} as wire_ids from ${TEMPORARY.carried} group by key`;
  }

  /** Whether any identifier that was sent is no longer the member's: only then is an update two halves. */
  changed(): string {
    return `select distinct a.n from ${TEMPORARY.actions} as a join ${this.#identifiers} as i on i.key = a.key
    where a.action = 'update' and not exists (select 1 from ${TEMPORARY.newIdentifiers} as x where x.n = a.n and x.kind = i.kind and x.value = i.value)`;
  }

  /** Changes of members, in the order in which they are sent. */
  *members(): Generator<string> {
    const actions = `${TEMPORARY.actions} as a`;
    const base =
      'a.key, a.fast, a.strong, a.s_record_id as record_id, cast(null as varchar) as previous_key, false as may_delete, null as created_since, a.owner_key, a.n';
    const changed = `a.n in (select n from ${TEMPORARY.changed})`;
    const sent = (phase: number, part: string, action: string): string =>
      `select ${phase} as phase, a.action as op, ${part} as part, a.action as wire, ${this.#fresh()} as fresh, a.wire_ids, ${base} from ${actions} left join ${TEMPORARY.wire} as c on c.key = a.key where ${action}`;
    const removed = (part: string, join: string, action: string): string =>
      `select 2 as phase, a.action as op, ${part} as part, 'delete' as wire, null as fresh, c.wire_ids, ${base} from ${actions} ${join} ${TEMPORARY.wire} as c on c.key = a.key where ${action}`;
    yield sent(1, "'whole'", "a.action = 'insert'");
    yield `${sent(1, "'whole'", `a.action = 'update' and not ${changed}`)}`;
    yield `${removed("case when c.key is null then 'free' else 'whole' end", 'left join', "a.action = 'delete'")}`;
    yield `${removed("'remove'", 'join', `a.action = 'update' and ${changed}`)}`;
    yield `select 2 as phase, 'delete' as op, 'owed' as part, 'delete' as wire, null as fresh, c.wire_ids, c.key, cast(null as ${this.#d.type('fast_hash')}) as fast, cast(null as ${this.#d.type('strong_hash')}) as strong, null as record_id, null as previous_key, false as may_delete, null as created_since, null as owner_key, null as n
  from ${TEMPORARY.wire} as c where c.key not in (select key from ${TEMPORARY.actions} where action in ('update', 'delete') and key is not null)`;
    yield `${sent(3, "case when c.key is null then 'whole' else 'add' end", `a.action = 'update' and ${changed}`)}`;
  }

  /**
   * Rows addressed by key or field: each operation is one thing to send. What is updated in place goes first, since the record
   * may stand under a key that another row takes now; removals go last.
   */
  *rows(): Generator<string> {
    const rows = (phase: number, action: string, wire: string): string =>
      `select ${phase} as phase, '${wire}' as op, 'whole' as part, '${wire}' as wire, ${this.#fresh()} as fresh, a.wire_ids, a.key, a.fast, a.strong,
    -- In doubt, which record stands under the key is for the platform to say.
    case when a.action = 'delete' and a.s_dirty then null else coalesce(a.in_place_id, a.s_record_id) end as record_id,
    a.previous_key, a.may_delete, case when a.action = 'delete' then a.created_since end as created_since, a.owner_key, a.n
  from ${TEMPORARY.actions} as a where a.action = '${action}'`;
    yield rows(1, 'rekey', 'update');
    yield rows(2, 'insert', 'insert');
    yield rows(2, 'update', 'update');
    yield rows(3, 'delete', 'delete');
  }

  /** Whether the platform gets the row for the first time, as far as we know. */
  #fresh(): string {
    return "((a.s_key is null or a.s_unsure_since is not null) and a.action <> 'rekey')";
  }

  texts(page: ChangePage, size: number): string {
    const row = `'{"key":' || key_json || case when fields is null then '' else ',"fields":' || fields end || '}'`;
    return `select min(seq) as lo, max(seq) as hi, count(*) as size, wire, string_agg(${row}, ',' || chr(10) order by seq) as text
    from (${this.outgoing(page)}) as o group by wire, floor((seq - ${page.lo}) / ${size}) order by 1`;
  }

  outgoing({ lo, hi, rows, numbers }: ChangePage): string {
    const content = new RowContent(this.#d, this.#job);
    const keyColumns = this.#job.source.destinationKey
      ? [{ ...this.#job.source.destinationKey, dataType: 'VARCHAR' }]
      : this.#job.source.keys;
    const part = rows === null ? 'false' : numbers.between(rows.lo, rows.hi);
    return `select c.seq, c.part, c.wire, c.key, ${this.#d.keyJson('c.key', keyColumns)} as key_json,
      case when c.wire <> 'delete' then ${content.fields('c.fresh')} end as fields, event_time,
      c.wire_ids, c.record_id, c.previous_key, c.may_delete, c.created_since
    from ${TEMPORARY.changes} as c left join (select *, ${numbers.n} as row_n from ${TEMPORARY.joined} where ${part}) as j on j.row_n = c.n
    where c.seq between ${lo} and ${hi} and c.part <> 'free'`;
  }
}
