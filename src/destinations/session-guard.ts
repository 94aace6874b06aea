import { refused } from './answer.ts';
import type { Batch, BatchOutcome, FieldValue, OutgoingRow, Receipt, Session } from './destination.ts';

/** Single rows refused, without a single one taken, after which the fault is not the rows'. */
const ROWS_REFUSED_MAX = 50;

/** Rows of a batch up to which a message is searched for their values; above, its text is left out. */
const ROWS_SEARCHED_MAX = 100;

/**
 * Wraps a platform's session with two rules that hold for every platform.
 *
 * - Narrowing costs two requests a row, and where nothing at all is taken (a wrong address, a property that does not
 *   exist) it would go on to the last row: after 50 single rows refused, with nothing taken since the session began, the
 *   activation is refused.
 * - Platforms repeat the values they complain about. No value of a row leaves in a message.
 */
export function guardSession(session: Session): Session {
  let taken = false;
  let refusedRows = 0;
  const limitRefusals = (batch: Batch, outcome: BatchOutcome): BatchOutcome => {
    if (outcome.kind === 'receipts') taken ||= outcome.receipts.some((receipt) => receipt.status === 'accepted');
    if (outcome.kind === 'counted') taken ||= outcome.accepted > 0;
    if (taken || batch.rows.length !== 1 || !refusesAll(outcome)) return outcome;
    refusedRows += 1;
    if (refusedRows < ROWS_REFUSED_MAX) return outcome;
    const message = `The platform refused ${refusedRows} rows one by one and took none`;
    return refused('every-row-refused', message, 'Check settings and mapping: the fault is hardly in every row.');
  };
  return {
    audienceId: session.audienceId,
    account: session.account,
    send: async (batch, signal) => limitRefusals(batch, hideValues(batch, await session.send(batch, signal))),
    finish: () => session.finish(),
    abandon: () => session.abandon(),
  };
}

function refusesAll(outcome: BatchOutcome): boolean {
  if (outcome.kind === 'receipts') return outcome.receipts.every((receipt) => receipt.status === 'rejected');
  return outcome.kind === 'narrow' || (outcome.kind === 'counted' && outcome.accepted === 0);
}

function hideValues(batch: Batch, outcome: BatchOutcome): BatchOutcome {
  if (outcome.kind !== 'receipts') {
    // These speak of the account, and must reach the reader; a long batch is not worth searching for them.
    const ofAccount = outcome.kind === 'retry' || outcome.kind === 'refused';
    if (ofAccount && batch.rows.length > ROWS_SEARCHED_MAX) return outcome;
    return { ...outcome, message: cleanMessage(outcome.message, batch.rows, outcome.code) };
  }
  const rows = new Map(batch.rows.map((row) => [row.seq, row]));
  const receipts = outcome.receipts.map((receipt): Receipt => {
    const row = rows.get(receipt.seq);
    if (receipt.status === 'accepted' || row === undefined) return receipt;
    return { ...receipt, message: cleanMessage(receipt.message, [row], receipt.code) };
  });
  return { kind: 'receipts', receipts };
}

function cleanMessage(message: string, rows: readonly OutgoingRow[], code: string): string {
  if (rows.length > ROWS_SEARCHED_MAX) return `${rows.length} rows were refused (${code})`;
  let clean = message;
  for (const row of rows) {
    for (const text of textsOf([row.key, ...row.identifiers.map((identifier) => identifier.value), row.fields()])) {
      if (text.length >= 3) clean = clean.replaceAll(text, '<value>');
    }
  }
  return clean;
}

/** Every text in a value, however deep; numbers as their digits. */
function textsOf(value: FieldValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number' || typeof value === 'bigint') return [String(value)];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}
