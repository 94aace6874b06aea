/** Functions that give a row another value at each build: random ones, and those that number rows. */
const UNSTABLE =
  /\b(row_number|rank|dense_rank|uuid|uuid_string|uuidv4|uuidv7|generate_uuid|gen_random_uuid|uuid_generate_v[14]|newid|random|rand|randstr|seq[1248]|nextval|monotonically_increasing_id)\s*\(/i;

/**
 * The function that makes this column new at each build, if the model's own SQL shows it: `row_number() over (…) as id`.
 * null where it does not, or where the column only passes through.
 */
export function findUnstableFunction(rawCode: string, column: string): string | null {
  const sql = withoutComments(rawCode);
  const alias = new RegExp(`\\bas\\s+["\`]?${escaped(column)}["\`]?(?![\\w$])`, 'gi');
  for (const match of sql.matchAll(alias)) {
    const found = UNSTABLE.exec(expressionBefore(sql, match.index));
    if (found?.[1] !== undefined) return found[1].toLowerCase();
  }
  return null;
}

function withoutComments(sql: string): string {
  return sql.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\/|\{#[\s\S]*?#\}/g, ' ');
}

/** The text of the select item that ends at `end`: back to the comma or `select` outside any bracket. */
function expressionBefore(sql: string, end: number): string {
  let depth = 0;
  for (let index = end - 1; index >= 0; index--) {
    const character = sql[index];
    if (character === ')') depth++;
    else if (character === '(') depth--;
    if (depth < 0) return sql.slice(index + 1, end);
    if (depth > 0) continue;
    if (character === ',') return sql.slice(index + 1, end);
    if (/[a-z]/i.test(character ?? '') && /^select\b/i.test(sql.slice(index, index + 7))) {
      return sql.slice(index + 6, end);
    }
  }
  return sql.slice(0, end);
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}-]/g, '\\$&');
}
