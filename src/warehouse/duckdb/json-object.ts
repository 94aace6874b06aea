import type { JsonMember } from '../state-dialect.ts';
import { isoText, valueJson } from './value-json.ts';

/** JSON object text of the members. Where every value is plain, one function writes the whole: about twice as fast as parts put together. */
export function jsonObject(members: readonly JsonMember[]): string {
  if (members.length === 0) return "'{}'";
  const plain = members.map(plainValue);
  if (plain.every((value) => value !== null)) {
    const pairs = members.map(({ name }, index) => `${sqlText(name)}, ${plain[index]}`);
    return `cast(json_object(${pairs.join(', ')}) as varchar)`;
  }
  const parts = members.map(({ name, value, nulls }) => {
    const json = 'json' in value ? sqlText(value.json) : valueJson(value.sql, value.dataType);
    return `(${sqlText(`${JSON.stringify(name)}:`)} || ${nulls === 'skip' ? json : `coalesce(${json}, 'null')`})`;
  });
  return `'{' || concat_ws(',', ${parts.join(', ')}) || '}'`;
}

const NATIVE = /^(VARCHAR|BOOLEAN|U?(TINY|SMALL)INT|U?INTEGER|BIGINT)$/;
const AS_TEXT = /^(DATE|UUID|DECIMAL(\(\d+, ?\d+\))?)$/;

/** The value as `json_object` takes it, to write what `valueJson` would; null where it would write something else. */
function plainValue({ value, nulls }: JsonMember): string | null {
  if (nulls === 'skip') return null;
  if ('json' in value) {
    const constant: unknown = JSON.parse(value.json);
    if (typeof constant === 'string') return sqlText(constant);
    return typeof constant === 'boolean' || constant === null ? String(constant) : null;
  }
  const { sql } = value;
  const type = value.dataType.toUpperCase();
  if (NATIVE.test(type)) return sql;
  if (AS_TEXT.test(type)) return `cast(${sql} as varchar)`;
  if (type === 'DOUBLE' || type === 'FLOAT') return `case when isfinite(${sql}) then ${sql} end`;
  if (type === 'TIMESTAMP' || type === 'TIMESTAMP WITH TIME ZONE')
    return `case when isfinite(${sql}) then ${isoText(sql, type)} end`;
  return null;
}

function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
