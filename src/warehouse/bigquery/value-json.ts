import { escapeControls } from '../dialect.ts';
import type { JsonMember } from '../state-dialect.ts';

export function isInteger(dataType: string): boolean {
  return /^(INT64|INTEGER|INT|SMALLINT|BIGINT|TINYINT|BYTEINT)$/i.test(dataType);
}

export function isArray(dataType: string): boolean {
  return /^ARRAY</i.test(dataType);
}

/**
 * One BigQuery value as JSON text of its type: integers with all digits, decimals as strings (without zeros at their end, as BigQuery
 * casts them), dates ISO, timestamps and datetimes UTC with Z, bytes base64, also inside arrays and structs. SQL NULL for NULL, NaN and
 * the infinite.
 */
export function valueJson(expression: string, dataType: string, depth = 0): string {
  const type = dataType.toUpperCase();
  if (isArray(type)) return arrayJson(expression, dataType.slice('ARRAY<'.length, -1), depth);
  if (type.startsWith('STRUCT<')) return structJson(expression, dataType, depth);
  if (isInteger(type) || type === 'BOOL' || type === 'BOOLEAN') return `cast(${expression} as string)`;
  if (type === 'FLOAT64' || type === 'FLOAT')
    return `case when not is_nan(${expression}) and not is_inf(${expression}) then to_json_string(${expression}) end`;
  if (type === 'TIMESTAMP' || type === 'DATETIME') return `concat('"', ${isoText(expression, type)}, '"')`;
  if (type === 'JSON') return `case when ${expression} is not null then to_json_string(${expression}) end`;
  if (type === 'BYTES') return quoted(`to_base64(${expression})`);
  if (type === 'GEOGRAPHY') return quoted(`st_asgeojson(${expression})`);
  if (type === 'STRING') return quoted(expression);
  return quoted(`cast(${expression} as string)`);
}

/** Text as JSON text; NULL for NULL, where `to_json_string` says `null`. */
export function quoted(expression: string): string {
  return `case when ${expression} is not null then to_json_string(${expression}) end`;
}

/** A timestamp as ISO text, UTC with Z, in microseconds where it has any. A datetime has no zone and is UTC. */
export function isoText(expression: string, dataType: string): string {
  const instant = dataType.toUpperCase() === 'DATETIME' ? `timestamp(${expression}, 'UTC')` : expression;
  const format = (seconds: string): string => `format_timestamp('%Y-%m-%dT%H:%M:${seconds}Z', ${instant}, 'UTC')`;
  return `case when timestamp_trunc(${instant}, second) = ${instant} then ${format('%S')} else ${format('%E6S')} end`;
}

function arrayJson(expression: string, elementType: string, depth: number): string {
  const item = `e${depth}`;
  const items = `array(select coalesce(${valueJson(item, elementType, depth + 1)}, 'null') from unnest(${expression}) as ${item} with offset as o${depth} order by o${depth})`;
  return `case when ${expression} is not null then concat('[', array_to_string(${items}, ','), ']') end`;
}

function structJson(expression: string, dataType: string, depth: number): string {
  const fields = structFields(dataType);
  if (fields.length === 0) return `case when ${expression} is not null then to_json_string(${expression}) end`;
  const members = fields.map(({ name, type }) => ({
    name,
    value: { sql: `${expression}.${name}`, dataType: type },
    nulls: 'null' as const,
  }));
  return `case when ${expression} is not null then ${jsonObject(members, depth)} end`;
}

/** The members of `STRUCT<a INT64, b ARRAY<STRING>>`. */
function structFields(dataType: string): readonly { readonly name: string; readonly type: string }[] {
  const inside = dataType.slice('STRUCT<'.length, -1);
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const character of inside) {
    if (character === '<') depth++;
    else if (character === '>') depth--;
    if (character === ',' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += character;
  }
  return [...parts, part]
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const space = text.indexOf(' ');
      return { name: text.slice(0, space), type: text.slice(space + 1) };
    });
}

/** JSON object text of the members, in their order. */
export function jsonObject(members: readonly JsonMember[], depth = 0): string {
  if (members.length === 0) return "'{}'";
  const parts = members.map(({ name, value, nulls }) => {
    const json = 'json' in value ? textLiteral(value.json) : valueJson(value.sql, value.dataType, depth);
    const label = textLiteral(`${JSON.stringify(name)}:`);
    return nulls === 'skip' ? `concat(${label}, ${json})` : `concat(${label}, coalesce(${json}, 'null'))`;
  });
  // NULL members are left out by `array_to_string`.
  return `concat('{', coalesce(array_to_string([${parts.join(', ')}], ','), ''), '}')`;
}

export function textLiteral(value: string): string {
  return `'${escapeControls(value.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))}'`;
}
