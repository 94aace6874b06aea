const NAME = '`(?:[^`\\\\]|\\\\.)+`';
/** Statements that nobody waits for an answer of: those that make tables, or drop one of the session. */
const MAKES = new RegExp(
  `^(?:create or replace temp table |create (?:schema|table) if not exists |drop table if exists ${NAME}$)`,
);

/** What is sent as one job. */
export interface Script {
  readonly sql: string;
  /** Values of its parameters. */
  readonly texts: Readonly<Record<string, string>>;
  /** Temporary tables are made in it: it needs a session. */
  readonly session: boolean;
  /** Rows are added in it to tables that were there before: made a second time, they would be twice in them. */
  readonly appends: boolean;
}

/**
 * Statements that wait for the next one whose answer somebody wants, to go out with it as one script: each job of BigQuery takes a second
 * and more, whatever it does. They fail with the job that they went out with.
 */
export class Waiting {
  #statements: string[] = [];
  #texts: Record<string, string> = {};
  #characters = 0;

  get isEmpty(): boolean {
    return this.#statements.length === 0;
  }

  /** Characters of the values that wait. */
  get characters(): number {
    return this.#characters;
  }

  /** Whether the statement waits now; where not, its answer is wanted. */
  takes(sql: string): boolean {
    if (!MAKES.test(sql)) return false;
    this.#statements.push(sql);
    return true;
  }

  /** Rows for a table, as a text; `insertion` writes the statement around the name of its parameter. */
  append(text: string, insertion: (parameter: string) => string): void {
    const name = `appended_${Object.keys(this.#texts).length + 1}`;
    this.#texts[name] = text;
    this.#characters += text.length;
    this.#statements.push(insertion(`@${name}`));
  }

  /** Whether a table that is made by one of them is named. */
  makesWhatIsNamedIn(sql: string): boolean {
    return this.#statements.some((statement) => {
      const name = new RegExp(`table (?:if not exists )?(${NAME})`).exec(statement)?.[1];
      return name !== undefined && sql.includes(name.slice(1, -1));
    });
  }

  /** All of them, with `sql` at their end. Nothing waits afterwards, whatever becomes of the job. */
  scriptWith(sql: string | null): Script {
    const statements = [...this.#statements, ...(sql === null ? [] : [sql])];
    const script = {
      sql: statements.join(';\n'),
      texts: this.#texts,
      session: statements.some((statement) => statement.startsWith('create or replace temp table ')),
      appends: Object.keys(this.#texts).length > 0,
    };
    this.forget();
    return script;
  }

  forget(): void {
    this.#statements = [];
    this.#texts = {};
    this.#characters = 0;
  }
}
