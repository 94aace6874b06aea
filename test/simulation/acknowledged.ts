import type { Batch, BatchOutcome, OutgoingRow } from '../../src/destinations/destination.ts';

/**
 * What the destination has acknowledged, as the sending process was told, by activation and key: to tell whether a row is
 * sent again that need not be.
 */
export class Acknowledged {
  readonly #content = new Map<string, string>();
  #configuration = '';
  #excused = true;
  /** By key: the row as the warehouse has it, which may differ where what is sent does not. */
  #raw: ReadonlyMap<string, string> = new Map();
  readonly #counted = new Set<string>();
  /** Rows of this run that were acknowledged before with this content. */
  again: string[] = [];

  /** `excused`: everything may be sent again. Another configuration makes other rows of all of them. */
  begin(configuration: string, excused: boolean, raw: ReadonlyMap<string, string>): void {
    this.#raw = raw;
    if (configuration !== this.#configuration) this.#content.clear();
    this.#configuration = configuration;
    this.#excused = excused;
    this.#counted.clear();
    this.again = [];
  }

  sending({ rows, operation }: Batch): void {
    for (const row of rows) {
      const once = `${row.seq}`;
      if (!this.#excused && !this.#counted.has(once) && this.#content.get(row.key) === this.#contentOf(row, operation))
        this.again.push(`${operation} ${row.key}`);
      this.#counted.add(once);
      // From now on nobody knows what the destination has, until it says so.
      this.#content.delete(row.key);
      if (row.previousKey !== null) this.#content.delete(row.previousKey);
    }
  }

  answered({ rows, operation }: Batch, outcome: BatchOutcome): void {
    const taken =
      outcome.kind === 'counted' && outcome.accepted >= rows.length
        ? rows
        : outcome.kind === 'receipts'
          ? rows.filter(({ seq }) => outcome.receipts.some((one) => one.seq === seq && one.status === 'accepted'))
          : [];
    for (const row of taken) this.#content.set(row.key, this.#contentOf(row, operation));
  }

  #contentOf({ key, fieldsJson, identifiers }: OutgoingRow, operation: Batch['operation']): string {
    const sent = identifiers.map((one) => [one.kind, one.value]);
    return JSON.stringify([operation === 'delete' ? 'remove' : 'put', fieldsJson, sent, this.#raw.get(key)]);
  }
}
