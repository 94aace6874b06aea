/**
 * CSV of Bulk API 2.0: commas, LF, quotes doubled, spaces kept (“Prepare CSV Files”, 67.0).
 */
export function renderCsvRow(cells: readonly string[]): string {
  return `${cells.map(renderCell).join(',')}\n`;
}

function renderCell(text: string): string {
  return /[",\n\r]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows of a CSV text, quotes taken off; null when a quote is not closed or stands where none may: the text is not whole, or no CSV. */
export function parseCsv(text: string): readonly (readonly string[])[] | null {
  const rows: string[][] = [];
  // A cell, quoted or not, and what ends it.
  const cell = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  let row: string[] = [];
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (found === null) return null;
    const [, quoted, plain = '', end] = found;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ',' && cell.lastIndex < text.length) continue;
    if (end === ',') row.push('');
    rows.push(row);
    row = [];
  }
  return rows;
}
