import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { TableName, Warehouse } from '../warehouse/warehouse.ts';
import { TEMPORARY } from './candidates.ts';
import { isAppendOnly, isKeyedByField } from './current-rows.ts';
import type { DiffJob } from './job.ts';
import { noRows } from './state-tables.ts';

/**
 * What is done about a candidate: `insert`, `update`, `rekey` (an update in place under a new destination key), `delete`;
 * `invalid`, `parked`, `skip` (the operation is not allowed), and what only the snapshot learns: `refresh` (fast fingerprint),
 * `return` (back from departed), `depart` (left, and stays at the destination), `keep`; and `moved` (its record goes on under
 * another key).
 */
export async function decideActions(warehouse: Warehouse, job: DiffJob, candidates: string): Promise<void> {
  const sql = new ActionSql(warehouse.state, job);
  await warehouse.run(warehouse.state.createTemporary(TEMPORARY.actions, sql.actions(candidates)));
}

/** What is kept of every candidate. */
const CANDIDATE = [
  'n',
  'kind',
  'key',
  'owner_key',
  'fast',
  'strong',
  's_key',
  's_dirty',
  's_departed',
  's_record_id',
  's_created',
  's_unsure_since',
  's_owner_key',
] as const;
/** What is judged of it, beside the action. */
const JUDGED = ['invalid', 'leaves', 'wire_ids', 'parked', 'reason', 'created_since'] as const;

class ActionSql {
  readonly #d: StateDialect;
  readonly #job: DiffJob;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
  }

  /** What is kept of a candidate. */
  get #kept(): readonly string[] {
    return this.#job.changedFieldsOnly === true ? [...CANDIDATE, 'field_hashes', 's_field_hashes'] : CANDIDATE;
  }

  #allows(operation: 'insert' | 'update' | 'delete'): boolean {
    return this.#job.operations.includes(operation);
  }

  /** A row that no longer belongs at the destination. */
  #removal(): string {
    const stays: string[] = [];
    if (isKeyedByField(this.#job)) {
      stays.push(this.#isHeldElsewhere('key'), this.#isHeldElsewhere('s_record_id', 'record_id'));
      if (!this.#job.deleteExisting) stays.push(`not ${this.#isOurs()} and s_unsure_since is null`);
    }
    if (!this.#allows('delete')) stays.push('true');
    const rules = stays.map((rule) => `when ${rule} then case when s_departed then 'keep' else 'depart' end`);
    return `case ${rules.join(' ')} when true then 'delete' end`;
  }

  /** Whether another activation of the destination holds the key (or the record, under whatever key), or may be about to. */
  #isHeldElsewhere(value: string, column: 'key' | 'record_id' = 'key'): string {
    const held = (table: TableName, condition: string): string =>
      `select ${column} from ${this.#d.table(table)} where ${condition} and ${column} is not null`;
    const holders = [
      ...this.#job.otherSnapshots.map((table) => held(table, 'not departed')),
      ...this.#job.otherChanges.map((table) => held(table, "wire <> 'delete'")),
    ];
    return holders.length === 0 ? 'false' : `coalesce(${value} in (${holders.join(' union all ')}), false)`;
  }

  /** Whether the record was made for us, by whichever activation of the destination. */
  #isOurs(): string {
    const made = (value: string, column: string): string[] =>
      this.#job.otherSnapshots.map(
        (table) =>
          ` or coalesce(${value} in (select ${column} from ${this.#d.table(table)} where created and ${column} is not null), false)`,
      );
    return `(coalesce(s_created, false)${[...made('key', 'key'), ...made('s_record_id', 'record_id')].join('')})`;
  }

  #rejections(): string {
    if (this.#job.rejections === null)
      return `(${noRows(this.#d, [
        { name: 'r_key', type: 'text' },
        { name: 'r_strong', type: 'strong_hash' },
        { name: 'r_parked', type: 'boolean' },
      ])})`;
    return `(select key as r_key, fingerprint as r_strong, parked as r_parked from ${this.#d.table(this.#job.rejections)} where activation_id = ${this.#d.text(this.#job.activationId)} and operation <> 'delete')`;
  }

  actions(candidates: string): string {
    const send = (operation: 'insert' | 'update'): string => (this.#allows(operation) ? `'${operation}'` : "'skip'");
    // Events know no update; a fact whose answer was lost is sent again as what the service allows.
    const appends = isAppendOnly(this.#job) && (this.#job.facts.service === 'events' || !this.#allows('update'));
    // An insert whose answer was lost is still an insert where no update is allowed.
    const update = appends
      ? send('insert')
      : this.#allows('update')
        ? send('update')
        : `case when s_unsure_since is null then 'skip' else ${send('insert')} end`;
    const rekey = this.#rekey();
    // Nothing of the row has changed: where no update is allowed, it is the same insert once more.
    const renewal =
      this.#job.renewal === undefined
        ? ''
        : `when kind = 'renewal' then ${send(this.#allows('update') ? 'update' : 'insert')}\n      `;
    return `with judged as (
  select ${this.#kept.map((name) => `c.${name}`).join(', ')}, p.invalid, coalesce(p.leaves, false) as leaves, p.wire_ids, coalesce(r.r_parked and r.r_strong = c.strong, false) as parked
  from ${candidates} as c
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
      ${renewal}else ${update}
    end as action,
    case
      when kind = 'null_key' then 'null-key'
      when kind = 'duplicate' then 'duplicate-key'
      when kind = 'shadowed' then 'duplicate-destination-key'
      when key is null then 'no-destination-key'
      else invalid
    end as reason,
    ${this.#createdSince()} as created_since
  from judged as j
)
${rekey}`;
  }

  /** Where the insert was never acknowledged, it is not known whether the record was there before us: only the platform can tell. */
  #createdSince(): string {
    if (!isKeyedByField(this.#job) || this.#job.deleteExisting) return `cast(null as ${this.#d.type('timestamp')})`;
    return `case when ${this.#isOurs()} then null else s_unsure_since end`;
  }

  /**
   * A row whose destination key moves from one that nobody holds any more to one that the platform does not know: one update
   * in place. And a row of a record that may stand under another key, since the answer to such an update was lost: it is found
   * by its record id.
   */
  #rekey(): string {
    const possible = isKeyedByField(this.#job) && this.#job.facts.recordIds && this.#allows('update');
    if (!possible)
      return `select d.*, cast(null as ${this.#d.type('text')}) as previous_key, cast(null as ${this.#d.type('text')}) as in_place_id, false as may_delete from decided as d`;
    const mayDelete = this.#allows('delete')
      ? this.#job.deleteExisting
        ? 'true'
        : 'coalesce(gone.s_created, false)'
      : 'false';
    const found = `(d.action = 'update' and d.s_dirty and d.s_record_id is not null and not ${this.#isHeldElsewhere('d.s_record_id', 'record_id')})`;
    return `, moved as (
  select comer.n as new_n, gone.n as gone_n, gone.key as previous_key, gone.s_record_id as in_place_id, ${mayDelete} as may_delete,
    row_number() over (partition by comer.n order by gone.key) as choice
  from decided as comer
  join decided as gone on gone.s_owner_key = comer.owner_key
  where (comer.kind = 'insert' or (comer.kind = 'update' and comer.s_unsure_since is not null and comer.s_owner_key = comer.owner_key and comer.s_record_id is null))
    and comer.action in ('insert', 'update', 'skip') and gone.kind = 'leaver' and gone.action in ('delete', 'depart', 'keep') and not gone.s_departed
    and gone.s_record_id is not null and not ${this.#isHeldElsewhere('gone.key')}
)
select ${[...this.#kept, ...JUDGED].map((name) => `d.${name}`).join(', ')},
  case when m.new_n is not null then 'rekey' when g.gone_n is not null then 'moved' when ${found} then 'rekey' else d.action end as action,
  case when m.new_n is not null then m.previous_key when ${found} then d.key end as previous_key,
  case when m.new_n is not null then m.in_place_id when ${found} then d.s_record_id end as in_place_id,
  coalesce(m.may_delete, false) as may_delete
from decided as d
left join moved as m on m.new_n = d.n and m.choice = 1
left join moved as g on g.gone_n = d.n and g.choice = 1`;
  }
}
