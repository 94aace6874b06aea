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

/** Where the answers are. */
interface RecordSql {
  lastIdentifierRecord(): string;
  identifierRecords(from: number): string;
}

/** Record ids of single identifiers come as JSON beside the receipts: a row each, joined by what was sent. */
export async function storeRecordIds(warehouse: Warehouse, sql: RecordSql): Promise<void> {
  await warehouse.run(createTemporaryTable(warehouse.state, RECORDS, RECORD_COLUMNS));
  const [size] = await warehouse.query(sql.lastIdentifierRecord());
  const last = Number(size?.['last'] ?? -1);
  for (let from = 0; from <= last; from += RECORDS_PAGE) await storeRecordPage(warehouse, sql.identifierRecords(from));
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
