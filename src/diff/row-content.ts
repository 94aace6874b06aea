import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { DiffJob, SourceField } from './job.ts';

/** The content of a row of `dinmo_joined` as it is sent: made when it is needed, since it is by far the largest part. */
export class RowContent {
  readonly #d: StateDialect;
  readonly #job: DiffJob;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
  }

  /** The mapped fields as JSON text. `fresh` is the condition under which those are among them that are written on insert only. */
  fields(fresh: string): string {
    const { fields } = this.#job.source;
    const always = fields.filter((field) => field.mapped.write === 'always');
    if (always.length === fields.length) return this.#object(fields);
    return `case when ${fresh} then ${this.#object(fields)} else ${this.#object(always)} end`;
  }

  /** ISO, UTC. */
  eventTime(): string {
    const { eventTime } = this.#job.source;
    return eventTime
      ? this.#d.instantText(this.#d.instant(eventTime.sql, eventTime.dataType))
      : `cast(null as ${this.#d.type('text')})`;
  }

  /** The raw identifiers, as columns `raw_0`, `raw_1` … */
  identifiers(): readonly string[] {
    return this.#job.source.identifiers.map(
      ({ sql, dataType }, index) => `${this.#d.rawText(sql, dataType)} as raw_${index}`,
    );
  }

  #object(fields: readonly SourceField[]): string {
    return fields.length === 0 ? "'{}'" : this.#d.jsonObject(fields.map((field) => this.#member(field)));
  }

  #member({ mapped, column, constantJson }: SourceField): string {
    if (column === null) return this.#d.jsonMember(mapped.field, this.#d.text(constantJson ?? 'null'));
    const value = this.#d.valueJson(column.sql, column.dataType);
    return this.#d.jsonMember(mapped.field, mapped.nulls === 'skip' ? value : `coalesce(${value}, 'null')`);
  }
}
