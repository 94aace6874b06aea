// @ts-check

/** @param {string | number | boolean | null} value */
function csvCell(value) {
  const text = value === null ? '' : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Rows as CSV with a header; null is an empty cell.
 * @param {ReadonlyArray<Readonly<Record<string, string | number | boolean | null>>>} rows
 */
export function toCsv(rows) {
  const header = Object.keys(rows[0] ?? {});
  return [header, ...rows.map((row) => header.map((name) => row[name] ?? null))]
    .map((cells) => `${cells.map(csvCell).join(',')}\n`)
    .join('');
}
