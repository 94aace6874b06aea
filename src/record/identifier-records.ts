import { createTemporaryTable, type StateColumn } from '../diff/state-tables.ts';
import type { Value, Warehouse } from '../warehouse/warehouse.ts';

/** Temporary table: kind, value, record_id. */
export const RECORDS = 'dinmo_records';
const RECORD_COLUMNS: readonly StateColumn[] = [
  { name: 'kind', type: 'text' },
  { name: 'value', type: 'text' },
  { name: 'record_id', type: 'text' },
];
/** Changes whose record ids pass through this process at a time: memory stays flat. */
export const RECORDS_PAGE = 20_000;

/**
 * Record ids of single identifiers come as JSON beside the receipts: a row each, joined by what was sent. `last` is the number of the last
 * answer that has any; `page` the query that gives those from a number on.
 */
export async function storeRecordIds(
  warehouse: Warehouse,
  last: number | null,
  page: (from: number) => string,
): Promise<void> {
  await warehouse.run(createTemporaryTable(warehouse.state, RECORDS, RECORD_COLUMNS));
  for (let from = 0; from <= (last ?? -1); from += RECORDS_PAGE) await storeRecordPage(warehouse, page(from));
}

async function storeRecordPage(warehouse: Warehouse, select: string): Promise<void> {
  const rows = await warehouse.query(select);
  const found = new Map<string, Value[]>();
  for (const row of rows) {
    for (const [identifier, recordId] of Object.entries(
      JSON.parse(String(row['identifier_records'])) as Record<string, string>,
    )) {
      const colon = identifier.indexOf(':');
      found.set(identifier, [identifier.slice(0, colon), identifier.slice(colon + 1), recordId]);
    }
  }
  await warehouse.append(
    { database: null, schema: null, name: RECORDS },
    ['text', 'text', 'text'],
    [...found.values()],
  );
}
