import type { EntityNode } from '../knowledge/store.ts';
import type { SqlTarget } from '../segment/target.ts';
import { escapeJinja } from './jinja.ts';
import { entityModelName, segmentModelName } from './names.ts';

/** Jinja for the type of a timestamp with zone: every warehouse takes the one word but BigQuery, whose `timestamp` is one. */
const ZONED_TYPE = "'timestamp' if target.type == 'bigquery' else 'timestamptz'";
export const ZONED_TIMESTAMP = `{{ ${ZONED_TYPE} }}`;

/** By which the body of a generated model reads now. */
const NOW = '{{ dinmo_now }}';

/**
 * The warehouse's clock, or the dbt variable `dinmo_now` fixed into the SQL at build. The variable may come as text or
 * as the date that YAML made of it; without a zone it is UTC.
 */
const SET_NOW = `{%- set dinmo_now = 'current_timestamp' %}
{%- set fixed = var('dinmo_now', '') | string %}
{%- if fixed %}
{%- set zoned = 'Z' in fixed or '+' in fixed or '-' in fixed[10:] %}
{%- set instant = fixed if zoned else fixed ~ ('Z' if ':' in fixed else 'T00:00:00Z') %}
{%- set dinmo_now = "cast('" ~ instant ~ "' as " ~ (${ZONED_TYPE}) ~ ')' %}
{%- endif %}`;

/** Compiled SQL inside a dbt model: relations are refs, literals survive Jinja, and now can be fixed at build. */
export const dbtTarget: SqlTarget = {
  node: (node: EntityNode) => `{{ ${node.reference} }}`,
  entity: (entity) => `{{ ref('${entityModelName(entity)}') }}`,
  segment: (segment) => `{{ ref('${segmentModelName(segment)}') }}`,
  literal: escapeJinja,
  now: NOW,
};

/** A body with the lines that give it now, where it asks for it. */
export function withNow(sql: string): string {
  return sql.includes(NOW) ? `${SET_NOW}\n\n${sql}` : sql;
}
