import { entityModelName, MEMBERS_MODEL, segmentModelName, SIZES_MODEL } from './names.ts';

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
const TEXT = '{{ dbt.type_string() }}';
const COUNT = '{{ dbt.type_bigint() }}';
/** When dbt's run started, UTC: the same in every model of a run. */
const MEASURED_AT = `cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as {{ dbt.type_timestamp() }}) as measured_at`;
const INVOCATION = `cast('{{ invocation_id }}' as ${TEXT}) as invocation_id`;
/** `--empty` and `--sample` read no real rows: a history learns nothing from them. */
const NOTHING_MEASURED = '{% if flags.EMPTY or flags.SAMPLE %}\nlimit 0\n{% endif %}';

/** Size history: members, held-out members and rows of the entity, once per run. */
export function sizesSql(segments: readonly MeasuredSegment[]): string {
  const counts = segments.map(
    ({ name, entity, holdout }) => `    select
        ${word(name)} as segment,
        ${word(entity)} as entity,
        count(*) as members,
        ${holdout ? 'sum(case when dinmo_holdout then 1 else 0 end)' : '0'} as held_out
    from ${segment(name)}`,
  );
  const entities = unique(segments.map((measured) => measured.entity)).map(
    (name) => `    select ${word(name)} as entity, count(*) as entity_rows
    from ${entity(name)}`,
  );
  return `with segment_sizes as (

${unionAll(counts)}

),

entity_sizes as (

${unionAll(entities)}

)

select
    segment_sizes.segment,
    segment_sizes.entity,
    cast(segment_sizes.members as ${COUNT}) as members,
    cast(coalesce(segment_sizes.held_out, 0) as ${COUNT}) as held_out,
    cast(entity_sizes.entity_rows as ${COUNT}) as entity_rows,
    ${MEASURED_AT},
    ${INVOCATION}
from segment_sizes
inner join entity_sizes on entity_sizes.entity = segment_sizes.entity
${NOTHING_MEASURED}`;
}

/** Membership history: what changed since the state that the history itself adds up to. */
export function membersSql(segments: readonly MeasuredSegment[], identifier: Identifier): string {
  const keys = segments.map(
    ({ name, entity, primaryKey }) => `    select
        ${word(name)} as segment,
        ${word(entity)} as entity,
        ${keyText(primaryKey, identifier)} as member_key
    from ${segment(name)}`,
  );
  const names = segments.map((measured) => `'${measured.name}'`).join(', ');
  return `with member_keys as (

${unionAll(keys)}

),

current_members as (

    select distinct segment, entity, {{ dbt.hash('member_key') }} as member
    from member_keys
    where member_key is not null

),

{% if is_incremental() %}
previous_members as (

    select segment, entity, member
    from {{ this }}
    where segment in (${names})
    group by segment, entity, member
    having sum(case when change = 'entered' then 1 else -1 end) > 0

),

changes as (

    select current_members.segment, current_members.entity, current_members.member, 'entered' as change
    from current_members
    left join previous_members
        on previous_members.segment = current_members.segment
        and previous_members.entity = current_members.entity
        and previous_members.member = current_members.member
    where previous_members.member is null

    union all

    select previous_members.segment, previous_members.entity, previous_members.member, 'left' as change
    from previous_members
    left join current_members
        on current_members.segment = previous_members.segment
        and current_members.entity = previous_members.entity
        and current_members.member = previous_members.member
    where current_members.member is null

)
{% else %}
changes as (

    select segment, entity, member, 'entered' as change
    from current_members

)
{% endif %}

select
    segment,
    entity,
    cast(member as ${TEXT}) as member,
    cast(change as ${TEXT}) as change,
    ${MEASURED_AT},
    ${INVOCATION}
from changes
${NOTHING_MEASURED}`;
}

/** Entered and left per run, made of the two histories: a run that changed nothing counts zero. */
export function changesSql(): string {
  return `with measured as (

    select segment, entity, measured_at, invocation_id, 0 as entered, 0 as departed
    from {{ ref('${SIZES_MODEL}') }}

    union all

    select
        segment,
        entity,
        measured_at,
        invocation_id,
        case when change = 'entered' then 1 else 0 end as entered,
        case when change = 'left' then 1 else 0 end as departed
    from {{ ref('${MEMBERS_MODEL}') }}

)

select
    segment,
    entity,
    measured_at,
    invocation_id,
    cast(sum(entered) as ${COUNT}) as members_entered,
    cast(sum(departed) as ${COUNT}) as members_left
from measured
group by segment, entity, measured_at, invocation_id`;
}

/** Members by value of each categorical attribute; rows without a segment count the whole entity. One pass over each view. */
export function breakdownSql(
  segments: readonly MeasuredSegment[],
  entities: readonly MeasuredEntity[],
  identifier: Identifier,
): string {
  const measured = entities.filter(({ categorical }) => categorical.length > 0);
  const tables = measured.map(({ name, categorical }) => {
    const values = categorical.map(
      (attribute, index) => `cast(${identifier(attribute)} as ${TEXT}) as value_${index + 1}`,
    );
    const rows = [
      { label: `cast(null as ${TEXT})`, relation: entity(name) },
      ...segments
        .filter((candidate) => candidate.entity === name)
        .map((candidate) => ({ label: word(candidate.name), relation: segment(candidate.name) })),
    ].map(
      ({ label, relation }) => `    select
        ${[`${label} as segment`, ...values].join(',\n        ')}
    from ${relation}`,
    );
    const attributes = categorical.map(
      (attribute, index) => `    select ${word(attribute)} as attribute, ${index + 1} as position`,
    );
    const choices = categorical.map((_, index) => `when ${index + 1} then ${name}_rows.value_${index + 1}`);
    return `${name}_rows as (

${unionAll(rows)}

),

${name}_attributes as (

${unionAll(attributes)}

),

${name}_values as (

    select
        ${name}_rows.segment,
        ${name}_attributes.attribute,
        case ${name}_attributes.position ${choices.join(' ')} end as value
    from ${name}_rows
    cross join ${name}_attributes

)`;
  });
  const counts = measured.map(
    ({ name }) => `select
    segment,
    ${word(name)} as entity,
    attribute,
    value,
    cast(count(*) as ${COUNT}) as members,
    ${MEASURED_AT}
from ${name}_values
group by segment, attribute, value`,
  );
  return `with ${tables.join(',\n\n')}\n\n${counts.join('\n\nunion all\n\n')}`;
}

/** Members that each two segments of one entity share, both ways round. */
export function overlapSql(segments: readonly MeasuredSegment[], identifier: Identifier): string {
  const groups = unique(segments.map((measured) => measured.entity))
    .map((name) => segments.filter((measured) => measured.entity === name))
    .filter((group) => group.length > 1);
  const tables = groups.map((group) => overlapTables(group, identifier));
  const pairs = groups.map(([first]) => {
    const name = first?.entity ?? '';
    return `select
    ${word(name)} as entity,
    one.segment,
    other.segment as other_segment,
    cast(one.members as ${COUNT}) as members,
    cast(other.members as ${COUNT}) as other_members,
    cast(coalesce(${name}_shared.members, 0) as ${COUNT}) as shared_members,
    ${MEASURED_AT}
from ${name}_sizes as one
inner join ${name}_sizes as other on other.segment <> one.segment
left join ${name}_shared
    on ${name}_shared.segment = one.segment
    and ${name}_shared.other_segment = other.segment`;
  });
  return `with ${tables.join(',\n\n')}\n\n${pairs.join('\n\nunion all\n\n')}`;
}

/** The members, sizes and shared members of one entity's segments. Keys get names of our own, so that no column's name can clash. */
function overlapTables(group: readonly MeasuredSegment[], identifier: Identifier): string {
  const name = group[0]?.entity ?? '';
  const key = group[0]?.primaryKey ?? [];
  const keys = key.map((_, index) => `key_${index + 1}`);
  const selected = key.map((column, index) => `${identifier(column)} as key_${index + 1}`).join(', ');
  const sound = key.map((column) => `${identifier(column)} is not null`).join(' and ');
  const members = group.map(
    (measured) => `    select distinct ${word(measured.name)} as segment, ${selected}
    from ${segment(measured.name)}
    where ${sound}`,
  );
  const listed = group.map((measured) => `    select ${word(measured.name)} as segment`);
  return `${name}_members as (

${unionAll(members)}

),

${name}_segments as (

${unionAll(listed)}

),

${name}_sizes as (

    select ${name}_segments.segment, count(${name}_members.key_1) as members
    from ${name}_segments
    left join ${name}_members on ${name}_members.segment = ${name}_segments.segment
    group by ${name}_segments.segment

),

${name}_shared as (

    select one.segment, other.segment as other_segment, count(*) as members
    from ${name}_members as one
    inner join ${name}_members as other
        on other.segment <> one.segment
        ${keys.map((column) => `and other.${column} = one.${column}`).join('\n        ')}
    group by one.segment, other.segment

)`;
}

function segment(name: string): string {
  return `{{ ref('${segmentModelName(name)}') }}`;
}

function entity(name: string): string {
  return `{{ ref('${entityModelName(name)}') }}`;
}

/** A name as a value. Names and columns that reach here hold no quote but a column's may: it is doubled. */
function word(name: string): string {
  return `cast('${name.replaceAll("'", "''")}' as ${TEXT})`;
}

function keyText(primaryKey: readonly string[], identifier: Identifier): string {
  return primaryKey.map((column) => `cast(${identifier(column)} as ${TEXT})`).join(" || ':' || ");
}

function unionAll(selects: readonly string[]): string {
  return selects.join('\n\n    union all\n\n');
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
