/** A CSV with a header as rows of cells, by the rules of Bulk API 2.0; null where a quote is open or stands where none may. */
export function readTable(text: string): readonly (readonly string[])[] | null {
  const rows: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    const row = rows.at(-1) ?? [];
    let cell = '';
    if (text[at] === '"') {
      const start = ++at;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) return null;
        at = quote + 1;
        if (text[at] !== '"') break;
        at += 1;
      }
      cell = text.slice(start, at - 1).replaceAll('""', '"');
    } else {
      const start = at;
      while (at < text.length && text[at] !== ',' && text[at] !== '\n') at += 1;
      cell = text.slice(start, at);
      if (cell.includes('"')) return null;
    }
    row.push(cell);
    if (at >= text.length) break;
    if (text[at] !== ',' && text[at] !== '\n') return null;
    if (text[at] === '\n' && at + 1 < text.length) rows.push([]);
    if (text[at] === ',' && at + 1 === text.length) row.push('');
    at += 1;
  }
  return rows;
}

/** Results have every cell in quotes. */
export function printTable(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`).join('');
}
