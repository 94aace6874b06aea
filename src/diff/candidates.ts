import type { StateDialect, TypedExpression } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { DiffJob } from './job.ts';
import { SNAPSHOT_COLUMNS } from './state-tables.ts';

/** Temporary tables of the plan, in the order in which they are made. */
export const TEMPORARY = {
  joined: 'dinmo_joined',
  duplicates: 'dinmo_duplicates',
  candidates: 'dinmo_candidates',
  prepared: 'dinmo_prepared',
  newIdentifiers: 'dinmo_new_identifiers',
  actions: 'dinmo_actions',
  held: 'dinmo_held',
  carried: 'dinmo_carried',
  changes: 'dinmo_changes',
} as const;

/**
 * Compares the segment with the snapshot and leaves every row that differs in the temporary table `dinmo_joined` (numbered by
 * `n`, with its content), what it is in `dinmo_candidates` (by `n`, without), and rows whose key occurs more than once in
 * `dinmo_duplicates` (key, copies).
 *
 * The `kind` of a candidate is what it is before our own rules and the ledger's rejections have their say: `insert`, `update`,
 * `leaver`; `same` (only the fast fingerprint or the owner moved), `return` (a departed member is back, unchanged, and nobody
 * else can have removed it meanwhile); `null_key`, `duplicate` (key), `shadowed` (its destination key belongs to a row with a
 * smaller key), `stuck` (a leaver whose owner's key is not sound: it stays).
 */
export async function collectCandidates(warehouse: Warehouse, job: DiffJob): Promise<void> {
  const sql = new CandidateSql(warehouse.state, job);
  await warehouse.run(
    warehouse.state.createTemporary(
      TEMPORARY.joined,
      `select row_number() over () as n, d.* from (${sql.joined()}) as d`,
    ),
  );
  await warehouse.run(warehouse.state.createTemporary(TEMPORARY.duplicates, sql.duplicates()));
  await warehouse.run(warehouse.state.createTemporary(TEMPORARY.candidates, sql.candidates()));
}

/** Whether rows are known by a field of the platform's and not by the entity's key. */
export function isKeyedByField(job: DiffJob): boolean {
  return job.source.destinationKey !== null;
}

/** Whether only keys that were never acknowledged are sent: no updates, no removals. */
export function isAppendOnly(job: DiffJob): boolean {
  return job.mode === 'incremental' || job.facts.service === 'events';
}

/** The rows that may be sent at all: of events, only those that are not too old. */
export function eligibleRows(dialect: StateDialect, { source, eventsFrom }: DiffJob): string {
  if (eventsFrom === null || source.eventTime === null) return source.sql;
  const time = dialect.instant(source.eventTime.sql, source.eventTime.dataType);
  return `select e.* from (${source.sql}) as e where ${time} >= ${dialect.timestamp(eventsFrom)}`;
}

class CandidateSql {
  readonly #d: StateDialect;
  readonly #job: DiffJob;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
  }

  /** The segment's rows with key, owner and fast fingerprint. */
  #current(): string {
    const { source } = this.#job;
    const owner = this.#d.keyText(source.keys);
    const key = source.destinationKey ? this.#destinationKey(source.destinationKey) : owner;
    const rows = `select src.*, ${key} as c_key, ${owner} as c_owner, ${this.#d.fastHash([this.#d.text(this.#signature()), ...this.#fingerprinted().map((e) => e.sql)])} as c_fast\n  from (${eligibleRows(this.#d, this.#job)}) as src`;
    if (!isKeyedByField(this.#job)) return rows;
    // One record per destination key: of the sound rows that share it, the one with the smallest primary key.
    const order = source.keys.map((column) => column.sql).join(', ');
    return `select ranked.*, case when c_owner is null or copies > 1 then 0 else row_number() over (partition by c_key, (c_owner is null or copies > 1) order by ${order}) end as place
  from (select counted.*, count(*) over (partition by c_owner) as copies from (${rows}) as counted) as ranked`;
  }

  #destinationKey(column: TypedExpression): string {
    const facts = this.#job.facts.destinationKey;
    const folds =
      facts?.normalise === 'lower' && (facts.normaliseOnly === undefined || facts.normaliseOnly === column.name);
    const text = folds ? this.#d.lowerTrim(column.sql) : `trim(cast(${column.sql} as ${this.#d.type('text')}))`;
    return `nullif(${text}, '')`;
  }

  /** What a change of the mapping itself changes: names, constants and kinds, so that every row differs after it. */
  #signature(): string {
    const fields = this.#job.source.fields
      .filter((field) => field.mapped.write === 'always')
      .map((field) => [field.mapped.field, field.constantJson ?? '', field.mapped.nulls])
      .sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1));
    return JSON.stringify([fields, this.#job.source.identifiers.map((i) => [i.kind, i.rank])]);
  }

  #fingerprinted(): readonly TypedExpression[] {
    const { source } = this.#job;
    const fields = source.fields.filter((field) => field.mapped.write === 'always' && field.column !== null);
    fields.sort((a, b) => (a.mapped.field < b.mapped.field ? -1 : 1));
    return [
      ...source.identifiers.map((i) => ({ name: `identifier ${i.kind} ${i.rank}`, sql: i.sql, dataType: i.dataType })),
      ...fields.map((field) => ({ ...(field.column as TypedExpression), name: `field ${field.mapped.field}` })),
      ...(source.eventTime ? [{ ...source.eventTime, name: 'event time' }] : []),
    ];
  }

  #snapshot(): string {
    const columns = SNAPSHOT_COLUMNS.filter(({ name }) => name !== 'run_id').map(({ name }) => `${name} as s_${name}`);
    return `(select ${columns.join(', ')} from ${this.#d.table(this.#job.tables.snapshot)})`;
  }

  joined(): string {
    if (isAppendOnly(this.#job)) {
      const resend = this.#job.everything && (this.#job.resendEvents || this.#job.facts.service !== 'events');
      const again = resend ? 'true' : this.#job.facts.deduplicates ? 's.s_key is null or s.s_dirty' : 's.s_key is null';
      return `select c.*, s.* from (${this.#current()}) as c left join ${this.#snapshot()} as s on c.c_key = s.s_key where ${again}`;
    }
    const differs = this.#job.everything
      ? 'true'
      : 's.s_key is null or c.c_key is null or s.s_dirty or s.s_departed or c.c_fast <> s.s_fast';
    if (!isKeyedByField(this.#job))
      return `select c.*, s.* from (${this.#current()}) as c full join ${this.#snapshot()} as s on c.c_key = s.s_key where ${differs}`;
    // Rows that lost their destination key to another row, or whose own key is not sound, join nothing. One equality and no
    // more: anything else would be compared pair by pair.
    return `select c.*, s.* from (${this.#current()}) as c full join ${this.#snapshot()} as s on case when c.place = 1 then c.c_key end = s.s_key where coalesce(c.place, 1) <> 1 or ${differs} or c.c_owner is distinct from s.s_owner_key`;
  }

  duplicates(): string {
    if (isKeyedByField(this.#job))
      return `select c_owner as key, count(*) as copies from ${TEMPORARY.joined} where c_owner is not null and copies > 1 group by c_owner`;
    // Where only new keys are sent, a key that was acknowledged is nobody's concern any more.
    const which = isAppendOnly(this.#job) ? `c_key in (select c_key from ${TEMPORARY.joined})` : 'c_key is not null';
    return `select c_key as key, count(*) as copies from (${this.#current()}) as c where ${which} group by c_key having count(*) > 1`;
  }

  candidates(): string {
    const byField = isKeyedByField(this.#job);
    const strong = this.#d.strongHash([
      { name: 'signature', sql: this.#d.text(this.#signature()), dataType: 'VARCHAR' },
      ...this.#fingerprinted(),
    ]);
    const bad = byField
      ? "when owner_key is null and s_key is null then 'null_key'\n      when copies > 1 then 'duplicate'\n      when c_key is null and s_key is null then 'insert'\n      when place > 1 then 'shadowed'\n      when s_key is not null and c_key is null and s_owner_key in (select key from dinmo_duplicates) then 'stuck'"
      : "when c_key is null and s_key is null then 'null_key'\n      when c_key in (select key from dinmo_duplicates) then 'duplicate'";
    return `select
      case
      ${bad}
      when c_key is null then 'leaver'
      when s_key is null then 'insert'
      when ${this.#job.everything ? 'true' : 's_dirty or strong <> s_strong'} then 'update'
      when s_departed then '${this.#job.otherSnapshots.length > 0 ? 'update' : 'return'}'
      else 'same' end as kind,
      h.*
    from (
      select n, coalesce(c_key, s_key) as key, c_key, c_owner as owner_key, c_fast as fast, ${strong} as strong, s_key, s_strong, s_dirty, s_departed, s_record_id, s_created, s_unsure_since, s_owner_key${byField ? ', copies, place' : ''}
      from ${TEMPORARY.joined} as j
    ) as h`;
  }
}
