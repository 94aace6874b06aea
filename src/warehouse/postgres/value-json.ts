import type { JsonMember } from '../state-dialect.ts';

/** A function of PostgreSQL takes a hundred arguments at most. */
const ARGUMENTS_MAX = 50;

export function isInteger(dataType: string): boolean {
  return /^(smallint|integer|bigint|int2|int4|int8)$/i.test(dataType);
}

/**
 * One PostgreSQL value as JSON text of its type: integers with all digits, decimals as strings, dates ISO, timestamps UTC with Z,
 * whatever the session's time zone, also inside arrays. SQL NULL for NULL, NaN and the infinite.
 */
export function valueJson(expression: string, dataType: string): string {
  const type = dataType.toLowerCase();
  if (type.endsWith('[]')) return arrayJson(expression, type.slice(0, -2));
  if (isInteger(type) || type === 'boolean') return `cast(${expression} as text)`;
  if (type === 'real' || type === 'double precision')
    return `case when ${expression} not in ('NaN', 'Infinity', '-Infinity') then cast(${expression} as text) end`;
  if (type.startsWith('numeric')) return `case when ${expression} <> 'NaN' then ${quoted(expression)} end`;
  if (type.startsWith('timestamp')) return `'"' || ${isoText(expression, type)} || '"'`;
  if (type === 'date')
    return `case when isfinite(${expression}) then '"' || to_char(${expression}, 'YYYY-MM-DD') || '"' end`;
  if (type === 'json' || type === 'jsonb') return `cast(${expression} as text)`;
  if (type === 'bytea') return quoted(`replace(encode(${expression}, 'base64'), chr(10), '')`);
  return quoted(expression);
}

/** Text as JSON text; NULL for NULL. */
export function quoted(expression: string): string {
  return `cast(to_json(cast(${expression} as text)) as text)`;
}

/** A timestamp as ISO text, UTC with Z, in microseconds where it has any; NULL for the infinite. One without a zone is UTC. */
export function isoText(expression: string, dataType: string): string {
  const naive = isZoned(dataType)
    ? `timezone('UTC', ${expression})`
    : `cast(${expression} as timestamp without time zone)`;
  const format = (seconds: string): string => `to_char(${naive}, 'YYYY-MM-DD"T"HH24:MI:${seconds}"Z"')`;
  return `case when isfinite(${naive}) then case when date_trunc('second', ${naive}) = ${naive} then ${format('SS')} else ${format('SS.US')} end end`;
}

export function isZoned(dataType: string): boolean {
  return /with time zone|timestamptz/i.test(dataType);
}

function arrayJson(expression: string, elementType: string): string {
  const item = valueJson('item.value', elementType);
  return `case when ${expression} is not null then '[' || coalesce((select string_agg(coalesce(${item}, 'null'), ',' order by item.place) from unnest(${expression}) with ordinality as item(value, place)), '') || ']' end`;
}

/** JSON object text of the members, in their order. */
export function jsonObject(members: readonly JsonMember[]): string {
  if (members.length === 0) return "'{}'";
  const parts = members.map(({ name, value, nulls }) => {
    const json = 'json' in value ? textLiteral(value.json) : valueJson(value.sql, value.dataType);
    return `${textLiteral(`${JSON.stringify(name)}:`)} || ${nulls === 'skip' ? json : `coalesce(${json}, 'null')`}`;
  });
  return `'{' || ${joined(parts)} || '}'`;
}

function joined(parts: readonly string[]): string {
  if (parts.length <= ARGUMENTS_MAX) return `concat_ws(',', ${parts.join(', ')})`;
  const groups: string[] = [];
  for (let from = 0; from < parts.length; from += ARGUMENTS_MAX)
    groups.push(`nullif(${joined(parts.slice(from, from + ARGUMENTS_MAX))}, '')`);
  return joined(groups);
}

/** A literal that means the same whatever `standard_conforming_strings` says. */
export function textLiteral(value: string): string {
  const doubled = value.replaceAll("'", "''");
  return value.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}
