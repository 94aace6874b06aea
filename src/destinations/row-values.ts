import type { Batch, BatchOutcome, FieldValue, OutgoingRow, Receipt, Session } from './destination.ts';

/** Rows of a batch up to which a message is searched for their values; above, its text is left out. */
const ROWS_SEARCHED_MAX = 100;

/** Wraps a platform's session: platforms repeat the values they complain about, and no value of a row leaves in a message. */
export function hideRowValues(session: Session): Session {
  return {
    audienceId: session.audienceId,
    account: session.account,
    send: async (batch, signal) => hideIn(batch, await session.send(batch, signal)),
    finish: () => session.finish(),
    abandon: () => session.abandon(),
  };
}

function hideIn(batch: Batch, outcome: BatchOutcome): BatchOutcome {
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
  if (message === '') return message;
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
