import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';

const PYTHON = join(import.meta.dirname, '../../../.venv/bin/python');

const SCRIPT = `
import duckdb, json, sys
for line in sys.stdin:
    try:
        connection = duckdb.connect(line.strip())
        found = {}
        for schema, name in connection.execute("select table_schema, table_name from information_schema.tables").fetchall():
            found[schema + '.' + name] = [str(value) for value in connection.execute(f'select count(*), coalesce(bit_xor(hash(t)), 0) from "{schema}"."{name}" as t').fetchone()]
        connection.close()
        print(json.dumps({'tables': found}), flush=True)
    except Exception as error:
        print(json.dumps({'error': str(error)}), flush=True)
`;

type Contents = Readonly<Record<string, readonly [rows: string, hash: string]>>;

/** How far a sync had come when it died, as its tables tell. */
export type Stage = 'at rest' | 'frozen' | 'sending';

export interface Testimony {
  /** What is wrong with the file; null when both read it, and read the same. */
  readonly problem: string | null;
  readonly stage: Stage;
  /** The file stood with a log that has to be replayed. */
  readonly withLog: boolean;
  /** The same for the same rows. */
  readonly mark: string;
}

/**
 * Opens copies of a DuckDB file that a process left behind, one as dbt does and one as the program does, and reads every row
 * of every table and view in it.
 */
export class FileWitness {
  readonly #python: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #examined = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'dinmo-witness-'));

  constructor() {
    this.#python = spawn(PYTHON, ['-c', SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#python.stdout === null) throw new Error('the witness has no voice');
    this.#answers = createInterface({ input: this.#python.stdout })[Symbol.asyncIterator]();
  }

  async examine(path: string): Promise<Testimony> {
    const withLog = existsSync(`${path}.wal`);
    const theirs = await this.#ask(this.#copy(path, 'theirs'));
    const unread = { stage: 'at rest', withLog, mark: '' } as const;
    if (typeof theirs === 'string') return { ...unread, problem: `dbt's DuckDB cannot read it: ${theirs}` };
    const text = (contents: Contents): string => JSON.stringify(Object.entries(contents).sort());
    const mark = text(theirs);
    const read = { stage: stageOf(theirs), withLog, mark };
    // The program reads the file itself with its next sync; here, now and then, whether it reads the same.
    if (this.#examined++ % 5 !== 0) return { ...read, problem: null };
    const ours = await readHere(this.#copy(path, 'ours'));
    if (typeof ours === 'string') return { ...unread, problem: `DuckDB cannot read it: ${ours}` };
    return { ...read, problem: text(ours) === mark ? null : `two read different rows: ${mark}, ${text(ours)}` };
  }

  /** Under its own name: views name the database that they read. */
  #copy(path: string, reader: string): string {
    mkdirSync(join(this.#folder, reader), { recursive: true });
    const copy = join(this.#folder, reader, basename(path));
    for (const end of ['', '.wal']) {
      rmSync(copy + end, { force: true });
      if (existsSync(path + end)) copyFileSync(path + end, copy + end);
    }
    return copy;
  }

  close(): void {
    this.#python.stdin?.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ask(path: string): Promise<Contents | string> {
    this.#python.stdin?.write(`${path}\n`);
    const { value, done } = await this.#answers.next();
    if (done) return 'the process ended';
    const { tables, error } = JSON.parse(String(value)) as { readonly tables?: Contents; readonly error?: string };
    return tables ?? error ?? 'no answer';
  }
}

function stageOf(contents: Contents): Stage {
  const tables = Object.entries(contents).map(([name, [rows]]) => ({ name: name.split('.')[1] ?? '', rows }));
  if (!tables.some(({ name }) => name.startsWith('changes_'))) return 'at rest';
  return tables.some(({ name, rows }) => name === 'sends' && rows !== '0') ? 'sending' : 'frozen';
}

async function readHere(path: string): Promise<Contents | string> {
  let instance: DuckDBInstance | null = null;
  try {
    instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    const rowsOf = async (sql: string): Promise<readonly Record<string, unknown>[]> =>
      (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const found: Record<string, [string, string]> = {};
    for (const { table_schema: schema, table_name: name } of await rowsOf(
      'select table_schema, table_name from information_schema.tables',
    )) {
      const [row] = await rowsOf(
        `select count(*)::varchar as rows, coalesce(bit_xor(hash(t)), 0)::varchar as hash from "${String(schema)}"."${String(name)}" as t`,
      );
      found[`${String(schema)}.${String(name)}`] = [String(row?.['rows']), String(row?.['hash'])];
    }
    connection.closeSync();
    return found;
  } catch (thrown) {
    return String(thrown);
  } finally {
    instance?.closeSync();
  }
}
