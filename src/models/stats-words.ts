import { entityModelName, segmentModelName } from './names.ts';

/** A segment, as far as its statistics need it. */
export interface MeasuredSegment {
  readonly name: string;
  readonly entity: string;
  readonly primaryKey: readonly string[];
  readonly holdout: boolean;
}

/** An entity with the attributes whose values are counted. */
export interface MeasuredEntity {
  readonly name: string;
  readonly categorical: readonly string[];
}

/** Writes the name of a column, quoted where the warehouse needs it. */
export type Identifier = (column: string) => string;

// Types are dbt's own words for them, so that a literal never makes a column too narrow for the rows of a later run.
export const TEXT = '{{ dbt.type_string() }}';
export const COUNT = '{{ dbt.type_bigint() }}';
/** When dbt's run started, UTC: the same in every model of a run. */
export const MEASURED_AT = `cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as {{ dbt.type_timestamp() }}) as measured_at`;
export const INVOCATION = `cast('{{ invocation_id }}' as ${TEXT}) as invocation_id`;
/** `--empty` and `--sample` read no real rows: a history learns nothing from them. */
export const NOTHING_MEASURED = '{% if flags.EMPTY or flags.SAMPLE %}\nlimit 0\n{% endif %}';

/** The members of a segment. */
export function segment(name: string): string {
  return `{{ ref('${segmentModelName(name)}') }}`;
}

/** The rows of an entity. */
export function entity(name: string): string {
  return `{{ ref('${entityModelName(name)}') }}`;
}

/** A name as a value. Names and columns that reach here hold no quote but a column's may: it is doubled. */
export function word(name: string): string {
  return `cast('${name.replaceAll("'", "''")}' as ${TEXT})`;
}

export function unionAll(selects: readonly string[]): string {
  return selects.join('\n\n  union all\n\n');
}

export function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
