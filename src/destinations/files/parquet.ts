import type { SpoolHeader } from './spool.ts';
import type { Writing } from './text.ts';

/**
 * Writes a spool as Parquet, with DuckDB in memory. Every column has the type of its property; what Parquet has no type
 * for (JSON, geography, integers beyond 38 digits) is text.
 */
export async function writeParquet(writing: Writing, target: string): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    await connection.run("set timezone = 'UTC'");
    await connection.run(renderCopy(writing, target));
    connection.closeSync();
  } finally {
    instance.closeSync();
  }
}

function renderCopy({ spool, header, layout }: Writing, target: string): string {
  const { operationColumn } = layout.form;
  const operation = operationColumn === null ? [] : [`json ->> '/o' as ${quote(operationColumn)}`];
  const own = layout.whole ? [] : [...operation, `json ->> '/k' as ${quote('_key')}`];
  const fields = header.columns.map((column) => `${renderColumn(column)} as ${quote(column.field)}`);
  // A name is a pattern to DuckDB's readers; a character class of one is that character.
  const source = spool.replace(/[*?[]/g, (character) => `[${character}]`);
  return `copy (
    select ${[...own, ...fields].join(', ')}
    from read_json_objects(${literal(source)}, format = 'newline_delimited')
  ) to ${literal(target)} (format parquet)`;
}

function renderColumn(column: SpoolHeader['columns'][number]): string {
  // JSON pointer (RFC 6901): any name can stand in it.
  const pointer = `/f/${column.field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const type = parquetType(column.dataType);
  const read = type.endsWith('[]') ? `json_extract(json, ${literal(pointer)})` : `(json ->> ${literal(pointer)})`;
  return `cast(${read} as ${type})`;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|BOOLEAN|DATE|TIME|UUID)$/, '$1'],
  [/^INT2$/, 'SMALLINT'],
  [/^(INT|INT4)$/, 'INTEGER'],
  [/^(INT8|INT64|BYTEINT|LONG)$/, 'BIGINT'],
  // DuckDB would write it as a double.
  [/^HUGEINT$/, 'DECIMAL(38,0)'],
  [/^(?:DECIMAL|NUMERIC|NUMBER)\((\d|[12]\d|3[0-8])\)$/, 'DECIMAL($1,0)'],
  [/^(?:DECIMAL|NUMERIC|NUMBER)\((\d|[12]\d|3[0-8]),(\d+)\)$/, 'DECIMAL($1,$2)'],
  [/^(REAL|FLOAT4)$/, 'FLOAT'],
  [/^(DOUBLE|DOUBLE PRECISION|FLOAT|FLOAT8|FLOAT64)$/, 'DOUBLE'],
  [/^BOOL$/, 'BOOLEAN'],
  [/^(TIMESTAMP WITH TIME ZONE|TIMESTAMPTZ|TIMESTAMP_TZ|TIMESTAMP_LTZ)(\(\d\))?$/, 'TIMESTAMPTZ'],
  [
    /^(TIMESTAMP|TIMESTAMP WITHOUT TIME ZONE|TIMESTAMP_NTZ|TIMESTAMP_S|TIMESTAMP_MS|TIMESTAMP_NS|DATETIME)(\(\d\))?$/,
    'TIMESTAMP',
  ],
];

/** The DuckDB type for a warehouse's type name; VARCHAR for one that is not known. */
export function parquetType(dataType: string): string {
  const name = dataType
    .trim()
    .toUpperCase()
    .replace(/\s*([(),])\s*/g, '$1');
  const element =
    /^(.+)\[\d*\]$/.exec(name)?.[1] ?? /^ARRAY<(.+)>$/.exec(name)?.[1] ?? /^ARRAY\((.+)\)$/.exec(name)?.[1];
  if (element !== undefined) return `${parquetType(element)}[]`;
  for (const [pattern, type] of TYPES) if (pattern.test(name)) return name.replace(pattern, type);
  return 'VARCHAR';
}
