import {
  COUNT,
  entity,
  type Identifier,
  MEASURED_AT,
  type MeasuredEntity,
  type MeasuredSegment,
  segment,
  TEXT,
  unionAll,
  unique,
  word,
} from './stats-words.ts';

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
      ({ label, relation }) => `  select
    ${[`${label} as segment`, ...values].join(',\n    ')}
  from ${relation}`,
    );
    const attributes = categorical.map(
      (attribute, index) => `  select ${word(attribute)} as attribute, ${index + 1} as attribute_number`,
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
    case ${name}_attributes.attribute_number ${choices.join(' ')} end as value
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
    (measured) => `  select distinct ${word(measured.name)} as segment, ${selected}
  from ${segment(measured.name)}
  where ${sound}`,
  );
  const listed = group.map((measured) => `  select ${word(measured.name)} as segment`);
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
    ${keys.map((column) => `and other.${column} = one.${column}`).join('\n    ')}
  group by one.segment, other.segment

)`;
}
