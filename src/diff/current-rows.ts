import { createHash } from 'node:crypto';
import type { StateDialect, TypedExpression } from '../warehouse/state-dialect.ts';
import type { DiffJob } from './job.ts';

/** Whether rows are known by a field of the platform's and not by the entity's key. */
export function isKeyedByField(job: DiffJob): boolean {
  return job.source.destinationKey !== null;
}

/** Whether only keys that were never acknowledged are sent: no updates, no removals. */
export function isAppendOnly(job: DiffJob): boolean {
  return job.mode === 'incremental' || job.facts.service === 'events';
}

/** The rows of the segment with what the diff compares. */
export class CurrentRows {
  readonly #d: StateDialect;
  readonly #job: DiffJob;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
  }

  /** The rows that may be sent at all: of events, only those that are not too old. */
  eligible(): string {
    const { source, eventsFrom } = this.#job;
    if (eventsFrom === null || source.eventTime === null) return source.sql;
    const time = this.#d.instant(source.eventTime.sql, source.eventTime.dataType);
    return `select e.* from (${source.sql}) as e where ${time} >= ${this.#d.timestamp(eventsFrom)}`;
  }

  /**
   * The segment's rows with their fast fingerprint (`c_fast`, never NULL), which covers the key. Where rows are known by a
   * field: also `c_key`, `c_owner`, how many rows have that owner key (`copies`) and the row's `place` among those of its
   * destination key (0: it has none).
   */
  sql(): string {
    const { source } = this.#job;
    const known = isKeyedByField(this.#job) ? this.#destinationKey() : this.#d.keyText(source.keys);
    const fast = this.#d.fastHash([
      { sql: known, dataType: this.#d.type('text') },
      { sql: this.signature(), dataType: this.#d.type('bigint') },
      ...this.#columns(),
    ]);
    if (!isKeyedByField(this.#job)) return `select src.*, ${fast} as c_fast from (${this.eligible()}) as src`;
    // One record per destination key: of the sound rows that share it, the one with the smallest primary key.
    const order = source.keys.map((column) => column.sql).join(', ');
    const rows = `select src.*, ${this.#destinationKey()} as c_key, ${this.#d.keyText(source.keys)} as c_owner, ${fast} as c_fast from (${this.eligible()}) as src`;
    return `select ranked.*, case when c_owner is null or copies > 1 then 0 else row_number() over (partition by c_key, (c_owner is null or copies > 1) order by ${order}) end as place
  from (select counted.*, count(*) over (partition by c_owner) as copies from (${rows}) as counted) as ranked`;
  }

  /** The text by which a row of `sql()` is known. */
  key(): string {
    return isKeyedByField(this.#job) ? 'c_key' : this.#d.keyText(this.#job.source.keys);
  }

  /** The text by which it meets the snapshot: NULL where another row has its place. */
  joinKey(): string {
    return isKeyedByField(this.#job) ? 'case when place = 1 then c_key end' : this.key();
  }

  keyHash(): string {
    return this.#d.keyHash(this.joinKey());
  }

  #destinationKey(): string {
    const { destinationKey } = this.#job.source;
    if (destinationKey === null) return this.#d.keyText(this.#job.source.keys);
    const facts = this.#job.facts.destinationKey;
    const folds =
      facts?.normalise === 'lower' &&
      (facts.normaliseOnly === undefined || facts.normaliseOnly === destinationKey.name);
    const text = folds
      ? this.#d.lowerTrim(destinationKey.sql)
      : `trim(cast(${destinationKey.sql} as ${this.#d.type('text')}))`;
    return `nullif(${text}, '')`;
  }

  /**
   * What a change of the mapping itself changes: names, constants, kinds and their forms, and the country of national phone
   * numbers, so that every row differs after it. Short, and a number. A new version of a normaliser is no such change: nobody
   * asked for it, and it would send every audience again.
   */
  signature(): string {
    const fields = this.#job.source.fields
      .filter((field) => field.mapped.write === 'always')
      .map((field) => [field.mapped.field, field.constantJson ?? '', field.mapped.nulls])
      .sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1));
    const identifiers = this.#job.source.identifiers.map(({ kind, rank, form, hintOnly }) => {
      return [kind, rank, ...(form === undefined ? [] : [form]), ...(hintOnly ? ['hint'] : [])];
    });
    const country = this.#phoneCountry();
    const mapping = JSON.stringify([fields, identifiers, ...(country === null ? [] : [country])]);
    return String(createHash('sha256').update(mapping).digest().readUIntBE(0, 6));
  }

  /** The country that national phone numbers without one are read in, where rows have such numbers. */
  #phoneCountry(): string | null {
    const { source, facts, preparer } = this.#job;
    const hasPhone =
      source.identifiers.some(({ kind, form }) => kind === 'phone' && form === undefined) ||
      source.fields.some(({ mapped }) => facts.phoneFields?.includes(mapped.field));
    return (hasPhone ? preparer?.defaultCountry : null) ?? null;
  }

  #columns(): readonly TypedExpression[] {
    const { source } = this.#job;
    const fields = source.fields.filter((field) => field.mapped.write === 'always' && field.column !== null);
    fields.sort((a, b) => (a.mapped.field < b.mapped.field ? -1 : 1));
    return [
      ...source.identifiers.map((i) => ({ name: `identifier ${i.kind} ${i.rank}`, sql: i.sql, dataType: i.dataType })),
      ...fields.map((field) => ({ ...(field.column as TypedExpression), name: `field ${field.mapped.field}` })),
      ...(source.eventTime ? [{ ...source.eventTime, name: 'event time' }] : []),
    ];
  }
}
