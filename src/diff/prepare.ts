import type { Value, Warehouse } from '../warehouse/warehouse.ts';
import { type RowNumbers, rowNumbers, TEMPORARY } from './candidates.ts';
import type { DiffJob, PreparedIdentifier, Preparer, RawRow, SourceIdentifier } from './job.ts';
import { RowContent } from './row-content.ts';
import { createTemporaryTable, type StateColumn } from './state-tables.ts';

const PAGE_ROWS = 20_000;

const PREPARED: readonly StateColumn[] = [
  { name: 'n', type: 'bigint' },
  { name: 'invalid', type: 'text' },
  { name: 'leaves', type: 'boolean' },
  { name: 'wire_ids', type: 'text' },
];
const NEW_IDENTIFIERS: readonly StateColumn[] = [
  { name: 'n', type: 'bigint' },
  { name: 'key', type: 'text' },
  { name: 'kind', type: 'text' },
  { name: 'rank', type: 'integer' },
  { name: 'value', type: 'text' },
];

/**
 * Normalises the identifiers of every row that may be sent, and applies the platform's own rules, in this process:
 * only candidates pass through, page by page. Fills `dinmo_prepared` and `dinmo_new_identifiers`.
 */
export async function prepareCandidates(warehouse: Warehouse, job: DiffJob, differing: number): Promise<void> {
  const { state } = warehouse;
  for (const [name, shape] of [
    [TEMPORARY.prepared, PREPARED],
    [TEMPORARY.newIdentifiers, NEW_IDENTIFIERS],
  ] as const) {
    await warehouse.run(createTemporaryTable(state, name, shape));
  }
  if (job.preparer === null) return;
  if (differing === 0) return;
  const numbers = await rowNumbers(warehouse);
  for (let from = 0; from < differing; from += PAGE_ROWS)
    await preparePage(warehouse, job, { preparer: job.preparer, numbers, from });
}

async function preparePage(
  warehouse: Warehouse,
  job: DiffJob,
  { preparer, numbers, from }: { readonly preparer: Preparer; readonly numbers: RowNumbers; readonly from: number },
): Promise<void> {
  const { identifiers } = job.source;
  const content = new RowContent(warehouse.state, job);
  const to = from + PAGE_ROWS - 1;
  const rows = await warehouse.query(
    `select ${['c.n', 'c.key', 'fields', 'event_time', ...identifiers.map((_, index) => `raw_${index}`)].join(', ')}
    from (select n, key from ${TEMPORARY.candidates} where n between ${from} and ${to} and kind in ('insert', 'update', 'renewal') and key is not null) as c
    join (select ${[`${numbers.n} as n`, `${content.fields('true')} as fields`, 'event_time', ...identifiers.map((_, index) => `raw_${index}`)].join(', ')} from ${TEMPORARY.joined} where ${numbers.between(from, to)}) as j on j.n = c.n`,
  );
  const prepared: Value[][] = [];
  const found: Value[][] = [];
  for (const row of rows) {
    const n = row['n'] ?? 0;
    const key = String(row['key']);
    const outcome = preparer.prepare({
      key,
      identifiers: rawIdentifiers(warehouse, identifiers, (index) => row[`raw_${index}`] ?? null),
      fieldsJson: row['fields'] === null ? null : String(row['fields']),
      eventTime: row['event_time'] === null ? null : String(row['event_time']),
    });
    if (outcome.kind === 'invalid') {
      prepared.push([n, outcome.code, outcome.leaves, null]);
      continue;
    }
    if (outcome.identifiers.length === 0) continue;
    prepared.push([n, null, false, wireText(outcome.identifiers)]);
    for (const identifier of outcome.identifiers) {
      if (identifier.matching) found.push([n, key, identifier.kind, identifier.rank, identifier.value]);
    }
  }
  await warehouse.append(
    { database: null, schema: null, name: TEMPORARY.prepared },
    PREPARED.map(appendType),
    prepared,
  );
  await warehouse.append(
    { database: null, schema: null, name: TEMPORARY.newIdentifiers },
    NEW_IDENTIFIERS.map(appendType),
    found,
  );
}

function appendType(column: StateColumn): 'text' | 'bigint' | 'integer' | 'boolean' {
  return column.type === 'bigint' || column.type === 'integer' || column.type === 'boolean' ? column.type : 'text';
}

/** The elements of an array column are identifiers each, ranked in their order. */
function rawIdentifiers(
  { state }: Warehouse,
  columns: readonly SourceIdentifier[],
  value: (index: number) => Value,
): RawRow['identifiers'] {
  return columns.flatMap(({ kind, rank, matching, dataType, form, hintOnly }, index) => {
    const text = value(index);
    if (text === null) return [];
    const rest = { kind, matching, ...(form && { form }), ...(hintOnly && { hintOnly }) };
    if (!state.isArray(dataType)) return [{ ...rest, rank, value: String(text) }];
    return elementsOf(String(text)).map((element, position) => ({
      ...rest,
      rank: rank * 1000 + position,
      value: element,
    }));
  });
}

function elementsOf(json: string): string[] {
  const parsed: unknown = JSON.parse(json);
  return Array.isArray(parsed) ? parsed.filter((element) => element !== null).map(String) : [];
}

/** Identifiers as they are frozen in the change table: `[[kind, rank, value, record id], …]`. */
export function wireText(identifiers: readonly PreparedIdentifier[]): string {
  return JSON.stringify(identifiers.map(({ kind, rank, value }) => [kind, rank, value, null]));
}
