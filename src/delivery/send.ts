import type { OutgoingRow } from '../destinations/destination.ts';
import { scrub } from '../log.ts';
import {
  allTaken,
  attempt,
  conclude,
  type Final,
  inDoubtWhere,
  type NarrowingTally,
  type SendContext,
  type SendResult,
} from './attempt.ts';
import type { RowTexts } from './row-texts.ts';

const NARROWED_FROM_START_MAX = 25;

/** Why rows of a batch are not sent when a job of their neighbours is still open. */
const BEHIND_A_JOB = { code: 'job-open', message: 'a job with other rows of the batch is still open' };

/** Sends rows of one operation until each has a receipt: tries again, halves, and narrows a refused batch down to the rows at fault. */
export async function sendRows(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  return await follow(await attempt(rows, context), rows, context);
}

/** The same for rows that are still texts: they become rows where not all of them were taken. */
export async function sendTexts(texts: RowTexts, context: SendContext): Promise<SendResult> {
  const outcome = await attempt(texts, context);
  if (outcome.kind !== 'accepted') return await follow(outcome, texts.rows, context);
  return count(allTaken(texts), context.tally);
}

async function follow(outcome: Final, rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  if (outcome.kind === 'too_large' && rows.length > 1) {
    const halves = await sendHalves(rows, context);
    return outcome.maybe === true ? inDoubt(halves) : halves;
  }
  if (!isRefusedForARow(outcome, rows) || rows.length === 1) return count(conclude(outcome, rows), context.tally);
  return await narrow(rows, outcome, context);
}

function isRefusedForARow(outcome: Final, rows: readonly OutgoingRow[]): boolean {
  return (
    outcome.kind === 'narrow' ||
    outcome.kind === 'too_large' ||
    (outcome.kind === 'counted' && outcome.accepted < rows.length)
  );
}

async function sendHalves(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const middle = Math.ceil(rows.length / 2);
  const first = await sendRows(rows.slice(0, middle), context);
  const rest = rows.slice(middle);
  if (first.refusal) return join([first, leave(rest, first.refusal)]);
  if (first.open.length > 0) return join([first, leave(rest, BEHIND_A_JOB)]);
  return join([first, await sendRows(rest, context)]);
}

/** Narrows a refused batch down to the rows at fault. */
async function narrow(rows: readonly OutgoingRow[], refused: Final, context: SendContext): Promise<SendResult> {
  const narrowing = { context, mayBeApplied: false };
  noteRefusal(refused, narrowing);
  const result = await findFaults(rows, narrowing);
  return narrowing.mayBeApplied ? inDoubt(result) : result;
}

/** Rows that may have been applied, and got no answer of their own in the end, are unknown. */
function inDoubt(result: SendResult): SendResult {
  return { ...result, receipts: inDoubtWhere(true, result.receipts) };
}

interface Narrowing {
  readonly context: SendContext;
  mayBeApplied: boolean;
}

/** A short count says that some of the rows were taken, and not which. */
function noteRefusal(refused: Final, narrowing: Narrowing): void {
  const taken = refused.kind === 'counted' ? refused.accepted : 0;
  narrowing.context.tally.accepted += taken;
  if (taken > 0 || refused.maybe === true) narrowing.mayBeApplied = true;
}

/**
 * Finds one row at fault by halving: a half that is taken is done with, a half that is refused is looked into, and what was
 * never looked at is sent as one batch in the end. About log2(n) + 2 requests for each row at fault.
 */
async function findFaults(rows: readonly OutgoingRow[], narrowing: Narrowing): Promise<SendResult> {
  const { context } = narrowing;
  const results: SendResult[] = [];
  let suspects = rows;
  let unseen: readonly OutgoingRow[] = [];
  while (suspects.length > 0) {
    if (isHopeless(context.tally)) return join([...results, await giveUp([...suspects, ...unseen], context)]);
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    const rest = suspects.slice(half.length);
    const outcome = await attempt(half, context);
    if (isRefusedForARow(outcome, half) && half.length > 1) {
      noteRefusal(outcome, narrowing);
      unseen = [...rest, ...unseen];
      suspects = half;
      continue;
    }
    results.push(count(conclude(outcome, half), context.tally));
    if (outcome.kind === 'refused' || outcome.kind === 'gave_up')
      return join([...results, leave([...rest, ...unseen], outcome)]);
    if (outcome.kind === 'open') return join([...results, leave([...rest, ...unseen], BEHIND_A_JOB)]);
    if (isRefusedForARow(outcome, half)) unseen = [...rest, ...unseen];
    suspects = isRefusedForARow(outcome, half) ? [] : rest;
  }
  if (unseen.length > 0) results.push(await sendRows(unseen, context));
  return join(results);
}

/** Every row so far was at fault. Before the rest is given up, a few from all over are tried: those may just stand together. */
async function giveUp(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const tried = await probe(rows, context);
  const seen = new Set(tried.receipts.map((receipt) => receipt.seq));
  for (const { lo } of tried.taken) seen.add(lo);
  for (const job of tried.open) for (const { seq } of job.rows) seen.add(seq);
  const rest = rows.filter((row) => !seen.has(row.seq));
  if (tried.refusal) return join([tried, leave(rest, tried.refusal)]);
  if (tried.open.length > 0) return join([tried, leave(rest, BEHIND_A_JOB)]);
  return join([tried, isHopeless(context.tally) ? hopeless(rest, context.tally) : await sendRows(rest, context)]);
}

const PROBES = 5;

async function probe(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const results: SendResult[] = [];
  for (let number = 1; number <= PROBES; number++) {
    const row = rows[Math.floor((rows.length * number) / PROBES) - 1];
    if (row === undefined) continue;
    const outcome = await attempt([row], context);
    const result = count(conclude(outcome, [row]), context.tally);
    results.push(result);
    if (context.tally.accepted > 0 || isEnd(outcome)) break;
  }
  return join(results);
}

/** Nothing more can be learned now. */
function isEnd({ kind }: Final): boolean {
  return kind === 'refused' || kind === 'gave_up' || kind === 'open';
}

function count(result: SendResult, tally: NarrowingTally): SendResult {
  for (const { lo, hi } of result.taken) tally.accepted += hi - lo + 1;
  for (const receipt of result.receipts) if (receipt.status === 'accepted') tally.accepted++;
  if (result.receipts.length === 1 && result.receipts[0]?.status === 'rejected') tally.narrowed++;
  return result;
}

function isHopeless(tally: NarrowingTally): boolean {
  return tally.accepted === 0 && tally.narrowed >= NARROWED_FROM_START_MAX;
}

function hopeless(rows: readonly OutgoingRow[], tally: NarrowingTally): SendResult {
  const refusal = {
    code: 'everything-rejected',
    message: `the first ${tally.narrowed} rows that were tried one by one were rejected, every one`,
    fix: 'Look at the mapping and the settings of the destination: this is hardly the fault of single rows.',
  };
  return { ...leave(rows, refusal), refusal };
}

/** Rows that were not tried again after the destination failed. Nothing of them was applied: their last answer was a refusal. */
function leave(
  rows: readonly OutgoingRow[],
  { code, message }: { readonly code: string; readonly message: string },
): SendResult {
  const receipts = rows.map(({ seq }) => ({ seq, status: 'deferred' as const, code, message: scrub(message) }));
  return { receipts, taken: [], refusal: null, exhausted: false, over: false, open: [] };
}

function join(results: readonly SendResult[]): SendResult {
  return {
    receipts: results.flatMap((result) => result.receipts),
    taken: results.flatMap((result) => result.taken),
    refusal: results.find((result) => result.refusal !== null)?.refusal ?? null,
    exhausted: results.some((result) => result.exhausted),
    over: results.some((result) => result.over),
    open: results.flatMap((result) => result.open),
  };
}
