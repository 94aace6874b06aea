import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Span } from '../delivery/row-texts.ts';
import type { Value } from '../warehouse/warehouse.ts';
import { type Journal, withdrawnRange } from './journal.ts';
import type { Ledger } from './ledger.ts';
import { united, without } from './spans.ts';

/** An answer for a range of changes, without what a platform says of their records. */
interface Answer extends Span {
  readonly status: string;
  readonly code: string | null;
}

/**
 * What this machine remembers of a run while the warehouse is told every 30 seconds only: which changes went out, and what was
 * answered. Numbers, states and codes: no key, no identifier, no message. Where it is lost, what the warehouse knows is right, and more
 * is sent again.
 */
export class LocalJournal {
  readonly #folder: string | null;
  readonly #file: string;

  /** `folder` null: nothing is remembered. */
  constructor(folder: string | null, runId: string) {
    this.#folder = folder;
    this.#file = join(folder ?? '', `${runId.replaceAll(/[^\w-]/g, '_')}.jsonl`);
  }

  /** Before they go out. */
  sends({ lo, hi }: Span): void {
    this.#append([[lo, hi]]);
  }

  /** Answers as `receiptRanges` makes them. What carries ids of records is left to the warehouse. */
  answered(ranges: readonly (readonly Value[])[]): void {
    this.#append(
      ranges
        .filter((range) => range.slice(5).every((value) => value === null || value === undefined))
        .map(([lo = 0, hi = 0, status = '', code = null]) => [lo, hi, status, code]),
    );
  }

  remove(): void {
    if (this.#folder !== null) rmSync(this.#file, { force: true });
  }

  read(): { readonly sent: readonly Span[]; readonly answers: readonly Answer[] } | null {
    const text = this.#folder === null ? null : textOf(this.#file);
    if (text === null) return null;
    const sent: Span[] = [];
    const answers: Answer[] = [];
    for (const line of text.split('\n')) {
      const entry = entryOf(line);
      if (entry === null) continue;
      if ('status' in entry) answers.push(entry);
      else sent.push(entry);
    }
    return { sent, answers };
  }

  #append(entries: readonly (readonly Value[])[]): void {
    if (entries.length === 0 || this.#folder === null) return;
    mkdirSync(this.#folder, { recursive: true });
    appendFileSync(this.#file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** null: the last line of a process that died while it wrote. */
function entryOf(line: string): Span | Answer | null {
  let entry: unknown = null;
  try {
    entry = JSON.parse(line);
  } catch {
    return null;
  }
  if (!Array.isArray(entry)) return null;
  const [lo, hi, status, code] = entry as readonly unknown[];
  if (!Number.isSafeInteger(lo) || !Number.isSafeInteger(hi)) return null;
  const span = { lo: Number(lo), hi: Number(hi) };
  if (status === undefined) return span;
  return { ...span, status: String(status), code: typeof code === 'string' ? code : null };
}

/**
 * Tells the warehouse, before a run that died is closed, what only this machine knew of it: answers that it was not told, and changes
 * that were announced and never went out.
 */
export async function tellWarehouse(
  ledger: Ledger,
  { runId, journal, local }: { readonly runId: string; readonly journal: Journal; readonly local: LocalJournal },
): Promise<void> {
  const remembered = local.read();
  if (remembered === null) return;
  const ofRun = async (table: 'sends' | 'receipts'): Promise<readonly Span[]> => {
    const rows = await ledger.warehouse.query(
      `select lo, hi from ${ledger.sql(table)} where run_id = ${ledger.text(runId)}`,
    );
    return united(rows.map((row) => ({ lo: Number(row['lo']), hi: Number(row['hi']) })));
  };
  let known = await ofRun('receipts');
  const announced = await ofRun('sends');
  const ranges: Value[][] = [];
  for (const answer of remembered.answers) {
    const fresh = without(united([answer]), known);
    for (const { lo, hi } of fresh) ranges.push(rangeOf({ ...answer, lo, hi }));
    known = united([...known, ...fresh]);
  }
  const unsent = without(announced, united([...remembered.sent, ...known]));
  ranges.push(...unsent.map(withdrawnRange));
  await journal.write(ranges);
  await journal.flush();
}

function rangeOf({ lo, hi, status, code }: Answer): Value[] {
  return [lo, hi, status, code, null, null, null, null, null];
}
