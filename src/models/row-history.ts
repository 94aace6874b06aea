import { DELTA_STORAGE_MODEL, SYNC_ROW_HISTORY_MODEL } from './names.ts';
import { acceptedValues, keyTests, type ModelProperties, type YamlStyle } from './properties-yaml.ts';
import { INVOCATION, MEASURED_AT, NOTHING_MEASURED, TEXT } from './stats-words.ts';
import { ZONED_TIMESTAMP } from './target.ts';

/**
 * Which row was sent when: what each build finds changed in the snapshots since the build before. Snapshots hold, for each row
 * that a destination has acknowledged, the run that last sent it; who left is not in them any more. Activations are those that
 * have state when it is built.
 *
 * `shown`: activations whose keys recognise nobody. Of the others only the hash is kept.
 */
export function rowHistorySql(shown: readonly string[]): string {
  return `{%- set storage = ref('${DELTA_STORAGE_MODEL}') %}
{%- set shown = [${shown.map((id) => `'${id}'`).join(', ')}] %}
{%- set snapshots = [] %}
{%- set runs = none %}
{%- if execute %}
{%- set runs = adapter.get_relation(database=storage.database, schema=storage.schema, identifier='runs') %}
{%- set activations = adapter.get_relation(database=storage.database, schema=storage.schema, identifier='activations') %}
{%- if runs and activations %}
{%- for row in run_query('select activation_id, table_suffix from ' ~ activations ~ ' order by activation_id').rows %}
{%- set snapshot = adapter.get_relation(database=storage.database, schema=storage.schema, identifier='snapshot_' ~ row[1]) %}
{%- if snapshot %}
{%- do snapshots.append({'id': row[0], 'relation': snapshot}) %}
{%- endif %}
{%- endfor %}
{%- endif %}
{%- endif %}

{% if snapshots %}
with present_rows as (

{% for snapshot in snapshots %}
  select
    cast('{{ snapshot.id }}' as ${TEXT}) as activation_id,
    {{ dbt.hash('snapshot_rows.key') }} as row_hash,
    cast({{ 'snapshot_rows.key' if snapshot.id in shown else 'null' }} as ${TEXT}) as row_key,
    cast(snapshot_rows.run_id as ${TEXT}) as run_id,
    case when snapshot_rows.dirty then 'no' else 'yes' end as acknowledged
  from {{ snapshot.relation }} as snapshot_rows
{% if not loop.last %}
  union all
{% endif %}
{% endfor %}

),

{% if is_incremental() %}
ranked_rows as (

  select
    activation_id,
    row_hash,
    row_key,
    operation,
    run_id,
    row_number() over (partition by activation_id, row_hash order by seen_at desc) as recency
  from {{ this }}

),

known_rows as (

  select activation_id, row_hash, row_key, operation, run_id
  from ranked_rows
  where recency = 1

),

newest_runs as (

  select activation_id, max(run_id) as run_id
  from {{ this }}
  group by activation_id

),

-- Who was there at the build before left in a run after all that it knew: where only one of them removed anybody, in that one.
removing_runs as (

  select ledger.activation_id, max(ledger.run_id) as run_id
  from {{ runs }} as ledger
  inner join newest_runs
    on newest_runs.activation_id = ledger.activation_id
    and ledger.run_id > newest_runs.run_id
  where ledger.accepted_delete > 0
  group by ledger.activation_id
  having count(*) = 1

),

changed_rows as (

  select
    present_rows.activation_id,
    present_rows.row_hash,
    present_rows.row_key,
    case when known_rows.row_hash is null or known_rows.operation = 'delete' then 'insert' else 'update' end as operation,
    present_rows.run_id,
    present_rows.acknowledged
  from present_rows
  left join known_rows
    on known_rows.activation_id = present_rows.activation_id
    and known_rows.row_hash = present_rows.row_hash
  where known_rows.row_hash is null
    or known_rows.operation = 'delete'
    or coalesce(known_rows.run_id, '') <> coalesce(present_rows.run_id, '')

  union all

  select
    known_rows.activation_id,
    known_rows.row_hash,
    known_rows.row_key,
    'delete' as operation,
    removing_runs.run_id,
    'yes' as acknowledged
  from known_rows
  left join present_rows
    on present_rows.activation_id = known_rows.activation_id
    and present_rows.row_hash = known_rows.row_hash
  left join removing_runs on removing_runs.activation_id = known_rows.activation_id
  where present_rows.row_hash is null
    and known_rows.operation <> 'delete'
    and known_rows.activation_id in (
{%- for snapshot in snapshots %}'{{ snapshot.id }}'{% if not loop.last %}, {% endif %}{% endfor -%}
)

)
{% else %}
changed_rows as (

  select activation_id, row_hash, row_key, 'insert' as operation, run_id, acknowledged
  from present_rows

)
{% endif %}

select
  changed_rows.activation_id,
  cast(changed_rows.row_hash as ${TEXT}) as row_hash,
  changed_rows.row_key,
  cast(changed_rows.operation as ${TEXT}) as operation,
  cast(changed_rows.acknowledged as ${TEXT}) as acknowledged,
  cast(changed_rows.run_id as ${TEXT}) as run_id,
  cast(ledger.destination as ${TEXT}) as destination,
  cast(ledger.finished_at as ${ZONED_TIMESTAMP}) as sent_at,
  ${MEASURED_AT.replace('measured_at', 'seen_at')},
  ${INVOCATION}
from changed_rows
left join {{ runs }} as ledger on ledger.run_id = changed_rows.run_id
${NOTHING_MEASURED}
{% else %}
select
  cast(null as ${TEXT}) as activation_id,
  cast(null as ${TEXT}) as row_hash,
  cast(null as ${TEXT}) as row_key,
  cast(null as ${TEXT}) as operation,
  cast(null as ${TEXT}) as acknowledged,
  cast(null as ${TEXT}) as run_id,
  cast(null as ${TEXT}) as destination,
  cast(null as ${ZONED_TIMESTAMP}) as sent_at,
  ${MEASURED_AT.replace('measured_at', 'seen_at')},
  ${INVOCATION}
limit 0
{% endif %}`;
}

/** Docs and tests of the history of rows. */
export function rowHistoryProperties(style: YamlStyle): ModelProperties {
  const [notNull] = keyTests(['activation_id', 'row_hash'], style).column;
  const tests = notNull === undefined ? [] : [notNull];
  return {
    name: SYNC_ROW_HISTORY_MODEL,
    description:
      'Row-level history: one row each time that a dbt run found a row newly sent to a destination, sent again, or removed from it. Several syncs between two dbt runs count as one. In the first run everything that the destinations hold is an insert. Kept on a full refresh.',
    columns: [
      { name: 'activation_id', description: 'The activation.', data_tests: tests },
      {
        name: 'row_hash',
        description: "MD5 of the row's key as dinmo writes it, which says which row it is.",
        data_tests: tests,
      },
      {
        name: 'row_key',
        description: 'The key itself; null where it is an identifier, or the destination knows rows by one.',
      },
      {
        name: 'operation',
        description: 'insert, update (sent again) or delete (not at the destination any more).',
        data_tests: [acceptedValues(['insert', 'update', 'delete'], style)],
      },
      {
        name: 'acknowledged',
        description: 'yes; or no, where the destination gave no clear answer, so that the row is sent again.',
        data_tests: [acceptedValues(['yes', 'no'], style)],
      },
      {
        name: 'run_id',
        description: 'The run that did it; null for a removal that may have been made by any of several runs.',
      },
      { name: 'destination', description: 'The destination of that run.' },
      { name: 'sent_at', description: 'The end of that run, UTC.' },
      { name: 'seen_at', description: 'When the dbt run started that found it, UTC.' },
      { name: 'invocation_id', description: 'The dbt invocation that found it.' },
    ],
  };
}
