/**
 * A transaction that begins with the first row that changes, for a warehouse in which making a table ends one: tables are made and read
 * before. The caller sees to it that statements come one after another.
 */
export class LateTransaction {
  readonly #command: (sql: 'begin' | 'commit' | 'rollback') => Promise<unknown>;
  #stage: 'none' | 'open' | 'begun' = 'none';

  /** `command` sends what begins and ends a transaction. */
  constructor(command: (sql: 'begin' | 'commit' | 'rollback') => Promise<unknown>) {
    this.#command = command;
  }

  /** Called before each statement. Throws TypeError where it makes or drops a table after a row has changed. */
  async before(sql: string): Promise<void> {
    if (this.#stage === 'none') return;
    const kind = kindOf(sql);
    if (kind === 'table' && this.#stage === 'begun')
      throw new TypeError(`a table is made or dropped after a row has changed: ${sql.slice(0, 80)}`);
    if (kind === 'row') await this.changes();
  }

  /** A row of a lasting table is about to change. */
  async changes(): Promise<void> {
    if (this.#stage !== 'open') return;
    await this.#command('begin');
    this.#stage = 'begun';
  }

  /** All of the work or nothing; work inside work is part of it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stage !== 'none') return await work();
    this.#stage = 'open';
    try {
      const result = await work();
      if (this.#begun()) await this.#command('commit');
      return result;
    } catch (thrown) {
      if (this.#begun()) await this.#command('rollback').catch(() => {});
      throw thrown;
    } finally {
      this.#stage = 'none';
    }
  }

  /** A method, since the compiler does not see that the work changes it. */
  #begun(): boolean {
    return this.#stage === 'begun';
  }
}

/** What a statement of the engine changes. */
export function kindOf(sql: string): 'row' | 'table' | 'nothing' {
  const [word = ''] = /[a-z]+/i.exec(sql.trimStart()) ?? [];
  if (/^(insert|update|delete|merge)$/i.test(word)) return 'row';
  return /^(create|drop|alter|truncate)$/i.test(word) ? 'table' : 'nothing';
}
