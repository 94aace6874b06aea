import { describe, expect, test } from 'vitest';
import { parseColumnType } from '../../src/knowledge/column-type.ts';
import type { ColumnType } from '../../src/knowledge/store.ts';

function show(type: ColumnType): string {
  if (type.kind === 'array') return `${show(type.element)}[]`;
  if (type.kind === 'timestamp') return type.zoned ? 'timestamp zoned' : 'timestamp';
  return type.kind;
}

/** What each warehouse's own type name means: `name → kind`, one a line. */
const CASES: Readonly<Record<string, string>> = {
  duckdb: `
    VARCHAR → string
    ENUM('a', 'b') → string
    UUID → string
    HUGEINT → integer
    UBIGINT → integer
    DECIMAL(18,3) → decimal
    DECIMAL → decimal
    NUMERIC(10, 0) → integer
    DOUBLE → float
    TIMESTAMP → timestamp
    TIMESTAMP WITH TIME ZONE → timestamp zoned
    TIMESTAMP_NS → timestamp
    DATETIME → timestamp
    INTEGER[] → integer[]
    VARCHAR[3] → string[]
    DECIMAL(10,2)[][] → decimal[][]
    STRUCT(a INTEGER, b VARCHAR[]) → json
    STRUCT(a INTEGER)[] → json[]
    MAP(VARCHAR, INTEGER) → json
    JSON → json
    BLOB → binary
    INTERVAL → other
    TIME → time`,
  bigquery: `
    STRING → string
    STRING(20) → string
    INT64 → integer
    NUMERIC → decimal
    BIGNUMERIC(40, 2) → decimal
    NUMERIC(5) → integer
    FLOAT64 → float
    BOOL → boolean
    TIMESTAMP → timestamp zoned
    DATETIME → timestamp
    TIMESTAMP_NTZ → timestamp zoned
    DATE → date
    ARRAY<STRING> → string[]
    ARRAY<STRUCT<a INT64, b ARRAY<STRING>>> → json[]
    STRUCT<a INT64> → json
    RECORD → json
    BYTES → binary
    GEOGRAPHY → other`,
  snowflake: `
    NUMBER → integer
    NUMBER(38,0) → integer
    NUMBER(38,2) → decimal
    FLOAT → float
    TEXT → string
    VARCHAR(16777216) → string
    VARCHAR(20) COLLATE 'en-ci' → string
    TIMESTAMP → timestamp
    TIMESTAMP_NTZ(9) → timestamp
    TIMESTAMP_LTZ → timestamp zoned
    TIMESTAMP_TZ(9) → timestamp zoned
    DATETIME → timestamp
    VARIANT → json
    OBJECT → json
    ARRAY → other[]
    ARRAY(NUMBER(38,0) NOT NULL) → integer[]
    BOOLEAN → boolean`,
  postgres: `
    character varying(255) → string
    character(3) → string
    "char" → string
    citext → string
    bigint → integer
    numeric → decimal
    numeric(12,0) → integer
    numeric(12,4) → decimal
    double precision → float
    timestamp without time zone → timestamp
    timestamp(3) with time zone → timestamp zoned
    timestamptz → timestamp zoned
    time with time zone → time
    text[] → string[]
    _int4 → integer[]
    ARRAY → other[]
    jsonb → json
    bytea → binary
    USER-DEFINED → other
    inet → other`,
};

describe.each(Object.entries(CASES))('%s', (adapter, cases) => {
  const lines = cases.trim().split('\n');
  test.each(lines.map((line) => line.trim().split(' → ')))('%s is %s', (dataType, expected) => {
    expect(show(parseColumnType(adapter, dataType ?? ''))).toBe(expected);
    expect(show(parseColumnType(adapter, ` ${(dataType ?? '').toLowerCase()} `))).toBe(expected);
  });
});

test('text that is no type at all is other, and nothing throws', () => {
  for (const text of ['', '()', '[]', '<>', 'array<', 'ARRAY<>', '\n', '9', '(((', 'x)y(']) {
    expect(() => parseColumnType('duckdb', text)).not.toThrow();
  }
});
