import { MEMBERS_MODEL, SIZES_MODEL } from './names.ts';
import {
  COUNT,
  entity,
  type Identifier,
  INVOCATION,
  MEASURED_AT,
  type MeasuredSegment,
  NOTHING_MEASURED,
  segment,
  TEXT,
  unionAll,
  unique,
  word,
} from './stats-words.ts';

/** Size history: members, held-out members and rows of the entity, once per run. */
export function sizesSql(segments: readonly MeasuredSegment[]): string {
  const counts = segments.map(
    ({ name, entity, holdout }) => `  select
    ${word(name)} as segment,
    ${word(entity)} as entity,
    count(*) as members,
    ${holdout ? 'sum(case when dinmo_holdout then 1 else 0 end)' : '0'} as held_out
  from ${segment(name)}`,
  );
  const entities = unique(segments.map((measured) => measured.entity)).map(
    (name) => `  select ${word(name)} as entity, count(*) as entity_rows
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
    ({ name, entity, primaryKey }) => `  select
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

function keyText(primaryKey: readonly string[], identifier: Identifier): string {
  return primaryKey.map((column) => `cast(${identifier(column)} as ${TEXT})`).join(" || ':' || ");
}
