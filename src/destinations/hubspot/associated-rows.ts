import type { BatchOutcome, OutgoingRow, Receipt } from '../destination.ts';
import type { Associated, Associator } from './associations.ts';

/** An account may make 100 requests in 10 seconds: what a batch asks for besides its own request waits for its share. */
const REQUEST_MS = 103;

/**
 * Associates the rows that were written. A row whose record stands and whose association does not is half-applied: `unknown`, so that
 * it is remembered as present, told, and sent again by the next run until the association stands too.
 */
export async function associateRows(
  associator: Associator,
  written: { readonly rows: readonly OutgoingRow[]; readonly receipts: readonly Receipt[] },
  signal: AbortSignal,
): Promise<BatchOutcome> {
  const { receipts } = written;
  const rows = new Map(written.rows.map((row) => [row.seq, row]));
  const records = receipts.flatMap((receipt): Associated[] => {
    const fields = rows.get(receipt.seq)?.fields() ?? null;
    if (receipt.status !== 'accepted' || receipt.recordId == null || fields === null) return [];
    return [{ seq: receipt.seq, id: receipt.recordId, isNew: receipt.created === true, fields }];
  });
  const before = associator.requests;
  const answer = await associator.associate(records, signal);
  const extra = associator.requests - before;
  const pause = extra === 0 ? {} : { pauseMs: extra * REQUEST_MS };
  if (answer.kind === 'faults') {
    const { faults } = answer;
    return { kind: 'receipts', ...pause, receipts: receipts.map((receipt) => judge(receipt, faults)) };
  }
  // The records are written: whatever stopped the associations, the rows may be applied.
  const { outcome } = answer;
  if (outcome.kind === 'retry') return { ...outcome, applied: 'maybe' };
  const [code, message] = 'code' in outcome ? [outcome.code, outcome.message] : ['association-failed', 'no answer'];
  const all = new Map(
    records.map(({ seq }) => [
      seq,
      { code, message: `The record was written and its association was not: ${message}` },
    ]),
  );
  return { kind: 'receipts', ...pause, receipts: receipts.map((receipt) => judge(receipt, all)) };
}

function judge(
  receipt: Receipt,
  faults: ReadonlyMap<number, { readonly code: string; readonly message: string }>,
): Receipt {
  const fault = faults.get(receipt.seq);
  return fault === undefined ? receipt : { seq: receipt.seq, status: 'unknown', ...fault };
}
