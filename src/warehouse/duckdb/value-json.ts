const INTEGER = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
/** Types that DuckDB's own `to_json` does not write as we do, or not as JSON at all. */
const OWN_FORM = /DECIMAL|FLOAT|DOUBLE|TIMESTAMP|BLOB/;

export function isInteger(dataType: string): boolean {
  return INTEGER.test(dataType.toUpperCase());
}

/**
 * One DuckDB value as JSON text of its type: integers with all digits, decimals as strings, dates ISO, timestamps UTC with Z,
 * whatever the session's time zone, also inside arrays, structs and maps. SQL NULL for NULL, NaN and the infinite.
 */
export function valueJson(expression: string, dataType: string, depth = 0): string {
  const type = dataType.toUpperCase();
  if (type.endsWith(']')) return arrayJson(expression, dataType, depth);
  if (type.startsWith('STRUCT(') || type.startsWith('MAP(')) return membersJson(expression, dataType, depth);
  if (isInteger(type) || type === 'BOOLEAN') return `cast(${expression} as varchar)`;
  if (type === 'FLOAT' || type === 'DOUBLE') return finite(expression, `to_json(${expression})::varchar`);
  if (type.startsWith('TIMESTAMP')) return finite(expression, `'"' || ${isoText(expression, type)} || '"'`);
  if (type === 'JSON') return `cast(${expression} as varchar)`;
  if (type === 'BLOB') return `to_json(base64(${expression}))::varchar`;
  return `to_json(cast(${expression} as varchar))::varchar`;
}

/** A timestamp as ISO text, UTC with Z, in microseconds where it has any. One without a zone is UTC. */
export function isoText(expression: string, dataType: string): string {
  const naive =
    dataType.toUpperCase() === 'TIMESTAMP WITH TIME ZONE'
      ? `timezone('UTC', ${expression})`
      : `cast(${expression} as timestamp)`;
  return `case when microsecond(${naive}) % 1000000 = 0 then strftime(${naive}, '%Y-%m-%dT%H:%M:%SZ') else strftime(${naive}, '%Y-%m-%dT%H:%M:%S.%fZ') end`;
}

function finite(expression: string, json: string): string {
  return `case when isfinite(${expression}) then ${json} end`;
}

function arrayJson(expression: string, dataType: string, depth: number): string {
  if (!OWN_FORM.test(dataType.toUpperCase())) return `to_json(${expression})::varchar`;
  const element = dataType.replace(/\[\d*\]$/, '');
  const item = `e${depth}`;
  const items = `list_transform(cast(${expression} as ${element}[]), lambda ${item}: coalesce(${valueJson(item, element, depth + 1)}, 'null'))`;
  return `('[' || array_to_string(${items}, ',') || ']')`;
}

function membersJson(expression: string, dataType: string, depth: number): string {
  const parts = OWN_FORM.test(dataType.toUpperCase()) ? partsOf(dataType) : [];
  if (dataType.toUpperCase().startsWith('MAP(')) {
    const [, value] = parts;
    if (value === undefined) return `to_json(${expression})::varchar`;
    const item = `e${depth}`;
    const entry = `to_json(cast(${item}.key as varchar))::varchar || ':' || coalesce(${valueJson(`${item}.value`, value, depth + 1)}, 'null')`;
    return `('{' || array_to_string(list_transform(map_entries(${expression}), lambda ${item}: ${entry}), ',') || '}')`;
  }
  const members = parts.map((part) => /^("(?:[^"]|"")*"|\w+) (.+)$/s.exec(part));
  if (members.length === 0 || members.includes(null)) return `to_json(${expression})::varchar`;
  const texts = members.map((match) => {
    const [, written = '', type = ''] = match ?? [];
    const name = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written;
    const value = valueJson(`struct_extract(${expression}, ${sqlText(name)})`, type, depth);
    return `${sqlText(`${JSON.stringify(name)}:`)} || coalesce(${value}, 'null')`;
  });
  return `case when ${expression} is not null then '{' || ${texts.join(" || ',' || ")} || '}' end`;
}

/** What stands between the outer parentheses of a type's name, cut at its own commas. */
function partsOf(dataType: string): readonly string[] {
  const inside = dataType.slice(dataType.indexOf('(') + 1, -1);
  const parts: string[] = [];
  let depth = 0;
  let quote = '';
  let part = '';
  for (const character of inside) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '(') depth++;
    else if (character === ')') depth--;
    if (character === ',' && depth === 0 && quote === '') {
      parts.push(part.trim());
      part = '';
    } else part += character;
  }
  return [...parts, part.trim()];
}

function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
