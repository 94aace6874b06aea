import { openSnowflake } from '../../../src/warehouse/snowflake/connection.ts';
import type { Row, Warehouse } from '../../../src/warehouse/warehouse.ts';
import { accountAt } from '../snowflake/emulator.ts';
import { type Asked, changed, failure, rows, type Scripted, ScriptedAccount } from '../snowflake/scripted-account.ts';
import { type Record, RecordedWarehouse } from './recorded.ts';

const TYPES: Readonly<{ [type: string]: string }> = {
  BIGINT: 'fixed',
  BOOLEAN: 'boolean',
  DOUBLE: 'real',
  VARCHAR: 'text',
};

/** Snowflake's own driver before an account whose statements DuckDB runs. */
export async function snowflakeOnDuckdb(duckdb: Warehouse, record: Record): Promise<Warehouse> {
  const account = new ScriptedAccount();
  const url = await account.start();
  let last: Promise<unknown> = Promise.resolve();
  account.script = (asked) => {
    if (asked.sql === null) return null;
    const answer = last.then(() => answerOf(asked, duckdb, record));
    last = answer.catch(() => {});
    return answer;
  };
  const session = await openSnowflake(accountAt(url, { database: 'shop', schema: 'main' }));
  const close = session.close.bind(session);
  session.close = async () => {
    await close();
    await account.stop();
    await duckdb.close();
  };
  return new RecordedWarehouse(session, record, (type) => (/^NUMBER\(\d+,0\)$/.test(type) ? 'BIGINT' : type));
}

async function answerOf({ sql, describeOnly, binds }: Asked, duckdb: Warehouse, record: Record): Promise<Scripted> {
  const statement = sql ?? '';
  // What a session begins with is none of a command's statements.
  if (statement.startsWith('alter session ')) return rows([{ name: 'status', type: 'text' }], [['done']]);
  record.sent.push(describeOnly ? `-- describe only\n${statement}` : statement);
  try {
    if (describeOnly) {
      const columns = await duckdb.describe(record.meaningOf(statement) ?? statement);
      return rows(
        columns.map(({ name, dataType }) => ({ name, type: TYPES[dataType] ?? 'text' })),
        [],
      );
    }
    const appended = /^insert into (\S+) select .* from table\(flatten\(input => parse_json\(\?\)\)\) as item$/s.exec(
      statement,
    );
    if (appended) return changed(await append(duckdb, appended[1] ?? '', binds[0] ?? '[]'));
    if (/^use schema /.test(statement)) return rows([{ name: 'status', type: 'text' }], [['done']]);
    const meaning = /^(begin|commit|rollback)$/.test(statement) ? statement : record.meaningOf(statement);
    if (meaning === null) throw new Error(`no meaning of ${statement}`);
    if (/^\s*(select|with)\b/i.test(statement)) return result(await duckdb.query(meaning));
    const count = await duckdb.run(meaning);
    return /^\s*(insert|update|delete|merge)\b/i.test(statement)
      ? changed(count)
      : rows([{ name: 'status', type: 'text' }], [['done']]);
  } catch (thrown) {
    return failure('001003', '42000', thrown instanceof Error ? thrown.message : String(thrown));
  }
}

async function append(duckdb: Warehouse, table: string, json: string): Promise<number> {
  const values = (JSON.parse(json) as readonly (readonly (string | null)[])[]).map(
    (row) => `(${row.map((value) => (value === null ? 'null' : `'${value.replaceAll("'", "''")}'`)).join(', ')})`,
  );
  await duckdb.run(`insert into ${table} values ${values.join(', ')}`);
  return values.length;
}

function result(found: readonly Row[]): Scripted {
  const names = Object.keys(found[0] ?? { nothing: null });
  const typeOf = (name: string): string => {
    const value = found.map((row) => row[name]).find((one) => one !== null);
    if (typeof value === 'bigint') return 'fixed';
    return typeof value === 'number' ? 'real' : typeof value === 'boolean' ? 'boolean' : 'text';
  };
  const text = (value: Row[string] | undefined): string | null =>
    value === null || value === undefined ? null : typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
  return rows(
    names.map((name) => ({ name: name.toUpperCase(), type: typeOf(name) })),
    found.map((row) => names.map((name) => text(row[name]))),
  );
}
