import type { JsonMember, StateDialect } from '../warehouse/state-dialect.ts';
import { fieldHashes } from './field-hashes.ts';
import type { DiffJob, SourceField } from './job.ts';

/**
 * What a row is sent as: made once, for rows that differ, in the same pass that finds them. Whatever happens to the rows they
 * came from, this is what goes out.
 */
export class RowContent {
  readonly #d: StateDialect;
  readonly #job: DiffJob;

  constructor(dialect: StateDialect, job: DiffJob) {
    this.#d = dialect;
    this.#job = job;
  }

  /** Made of a row of the segment: each text once, though it is both kept and part of a fingerprint. */
  made(): readonly string[] {
    return Object.entries(this.#parts()).map(([name, sql]) => `${sql} as made_${name}`);
  }

  /** The columns of `dinmo_joined` that hold what was made, NULL unless the condition holds; with the lasting fingerprint of the row. */
  columns(present: string, signature: string): readonly string[] {
    const { fingerprinted, ...kept } = this.#parts();
    const texts = ['made_fields', ...(fingerprinted === undefined ? [] : ['made_fingerprinted']), 'made_event_time'];
    const columns = [
      ...Object.keys(kept).map((name) => [name, `made_${name}`] as const),
      ['strong', this.#d.strongHash([this.#d.text(signature), ...texts])] as const,
    ];
    return columns.map(([name, sql]) => `case when ${present} then ${sql} end as ${name}`);
  }

  #parts(): { readonly [name: string]: string; readonly fingerprinted?: string } {
    const [fingerprinted] = this.#fingerprinted();
    return {
      fields: this.#fields('again'),
      ...(this.#writesOnce() ? { first_fields: this.#fields('first') } : {}),
      event_time: this.#eventTime(),
      ...(this.#job.changedFieldsOnly === true ? { field_hashes: fieldHashes(this.#d, this.#job) } : {}),
      ...Object.fromEntries(this.#identifiers().map((sql, index) => [`raw_${index}`, sql])),
      ...(fingerprinted === undefined ? {} : { fingerprinted }),
    };
  }

  /** The mapped fields as JSON text, from those columns. `fresh` is the condition under which those are among them that are written on insert only. */
  fields(fresh: string): string {
    return this.#writesOnce() ? `case when ${fresh} then first_fields else fields end` : 'fields';
  }

  #writesOnce(): boolean {
    return this.#job.source.fields.some((field) => field.mapped.write !== 'always');
  }

  #fields(when: 'first' | 'again'): string {
    const { fields } = this.#job.source;
    return this.#d.jsonObject(fields.filter(({ mapped }) => when === 'first' || mapped.write === 'always').map(member));
  }

  /** ISO, UTC. */
  #eventTime(): string {
    const { eventTime } = this.#job.source;
    return eventTime
      ? this.#d.instantText(this.#d.instant(eventTime.sql, eventTime.dataType))
      : `cast(null as ${this.#d.type('text')})`;
  }

  /** The raw identifiers. */
  #identifiers(): readonly string[] {
    return this.#job.source.identifiers.map(({ sql, dataType }) => this.#d.rawText(sql, dataType));
  }

  #fingerprinted(): readonly string[] {
    const { identifiers } = this.#job.source;
    if (identifiers.length === 0) return [];
    return [
      this.#d.jsonObject(
        identifiers.map(({ sql, dataType }, index) => ({
          name: String(index),
          value: { sql, dataType },
          nulls: 'null',
        })),
      ),
    ];
  }
}

function member({ mapped, column, constantJson }: SourceField): JsonMember {
  return {
    name: mapped.field,
    value: column ?? { json: constantJson ?? 'null' },
    nulls: mapped.nulls === 'skip' ? 'skip' : 'null',
  };
}
