/** What a transaction has still to do, and where the tables stand that it makes. */
export interface Pending {
  /** Statements of the transaction itself, in order. */
  readonly statements: readonly string[];
  /** Queries that must give a row when it begins. */
  readonly conditions: readonly string[];
  /** Lasting tables that it fills, by name, and the temporary tables that hold their rows until then. */
  readonly made: ReadonlyMap<string, string>;
  /** Lasting tables that it drops: emptied inside, dropped afterwards. */
  readonly dropped: ReadonlySet<string>;
}

/** What becomes of a statement inside a transaction. */
export type Step = { readonly kind: 'now'; readonly sql: string } | { readonly kind: 'later' };

const NAME = '`(?:[^`\\\\]|\\\\.)+`';
const LASTING = `${NAME}(?:\\.${NAME})+`;
const MAKES = new RegExp(`^create or replace table (${LASTING}) as ([\\s\\S]*)$`);
const DROPS = new RegExp(`^drop table if exists (${LASTING})$`);
const CHANGES = new RegExp(`^(?:insert into|update|delete from) (${LASTING})`);

/** Says so where a condition does not hold any more. */
export const CONDITION_FAILED = 'dinmo: a condition of this transaction does not hold';

/**
 * BigQuery has transactions within one script, and within a session, where one that was left open by a process that died would hold the
 * tables for a day. So a transaction here is one script: what changes lasting tables is gathered and sent at the end, all of it or
 * nothing; what fills temporary tables runs at once. DDL on lasting tables is not allowed inside: a table that is made there is filled as
 * a temporary one first, which takes its place in what is read, and copied inside the script; one that is dropped is emptied inside
 * and dropped afterwards. Nothing may read what the transaction has changed: such a statement throws.
 */
export class GatheredTransaction {
  readonly #statements: string[] = [];
  readonly #conditions: string[] = [];
  readonly #made = new Map<string, string>();
  readonly #dropped = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #quote: (name: string) => string;

  constructor(quote: (name: string) => string) {
    this.#quote = quote;
  }

  get pending(): Pending {
    return { statements: this.#statements, conditions: this.#conditions, made: this.#made, dropped: this.#dropped };
  }

  require(query: string): void {
    this.#conditions.push(query);
  }

  /** Takes what can wait until the end; gives back what has to run now. */
  step(sql: string): Step {
    const text = sql.trim();
    const [, made, select] = MAKES.exec(text) ?? [];
    if (made !== undefined && select !== undefined) {
      const stage = this.#quote(`stage_${made.split('.').at(-1)?.slice(1, -1) ?? ''}`);
      const now = `create or replace temp table ${stage} as ${this.reading(select)}`;
      this.#made.set(made, stage);
      this.#dropped.delete(made);
      return { kind: 'now', sql: now };
    }
    const dropped = DROPS.exec(text)?.[1];
    if (dropped !== undefined) {
      this.#made.delete(dropped);
      this.#dropped.add(dropped);
      return { kind: 'later' };
    }
    const changed = CHANGES.exec(text)?.[1];
    if (changed === undefined) return { kind: 'now', sql: this.reading(sql) };
    this.#changed.add(changed);
    this.#statements.push(this.#staged(text));
    return { kind: 'later' };
  }

  /** A statement that only reads, of the tables as they stand for this transaction. */
  reading(sql: string): string {
    for (const table of this.#changed)
      if (sql.includes(table)) throw new TypeError(`read before the transaction that changes it: ${table}`);
    return this.#staged(sql);
  }

  #staged(sql: string): string {
    let text = sql;
    for (const [table, stage] of this.#made) text = text.replaceAll(table, stage);
    return text;
  }
}

/**
 * The script of a transaction; null where there is nothing to do. `existing` are those of the dropped tables that there are.
 */
export function transactionScript(
  { statements, conditions, made }: Pending,
  existing: ReadonlySet<string>,
): string | null {
  const filled = [...made].flatMap(([table, stage]) => [
    `truncate table ${table}`,
    `insert into ${table} select * from ${stage}`,
  ]);
  const emptied = [...existing].map((table) => `truncate table ${table}`);
  const changes = [...filled, ...statements, ...emptied];
  if (changes.length === 0) return null;
  if (changes.length === 1 && conditions.length === 0) return `${changes[0]}`;
  const checks = conditions.map((query) => `select if(exists (${query}), 1, error('${CONDITION_FAILED}'))`);
  return ['begin transaction', ...checks, ...changes, 'commit transaction'].join(';\n');
}
