import type { JsonMember } from '../state-dialect.ts';

/** A NUMBER without decimals, as the driver describes it. */
export function isInteger(dataType: string): boolean {
  return /^number\(\d+,\s*0\)$/i.test(dataType);
}

export function isArray(dataType: string): boolean {
  return /^array\b/i.test(dataType);
}

/**
 * One Snowflake value as JSON text of its type: integers with all digits, decimals as strings, dates ISO, timestamps UTC with Z,
 * whatever the session's formats and time zone. Inside VARIANT, OBJECT and ARRAY it is Snowflake's own JSON. SQL NULL for NULL, NaN
 * and the infinite.
 */
export function valueJson(expression: string, dataType: string): string {
  const type = dataType.toLowerCase();
  if (isInteger(type) || type === 'boolean') return `to_varchar(${expression})`;
  if (type.startsWith('number')) return `'"' || to_varchar(${expression}) || '"'`;
  if (type.startsWith('float')) return floatJson(expression);
  if (type.startsWith('timestamp') || type === 'date' || type.startsWith('time'))
    return `'"' || ${plainText(expression, type)} || '"'`;
  if (type.startsWith('binary')) return `'"' || base64_encode(${expression}) || '"'`;
  if (isArray(type) || /^(variant|object|map|vector)\b/.test(type)) return `to_json(to_variant(${expression}))`;
  return quoted(`cast(${expression} as varchar)`);
}

/** Text as JSON text; NULL for NULL. */
export function quoted(text: string): string {
  return `to_json(to_variant(${text}))`;
}

/** The text of a value that is not in quotes: as a key, and for a normaliser. Times do not follow the session's formats. */
export function plainText(expression: string, dataType: string): string {
  const type = dataType.toLowerCase();
  if (isArray(type)) return valueJson(expression, type);
  if (type.startsWith('timestamp')) return isoText(expression, type);
  if (type === 'date') return `to_varchar(cast(${expression} as date), 'YYYY-MM-DD')`;
  if (type.startsWith('time'))
    return `rtrim(rtrim(to_varchar(cast(${expression} as time), 'HH24:MI:SS.FF6'), '0'), '.')`;
  if (type.startsWith('binary')) return `base64_encode(${expression})`;
  return `cast(${expression} as varchar)`;
}

/** A timestamp as ISO text, UTC with Z, in microseconds where it has any. One without a zone is UTC. */
export function isoText(expression: string, dataType: string): string {
  const utc = naive(expression, dataType);
  const text = (seconds: string): string =>
    `to_varchar(${utc}, 'YYYY-MM-DD') || 'T' || to_varchar(${utc}, '${seconds}') || 'Z'`;
  return `case when date_trunc('second', ${utc}) = ${utc} then ${text('HH24:MI:SS')} else ${text('HH24:MI:SS.FF6')} end`;
}

/** A date or timestamp as TIMESTAMP_NTZ in UTC. */
export function naive(expression: string, dataType: string): string {
  const zoned = /^timestamp_(ltz|tz)/i.test(dataType);
  return `cast(${zoned ? `convert_timezone('UTC', ${expression})` : expression} as timestamp_ntz)`;
}

/** The short text where it is the same number; else all digits. */
function floatJson(expression: string): string {
  const finite = `${expression} not in (to_double('NaN'), to_double('inf'), to_double('-inf'))`;
  return `case when ${finite} then iff(to_double(to_varchar(${expression})) = ${expression}, to_varchar(${expression}), to_json(to_variant(${expression}))) end`;
}

/** JSON object text of the members, in their order. */
export function jsonObject(members: readonly JsonMember[]): string {
  if (members.length === 0) return "'{}'";
  const parts = members.map(({ name, value, nulls }) => {
    const json = 'json' in value ? textLiteral(value.json) : valueJson(value.sql, value.dataType);
    const member = `${textLiteral(`,${JSON.stringify(name)}:`)} || `;
    return nulls === 'skip' ? `coalesce(${member}${json}, '')` : `${member}coalesce(${json}, 'null')`;
  });
  // Each member brings its comma; the first one has none before it.
  return `'{' || substr(${parts.join(' || ')}, 2) || '}'`;
}

/** A backslash escapes in Snowflake's literals. */
export function textLiteral(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
