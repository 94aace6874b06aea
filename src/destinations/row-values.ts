import type { Batch, BatchOutcome, FieldValue, Job, OutgoingRow, Receipt, Session } from './destination.ts';

/** Rows of a batch up to which a message may be about their values; above, the text of a refusal is left out. */
const ROWS_SEARCHED_MAX = 100;

/** Shorter values stand in any sentence. */
const VALUE_LENGTH_MIN = 3;

/** Wraps a platform's session: platforms repeat the values they complain about, and no value of a row leaves in a message. */
export function hideRowValues(session: Session): Session {
  const submitted = new Map<string, Batch>();
  const { poll } = session;
  return {
    audienceId: session.audienceId,
    account: session.account,
    async send(batch, signal) {
      const outcome = await session.send(batch, signal);
      if (outcome.kind === 'submitted') submitted.set(outcome.handle, batch);
      return hideIn(batch, outcome);
    },
    ...(poll === undefined
      ? {}
      : {
          async poll(job, signal) {
            const outcome = await poll.call(session, job, signal);
            const batch = submitted.get(job.handle);
            if (outcome.kind !== 'submitted' && outcome.kind !== 'retry') submitted.delete(job.handle);
            return batch === undefined ? withoutTexts(job, outcome) : hideIn(batch, outcome);
          },
        }),
    finish: () => session.finish(),
    abandon: () => session.abandon(),
  };
}

/** The values of an earlier run's rows are not at hand: what is said of them stays out, but for its code. */
function withoutTexts({ rows }: Job, outcome: BatchOutcome): BatchOutcome {
  const keys = new Set(rows.map(({ key }) => key.toLowerCase()));
  const said = ({ code }: { readonly code: string }) => {
    const safe = keys.has(code.toLowerCase()) ? 'rejected' : code;
    return { code: safe, message: `the job of an earlier run answered ${safe}` };
  };
  if (outcome.kind === 'receipts')
    return {
      ...outcome,
      receipts: outcome.receipts.map((receipt) => ('code' in receipt ? { ...receipt, ...said(receipt) } : receipt)),
    };
  const ofRows = outcome.kind === 'narrow' || outcome.kind === 'too_large' || outcome.kind === 'counted';
  return ofRows ? { ...outcome, ...said(outcome) } : outcome;
}

function hideIn(batch: Batch, outcome: BatchOutcome): BatchOutcome {
  if (outcome.kind === 'accepted' || outcome.kind === 'submitted') return outcome;
  if (outcome.kind !== 'receipts') {
    if (outcome.message === '') return outcome;
    // These speak of the account, and must reach the reader.
    const ofAccount = outcome.kind === 'retry' || outcome.kind === 'refused';
    if (ofAccount || batch.rows.length <= ROWS_SEARCHED_MAX) return { ...outcome, ...hide(outcome, batch.rows) };
    return { ...outcome, message: `${batch.rows.length} rows were refused (${outcome.code})` };
  }
  const rows = new Map(batch.rows.map((row) => [row.seq, row]));
  const receipts = outcome.receipts.map((receipt): Receipt => {
    const row = rows.get(receipt.seq);
    if (receipt.status === 'accepted' || row === undefined) return receipt;
    return { ...receipt, ...hide(receipt, [row]) };
  });
  return { ...outcome, receipts };
}

/** What was said, without the values of these rows; of many rows, only whole words are values. */
function hide(
  said: { readonly code: string; readonly message: string },
  rows: readonly OutgoingRow[],
): { readonly code: string; readonly message: string } {
  const message = said.message.toLowerCase();
  const code = said.code.toLowerCase();
  const found = new Set<string>();
  let isCode = false;
  let cut = 0;
  for (const row of rows) {
    for (const text of textsOf([row.key, ...row.identifiers.map((identifier) => identifier.value), row.fields()])) {
      if (text.length < VALUE_LENGTH_MIN) continue;
      const value = text.toLowerCase();
      for (const form of formsOf(value)) {
        if (message.includes(form)) found.add(form);
        else cut = Math.max(cut, cutLength(message, form));
      }
      if (code === value) isCode = true;
    }
  }
  const whole = cut === 0 ? said.message : `${said.message.slice(0, -cut - 1)}…`;
  return { code: isCode ? 'rejected' : said.code, message: replaceValues(whole, found, rows.length) };
}

/** A value as it stands in a sentence, and as it stands in a request that is quoted: JSON, with letters escaped or not. */
function formsOf(value: string): readonly string[] {
  if (/^[\w .@+-]*$/.test(value)) return [value];
  const json = JSON.stringify(value).slice(1, -1);
  const ascii = json.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [...new Set([value, json, ascii])];
}

/** How many characters before the end of a message that was cut are the beginning of the value. */
function cutLength(message: string, value: string): number {
  if (!message.endsWith('…')) return 0;
  const tail = message.slice(0, -1);
  for (let length = Math.min(value.length - 1, tail.length); length >= VALUE_LENGTH_MIN; length--)
    if (tail.endsWith(value.slice(0, length))) return length;
  return 0;
}

function replaceValues(message: string, values: ReadonlySet<string>, rowCount: number): string {
  const [before, after] = rowCount > ROWS_SEARCHED_MAX ? ['(?<![\\p{L}\\p{N}])', '(?![\\p{L}\\p{N}])'] : ['', ''];
  let clean = message;
  // The longest first: one value may stand in another.
  for (const value of [...values].sort((a, b) => b.length - a.length)) {
    const literal = value.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    clean = clean.replaceAll(new RegExp(`${before}${literal}${after}`, 'giu'), '<value>');
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
