/** What a warehouse writes otherwise than DuckDB, whose names of types the tests use. */
export interface TableWords {
  /** The warehouse's name of one of DuckDB's types, as `describe` gives it. */
  readonly type: (duckdb: string) => string;
  readonly array: (items: readonly string[], type: string) => string;
  /** Whether a text with an offset is read as a timestamp without one; left out: it is. */
  readonly offsets?: false;
  /** Whether VALUES takes constants only. */
  readonly selects?: true;
}

type Names = Readonly<Record<string, string>>;

const POSTGRES: Names = {
  varchar: 'text',
  double: 'double precision',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  'varchar[]': 'text[]',
  'varchar collate nocase': 'text collate kept.nocase',
};

const SNOWFLAKE: Names = {
  varchar: 'VARCHAR',
  bigint: 'NUMBER(38,0)',
  integer: 'NUMBER(38,0)',
  'decimal(12, 2)': 'NUMBER(12,2)',
  double: 'FLOAT',
  boolean: 'BOOLEAN',
  date: 'DATE',
  timestamp: 'TIMESTAMP_NTZ',
  timestamptz: 'TIMESTAMP_TZ',
  'varchar[]': 'ARRAY',
  'integer[]': 'ARRAY',
  'varchar collate nocase': "VARCHAR collate 'en-ci'",
};

const BIGQUERY: Names = {
  varchar: 'STRING',
  bigint: 'INT64',
  integer: 'INT64',
  'decimal(12, 2)': 'NUMERIC',
  double: 'FLOAT64',
  boolean: 'BOOL',
  date: 'DATE',
  timestamp: 'DATETIME',
  timestamptz: 'TIMESTAMP',
  'varchar[]': 'ARRAY<STRING>',
  'integer[]': 'ARRAY<INT64>',
  'varchar collate nocase': "STRING collate 'und:ci'",
};

function named(names: Names): TableWords['type'] {
  return (duckdb) => names[duckdb.toLowerCase()] ?? duckdb;
}

/** By the name of a state dialect. */
export const TABLE_WORDS: Readonly<Record<string, TableWords>> = {
  duckdb: { type: (name) => name, array: (items) => `[${items.join(', ')}]` },
  postgres: {
    type: named(POSTGRES),
    array: (items, type) => `cast(array[${items.join(', ')}] as ${named(POSTGRES)(type)})`,
  },
  snowflake: {
    type: named(SNOWFLAKE),
    array: (items) => `array_construct(${items.join(', ')})`,
    offsets: false,
    selects: true,
  },
  bigquery: {
    type: named(BIGQUERY),
    array: (items, type) => `cast([${items.join(', ')}] as ${named(BIGQUERY)(type)})`,
  },
};

/** Words of a warehouse that tests know. */
export function tableWords(name: string): TableWords {
  const words = Object.hasOwn(TABLE_WORDS, name) ? TABLE_WORDS[name] : undefined;
  if (words === undefined) throw new Error(`no words of ${name}`);
  return words;
}
