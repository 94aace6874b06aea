/** Types that a table can be made with, by the names that warehouses give theirs. `$1`, `$2`: precision and scale. */
interface TypeNames {
  readonly [kind: string]: string;
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^(TINYINT|SMALLINT|INT2|UTINYINT)$/, 'smallint'],
  [/^(INTEGER|INT|INT4|USMALLINT)$/, 'integer'],
  [/^(BIGINT|INT8|INT64|UINTEGER|BYTEINT|LONG)$/, 'bigint'],
  [/^(HUGEINT|UBIGINT|UHUGEINT)$/, 'decimal(38,0)'],
  [/^(?:DECIMAL|NUMERIC|NUMBER)\((\d+)(?:,0)?\)$/, 'decimal($1,0)'],
  [/^(?:DECIMAL|NUMERIC|NUMBER)\((\d+),(\d+)\)$/, 'decimal($1,$2)'],
  [/^(DECIMAL|NUMERIC|NUMBER|BIGNUMERIC)$/, 'decimal(38,9)'],
  [/^(REAL|FLOAT4)$/, 'real'],
  [/^(DOUBLE|DOUBLE PRECISION|FLOAT|FLOAT8|FLOAT64)$/, 'double precision'],
  [/^BOOL(EAN)?$/, 'boolean'],
  [/^DATE$/, 'date'],
  [/^TIME(\(\d\))?( WITHOUT TIME ZONE)?$/, 'time'],
  [
    /^(TIMESTAMP WITH TIME ZONE|TIMESTAMPTZ|TIMESTAMP_TZ|TIMESTAMP_LTZ|TIMESTAMP\(\d\) WITH TIME ZONE)(\(\d\))?$/,
    'timestamptz',
  ],
  [
    /^(TIMESTAMP|TIMESTAMP WITHOUT TIME ZONE|TIMESTAMP_NTZ|TIMESTAMP_S|TIMESTAMP_MS|TIMESTAMP_NS|DATETIME)(\(\d\))?$/,
    'timestamp',
  ],
  [/^UUID$/, 'uuid'],
  [/^(JSON|JSONB|VARIANT|OBJECT|STRUCT.*|MAP.*|RECORD)$/, 'json'],
];

const DECIMAL = /^decimal\((\d+),(\d+)\)$/;

/** The type for a warehouse's type name, with the words of this database for kinds that it calls otherwise; text for one that is not known. */
export function columnType(dataType: string, words: TypeNames): string {
  const name = dataType
    .trim()
    .toUpperCase()
    .replace(/\s*([(),])\s*/g, '$1');
  const element =
    /^(.+)\[\d*\]$/.exec(name)?.[1] ?? /^ARRAY<(.+)>$/.exec(name)?.[1] ?? /^ARRAY\((.+)\)$/.exec(name)?.[1];
  if (element !== undefined) return `${columnType(element, words)}[]`;
  for (const [pattern, type] of KINDS) {
    if (!pattern.test(name)) continue;
    const kind = name.replace(pattern, type).toLowerCase();
    const [, precision, scale] = DECIMAL.exec(kind) ?? [];
    if (precision !== undefined && (Number(precision) > 38 || Number(scale) > Number(precision))) return 'text';
    return words[kind] ?? kind;
  }
  return 'text';
}
