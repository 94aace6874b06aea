import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { isAppendOnly, isKeyedByField, TEMPORARY } from './candidates.ts';
import type { DiffJob } from './job.ts';

/**
 * What is done about a candidate: `insert`, `update`, `rekey` (an update in place under a new destination key), `delete`;
 * `invalid`, `parked`, `skip` (the operation is not allowed), and what only the snapshot learns: `refresh` (fast fingerprint),
 * `return` (back from departed), `depart` (left, and stays at the destination), `forget` (somebody else's now), `keep`.
 */
export async function decideActions(warehouse: Warehouse, job: DiffJob): Promise<void> {
  const sql = new ActionSql(warehouse.state, job);
  await warehouse.run(warehouse.state.createTemporary(TEMPORARY.actions, sql.actions()));
}

class ActionSql {
  readonly #d: StateDialect;
  readonly #job: DiffJob;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
  }

  #allows(operation: 'insert' | 'update' | 'delete'): boolean {
    return this.#job.operations.includes(operation);
  }

  /** A row that no longer belongs at the destination. */
  #removal(): string {
    const keep: string[] = [];
    if (isKeyedByField(this.#job)) {
      for (const other of this.#job.otherSnapshots)
        keep.push(`when key in (select key from ${this.#d.table(other)} where not departed) then 'forget'`);
      if (!this.#job.deleteExisting)
        keep.push("when not coalesce(s_created, false) then case when s_departed then 'keep' else 'depart' end");
    }
    const otherwise = this.#allows('delete') ? "'delete'" : "case when s_departed then 'keep' else 'depart' end";
    return `case ${keep.join(' ')} when true then ${otherwise} end`;
  }

  #rejections(): string {
    if (this.#job.rejections === null)
      return '(select cast(null as varchar) as r_key, cast(null as varchar) as r_strong, false as r_parked where false)';
    return `(select key as r_key, fingerprint as r_strong, parked as r_parked from ${this.#d.table(this.#job.rejections)} where activation_id = ${this.#d.text(this.#job.activationId)} and operation <> 'delete')`;
  }

  actions(): string {
    const send = (operation: 'insert' | 'update'): string => (this.#allows(operation) ? `'${operation}'` : "'skip'");
    // Events know no update; a fact whose answer was lost is sent again as what the service allows.
    const appends = isAppendOnly(this.#job) && (this.#job.facts.service === 'events' || !this.#allows('update'));
    const update = appends ? send('insert') : send('update');
    const rekey = this.#rekey();
    return `with judged as (
  select c.*, p.invalid, coalesce(p.leaves, false) as leaves, p.wire_ids, coalesce(r.r_parked and r.r_strong = c.strong, false) as parked
  from ${TEMPORARY.candidates} as c
  left join ${TEMPORARY.prepared} as p on p.n = c.n
  left join ${this.#rejections()} as r on r.r_key = c.key
),
decided as (
  select j.*,
    case
      when kind in ('null_key', 'duplicate', 'shadowed') or key is null then 'invalid'
      when kind = 'stuck' then 'keep'
      when invalid is not null and leaves and s_key is not null then ${this.#removal()}
      when invalid is not null then 'invalid'
      when kind = 'leaver' then ${this.#removal()}
      when kind = 'same' then 'refresh'
      when kind = 'return' then 'return'
      when parked then 'parked'
      when kind = 'insert' then ${send('insert')}
      else ${update}
    end as action,
    case
      when kind = 'null_key' then 'null-key'
      when kind = 'duplicate' then 'duplicate-key'
      when kind = 'shadowed' then 'duplicate-destination-key'
      when key is null then 'no-destination-key'
      else invalid
    end as reason
  from judged as j
)
${rekey}`;
  }

  /** A row whose destination key moves from one that nobody holds any more to one that the platform does not know: one update in place. */
  #rekey(): string {
    const possible = isKeyedByField(this.#job) && this.#job.facts.recordIds && this.#allows('update');
    if (!possible)
      return 'select d.*, cast(null as varchar) as previous_key, cast(null as varchar) as in_place_id, false as may_delete from decided as d';
    const mayDelete = this.#allows('delete')
      ? this.#job.deleteExisting
        ? 'true'
        : 'coalesce(gone.s_created, false)'
      : 'false';
    const other = this.#job.otherSnapshots
      .map((table) => ` and gone.key not in (select key from ${this.#d.table(table)} where not departed)`)
      .join('');
    return `, moved as (
  select new.n as new_n, gone.n as gone_n, gone.key as previous_key, gone.s_record_id as in_place_id, ${mayDelete} as may_delete
  from decided as new
  join decided as gone on gone.s_owner_key = new.owner_key
  where new.kind = 'insert' and new.action in ('insert', 'skip') and gone.kind = 'leaver' and gone.action in ('delete', 'depart', 'keep') and not gone.s_departed
    and gone.s_record_id is not null${other}
)
select d.* replace (case when m.new_n is not null then 'rekey' when g.gone_n is not null then 'moved' else d.action end as action), m.previous_key, m.in_place_id, coalesce(m.may_delete, false) as may_delete
from decided as d
left join moved as m on m.new_n = d.n
left join moved as g on g.gone_n = d.n`;
  }
}
