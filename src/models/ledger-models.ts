import type { LedgerTable, LedgerType } from './ledger-columns.ts';
import { DELTA_STORAGE_MODEL } from './names.ts';
import { ZONED_TIMESTAMP } from './target.ts';

const TYPES: Readonly<Record<LedgerType, string>> = {
  string: '{{ dbt.type_string() }}',
  integer: '{{ dbt.type_bigint() }}',
  boolean: '{{ dbt.type_boolean() }}',
  timestamp: ZONED_TIMESTAMP,
};

/** The one row of the model that marks where delta storage is. */
export const DELTA_STORAGE_SQL = 'select 1 as storage_version';

/**
 * A model over a table of the ledger, which the tool creates at the first sync where the model of delta storage stands.
 * Before that the same columns, and no rows.
 */
export function ledgerSql(table: LedgerTable): string {
  const columns = table.columns.map(({ name }) => `  ${name}`).join(',\n');
  const empty = table.columns.map(({ name, type }) => `  cast(null as ${TYPES[type]}) as ${name}`).join(',\n');
  return `{%- set storage = ref('${DELTA_STORAGE_MODEL}') %}
{%- set ledger = none %}
{%- if execute %}
{%- set ledger = adapter.get_relation(database=storage.database, schema=storage.schema, identifier='${table.name}') %}
{%- endif %}

{% if ledger %}
select
${columns}
from {{ ledger }}
{% else %}
select
${empty}
limit 0
{% endif %}`;
}
