import { exchange } from '../answer.ts';
import type { Batch, BatchOutcome, OutgoingRow, Receipt, ServiceContext, Session } from '../destination.ts';
import { oneByOne } from '../one-by-one.ts';
import { BATCH_ROWS_MAX } from './facts.ts';
import { renderDigest, renderMessage, renderMore, shownMax } from './message.ts';
import { messageOutcome } from './response.ts';

/** A message a second. https://docs.slack.dev/apis/web-api/rate-limits */
const SPACING_MS = 1_000;

/**
 * Posts the events of one sync. Batches come one after another (one connection), and what was shown so far is known here: of
 * those beyond `rows_max` one line says how many, and they count as told.
 */
export function createSession(context: ServiceContext): Session {
  const sync: Sync = { context, post: (body, signal) => postMessage(context, body, signal), shown: 0, isTold: false };
  return {
    audienceId: null,
    account: null,
    send: (batch, signal) => {
      if (sync.isTold) return Promise.resolve({ kind: 'accepted' });
      return context.config['messages'] === 'digest' ? sendDigest(sync, batch, signal) : sendEach(sync, batch, signal);
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

interface Sync {
  readonly context: ServiceContext;
  /** null: the message is posted. */
  post(body: string, signal: AbortSignal): Promise<BatchOutcome | null>;
  /** Events that have a message of their own. */
  shown: number;
  /** All that this sync will say was said. */
  isTold: boolean;
}

/** How many events of the sync are left: those of this batch where the sync is no longer than one, else those of the plan, some of which may be invalid. */
function countLeft({ context, shown }: Sync, rows: number): number {
  return context.changes > BATCH_ROWS_MAX ? Math.max(context.changes - shown, rows) : rows;
}

/** One message stands for the sync, whatever the number of its batches. No row is at fault where it is refused. */
async function sendDigest(sync: Sync, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const body = renderDigest(batch.rows, countLeft(sync, batch.rows.length), sync.context.config);
  const outcome = await sync.post(body, signal);
  if (outcome === null) {
    sync.isTold = true;
    return { kind: 'accepted' };
  }
  if (outcome.kind !== 'narrow') return outcome;
  const fix = 'Look at config.template and config.title: the digest as a whole was refused.';
  return { kind: 'refused', code: outcome.code, message: outcome.message, fix };
}

async function sendEach(sync: Sync, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const max = shownMax(sync.context.config);
  const own = batch.rows.slice(0, Math.max(0, max - sync.shown));
  const rest = batch.rows.slice(own.length);
  const steps = { clock: sync.context.clock, signal, spacingMs: SPACING_MS, repeatable: false };
  const outcome = await oneByOne(own, steps, (row) => sendOne(sync, row, signal));
  if (outcome.kind !== 'receipts' || rest.length === 0) return outcome;
  return {
    kind: 'receipts',
    receipts: [...outcome.receipts, ...(await sendRest(sync, { rest, own, outcome }, signal))],
  };
}

async function sendOne(sync: Sync, row: OutgoingRow, signal: AbortSignal) {
  const outcome = await sync.post(renderMessage(row, sync.context.config), signal);
  if (outcome !== null && outcome.kind !== 'narrow') return { kind: 'outcome', outcome } as const;
  if (outcome === null) sync.shown++;
  const receipt: Receipt =
    outcome === null
      ? { seq: row.seq, status: 'accepted' }
      : { seq: row.seq, status: 'rejected', code: outcome.code, message: outcome.message };
  return { kind: 'receipt', receipt, pauseMs: null } as const;
}

/** The last message of the sync. Where a message before it is not through, there is no point in one more. */
async function sendRest(
  sync: Sync,
  batch: {
    readonly rest: readonly OutgoingRow[];
    readonly own: readonly OutgoingRow[];
    readonly outcome: Extract<BatchOutcome, { kind: 'receipts' }>;
  },
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  const { rest, own, outcome } = batch;
  const stuck = outcome.receipts.find(({ status }) => status === 'deferred' || status === 'unknown');
  if (stuck !== undefined && 'code' in stuck) {
    return rest.map(({ seq }) => ({ seq, status: 'deferred', code: stuck.code, message: stuck.message }));
  }
  if (own.length > 0) await sync.context.clock.sleep(SPACING_MS);
  const refusal = await sync.post(renderMore(countLeft(sync, rest.length)), signal);
  if (refusal === null) {
    sync.isTold = true;
    return rest.map(({ seq }) => ({ seq, status: 'accepted' }));
  }
  const status = refusal.kind === 'retry' && refusal.applied === 'maybe' ? 'unknown' : 'deferred';
  const said = 'code' in refusal ? { code: refusal.code, message: refusal.message } : { code: 'not-sent', message: '' };
  return rest.map(({ seq }) => ({ seq, status, ...said }));
}

async function postMessage(context: ServiceContext, body: string, signal: AbortSignal): Promise<BatchOutcome | null> {
  const url = webhookUrl(context);
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  const result = await exchange(context.http, { method: 'POST', url, headers, body, signal });
  if (result.kind === 'outcome') return result.outcome;
  return messageOutcome(result.response, context.clock.now());
}

/** The whole address is the secret; `base_url` takes the place of its scheme, host and port. */
export function webhookUrl(context: {
  readonly credentials: ServiceContext['credentials'];
  readonly baseUrl?: string | null | undefined;
}): string {
  const text = context.credentials['webhook_url'] ?? '';
  const url = URL.parse(text);
  if (context.baseUrl === null || context.baseUrl === undefined || url === null) return text;
  return `${context.baseUrl.replace(/\/+$/, '')}${url.pathname}`;
}
