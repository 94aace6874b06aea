/** What a transaction has still to do. */
export interface Pending {
  /** Its statements, in order. */
  readonly statements: readonly string[];
  /** Queries that must give a row when it begins. */
  readonly conditions: readonly string[];
}

const NAME = '`(?:[^`\\\\]|\\\\.)+`';
const LASTING = `${NAME}(?:\\.${NAME})+`;
const CHANGES = new RegExp(`^(?:insert into|update|delete from) (${LASTING})`);
const MAKES = new RegExp(`^(?:create (?:or replace )?table|drop table(?: if exists)?) ${LASTING}`);

/** Says so where a condition does not hold any more. */
export const CONDITION_FAILED = 'dinmo: a condition of this transaction does not hold';

/**
 * BigQuery has transactions within one script, and within a session, where one that was left open by a process that died would hold the
 * tables for a day. So a transaction here is one script: what changes lasting tables is gathered and sent at the end, all of it or
 * nothing; what fills temporary tables, or reads, runs at once. So nothing may read what the transaction has changed, and none may
 * make or drop a lasting table, which BigQuery refuses: such a statement throws.
 */
export class GatheredTransaction {
  readonly #statements: string[] = [];
  readonly #conditions: string[] = [];
  readonly #changed = new Set<string>();

  get pending(): Pending {
    return { statements: this.#statements, conditions: this.#conditions };
  }

  require(query: string): void {
    this.#conditions.push(query);
  }

  /** Whether the statement was gathered; where not, it is one to run now. */
  gathers(sql: string): boolean {
    const text = sql.trim();
    const changed = CHANGES.exec(text)?.[1];
    if (changed === undefined) {
      if (MAKES.test(text))
        throw new TypeError(`no lasting table is made or dropped in a transaction: ${text.slice(0, 80)}`);
      this.checkReads(text);
      return false;
    }
    this.#changed.add(changed);
    this.#statements.push(text);
    return true;
  }

  /** A statement that reads now sees nothing of what was gathered. */
  checkReads(sql: string): void {
    for (const table of this.#changed)
      if (sql.includes(table)) throw new TypeError(`read before the transaction that changes it: ${table}`);
  }
}

/** The script of a transaction; null where there is nothing to do. */
export function transactionScript({ statements, conditions }: Pending): string | null {
  const [only, ...more] = statements;
  if (only === undefined) return null;
  if (more.length === 0 && conditions.length === 0) return only;
  const checks = conditions.map((query) => `select if(exists (${query}), 1, error('${CONDITION_FAILED}'))`);
  return ['begin transaction', ...checks, ...statements, 'commit transaction'].join(';\n');
}
