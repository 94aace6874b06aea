/**
 * A project that goes where names and values hurt: mixed case and reserved words as columns, composite keys, quotes,
 * semicolons and Jinja in labels and values, a schema rule of its own, a versioned model with a contract, a seed, a
 * snapshot and a source as entities, an ephemeral model upstream, and annotations beside the models.
 */
export const NASTY_LABEL = `Robert'); DROP TABLE "Guests";-- {{ oops }} {% if %} 🥐 \\`;
/** The same without Jinja, which dbt would render where it stands in its own YAML. */
const PLAIN_LABEL = NASTY_LABEL.replaceAll(/[{}%]/g, '');
export const NASTY_VALUE = `O'Brien "x"; {{ ref('boo') }} {# c #} ünï 🥐 %_\\`;

/** A text as YAML; JSON is YAML. */
function yaml(text: string): string {
  return JSON.stringify(text);
}

export function nasty(url: string, meta: string): Record<string, string> {
  return {
    'dbt_project.yml': `name: nasty
profile: nasty
flags: {send_anonymous_usage_stats: false}
models:
  nasty:
    +materialized: view
    +schema: marts
`,
    'profiles.yml': `nasty:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: Base Camp, threads: 2}
`,
    'macros/schema.sql': `{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ 'x_' ~ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
`,
    'models/hidden_step.sql':
      "{{ config(materialized='ephemeral') }} select * from {{ source('Raw Data', 'Guest List') }}",
    'models/guests_v1.sql': 'select 1 as old',
    'models/guests_v2.sql': 'select * from {{ ref("hidden_step") }}',
    'models/stays.sql': `select "Hotel", "order", "Guest Id", "from", price, nights, paid from {{ source('Raw Data', 'stays') }}`,
    'models/guest_score.sql': `select "Guest Id" as "Guest Id", least(max(price), 1000)::decimal(20,6) as "Score" from {{ ref('stays') }} group by 1`,
    'models/picked.sql': `select "Guest Id" from {{ ref('guests') }} where "Guest Id" <> 'g-3' union all select 'nobody' union all select null`,
    'models/_nasty.yml': `sources:
  - name: Raw Data
    schema: raw data
    tables:
      - name: Guest List
      - name: stays
      - name: Badges
        config: {meta: {dinmo: {entity: {name: badge, primary_key: ["Code", "group"]}}}}
        columns:
          - {name: Code, data_type: integer}
          - {name: group, data_type: varchar}
          - {name: Guest Id, data_type: varchar}
models:
  - name: guests
    latest_version: 2
    description: ${yaml(PLAIN_LABEL)}
    config:
      contract: {enforced: true}
      meta:
        dinmo:
          entity: {name: guest, class: customers}
    columns:
      - {name: "Guest Id", data_type: varchar, quote: true, constraints: [{type: not_null}], data_tests: [unique, not_null]}
      - {name: "E-Mail", data_type: varchar, quote: true, config: {meta: {dinmo: {identifier: email, label: ${yaml(PLAIN_LABEL)}}}}}
      - {name: "select", data_type: varchar, quote: true}
      - {name: "Größe", data_type: "decimal(18,4)", quote: true}
      - {name: big, data_type: bigint}
      - {name: born, data_type: date}
      - {name: SeenAt, data_type: timestamptz, quote: true}
      - {name: "a-b c", data_type: varchar, quote: true}
      - {name: tags, data_type: "varchar[]"}
    versions:
      - {v: 1, config: {contract: {enforced: false}}, columns: [{include: []}, {name: old, data_type: integer}]}
      - {v: 2}
  - name: stays
    config:
      meta:
        dinmo:
          entity:
            name: stay
            type: fact
            class: events
            primary_key: [Hotel, order]
            event_time: from
            relationships:
              guest: {to: guest, type: many_to_one, keys: {"Guest Id": "Guest Id"}}
    columns:
      - {name: Hotel, data_type: varchar, quote: true}
      - {name: order, data_type: integer, quote: true}
      - {name: "Guest Id", data_type: varchar, quote: true}
      - {name: from, data_type: timestamptz, quote: true}
      - {name: price, data_type: "decimal(38,10)"}
      - {name: nights, data_type: hugeint}
      - {name: paid, data_type: boolean}
  - name: guest_score
    config:
      meta: {dinmo: {custom_attribute: {entity: guest, name: score, key: "Guest Id", value: Score}}}
    columns: [{name: "Guest Id", data_type: varchar, quote: true}, {name: Score, data_type: "decimal(20,6)", quote: true}]
  - name: picked
    config:
      meta:
        dinmo:
          segment:
            entity: guest
            label: ${yaml(PLAIN_LABEL)}
            activations: {hook: {operations: [insert, update, delete], mapping: {m: "E-Mail"}}}
    columns: [{name: "Guest Id", data_type: varchar, quote: true}]
seeds:
  - name: Towns
    config: {meta: {dinmo: {entity: {name: town, class: stores, primary_key: key}}}}
    columns: [{name: key, data_type: integer}, {name: Name, data_type: varchar}]
`,
    'seeds/Towns.csv': 'key,Name\n1,"Zürich; ""Altstadt"""\n2,"東京 🗼"\n3,\n',
    'snapshots/guest_history.sql': `{% snapshot guest_history %}
{{ config(target_schema='snap', unique_key='"Guest Id"', strategy='check', check_cols='all') }}
select "Guest Id", "select" from {{ source('Raw Data', 'Guest List') }}
{% endsnapshot %}
`,
    'packages.yml': 'packages: [{local: pkg/vendor}]\n',
    ...vendor('pkg/vendor'),
    // What `dbt deps` does with a local package.
    ...vendor('dbt_packages/vendor'),
    'dinmo/beside.yml': `models:
  vendor_accounts:
    entity: {name: account, primary_key: ID}
    columns: {"Mail Address": {identifier: email}}
  guest_history:
    entity: {name: guest_version, primary_key: dbt_scd_id, columns: all}
    columns: {select: {label: ${yaml(NASTY_LABEL)}}}
segments:
  vip:
    entity: guest
    label: ${yaml(NASTY_LABEL)}
    description: ${yaml(NASTY_LABEL)}
    where:
      any:
        - {attribute: select, eq: ${yaml(NASTY_VALUE)}}
        - {attribute: a-b c, contains: "%_"}
        - {attribute: Größe, gte: 1000000000000.0001}
        - {attribute: big, eq: 9007199254740993}
        - {attribute: tags, contains_any: ["x;y", "it's"]}
        - all:
            - {relation: stays, sum: {of: price, gt: 100.5}, where: {attribute: paid, is_true: true}}
            - {relation: stays, first: {of: Hotel, in: ["Ritz; {{ x }}", "NO"]}}
    activations:
      hook:
        operations: [insert, update, delete]
        mapping:
          "Größe €": Größe
          big: big
          born: born
          seen: SeenAt
          odd: a-b c
          select: select
          tags: tags
          score: score
          constant: {value: ${yaml(NASTY_VALUE)}}
      ads: {}
  newyear:
    entity: guest
    where: {attribute: SeenAt, on_day: 2026-03-08}
    activations: {hook: {mapping: {m: "E-Mail"}}}
  expensive:
    entity: stay
    where: {attribute: price, gt: 10}
    activations:
      hook: {operations: [insert, update, delete], mapping: {price: price, nights: nights, name: guest.select, from: from}}
      feed: {mapping: {price: price, who: guest.E-Mail}}
  towns:
    entity: town
    activations: {hook: {operations: [insert, update, delete], mapping: {name: Name}}}
  badges:
    entity: badge
    where: {attribute: group, neq: "select"}
    activations: {hook: {operations: [insert, update, delete], mapping: {owner: "Guest Id"}}}
  accounts:
    entity: account
    where: {attribute: "Mail Address", ends_with: "@Example.com"}
    activations: {hook: {operations: [insert, update, delete], mapping: {mail: "Mail Address"}}}
  versions:
    entity: guest_version
    activations: {hook: {operations: [insert, update, delete], mapping: {s: select}}}
`,
    'dinmo.yml': `version: 1
timezone: America/New_York
destinations:
  hook:
    platform: webhook
    service: objects
    config: {url: "${url}/in", batch_size: 3}
    guards: {max_delete_percent: 100, key_churn_percent: 100, allow_empty: true}
  feed: {platform: webhook, service: events, config: {url: "${url}/feed", batch_size: 3}}
  ads:
    platform: meta
    service: audiences
    config: {ad_account_id: "5"}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: ${meta}
    guards: {max_delete_percent: 100}
`,
  };
}

/** A package of somebody else, which cannot be annotated where it stands. */
function vendor(folder: string): Record<string, string> {
  return {
    [`${folder}/dbt_project.yml`]: 'name: vendor\nversion: "1.0"\n',
    [`${folder}/models/vendor_accounts.sql`]: `select "Guest Id" as "ID", "E-Mail" as "Mail Address" from {{ source('vendor raw', 'Guest List') }}`,
    [`${folder}/models/_vendor.yml`]:
      'sources: [{name: vendor raw, schema: raw data, tables: [{name: Guest List}]}]\nmodels: [{name: vendor_accounts}]\n',
  };
}

function sql(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export const NASTY_DATA: readonly string[] = [
  "set timezone = 'UTC'",
  'create schema if not exists "raw data"',
  `create table "raw data"."Guest List" ("Guest Id" varchar, "E-Mail" varchar, "select" varchar, "Größe" decimal(18,4), big bigint,
    born date, "SeenAt" timestamptz, "a-b c" varchar, tags varchar[])`,
  `insert into "raw data"."Guest List" values
    ('g-1', 'One@Example.com', ${sql(NASTY_VALUE)}, 1.5, 1, '1990-02-28', '2026-03-08 05:00:00+00', 'plain', ['a']),
    ('g-2', 'two@example.com', null, 1000000000000.0001, 2, null, '2026-03-09 03:59:59+00', null, null),
    ('g-3', null, 'x', 0, 9007199254740993, '0001-01-01', '2026-03-09 04:00:00+00', 'x%_y', []),
    ('g 4;''"', 'four@example.com', 'y', 1000000000000.0000, -9007199254740995, '1999-12-31', '2026-03-08 04:59:59+00', 'a_%', ['it''s', '🥐']),
    ('г-5 🥐', 'two@example.com', ${sql(NASTY_VALUE.toLowerCase())}, null, null, '2000-02-29', null, '', ['x;y']),
    ('g-6', 'six@example.com', 'z', 3, 3, '2001-01-01', '2026-03-08 12:00:00.123456+00', 'q', ['x']),
    ('g-7', 'seven@example.com', 'z', 3, 3, '2001-01-01', '2026-07-01 12:00:00+00', 'q', ['X;Y'])`,
  `create table "raw data".stays ("Hotel" varchar, "order" integer, "Guest Id" varchar, "from" timestamptz, price decimal(38,10), nights hugeint, paid boolean)`,
  `insert into "raw data".stays values
    ('Ritz; {{ x }}', 1, 'g-6', '2026-01-01 00:00:00+00', 100.5, 1, true),
    ('NO', 1, 'g-6', '2026-01-02 00:00:00+00', 0.0000000001, 2, true),
    ('NO', 2, 'g-7', '2025-01-02 00:00:00+00', 12345678901234567890.0123456789, 170141183460469231731687303715884105727, true),
    ('Inn', 1, 'g-7', '2024-01-02 00:00:00+00', 11, 0, null),
    ('Inn', 2, null, null, 99.9900000000, null, false),
    (null, 3, 'g-1', '2026-01-01 00:00:00+00', 500, 1, true)`,
  'create table "raw data"."Badges" ("Code" integer, "group" varchar, "Guest Id" varchar)',
  `insert into "raw data"."Badges" values (1, 'a', 'g-1'), (1, 'b:c', 'g-2'), (2, 'select', null), (3, null, 'g-3'), (4, 'dup', 'x'), (4, 'dup', 'y'), (-5, '🥐 "q"', 'g-6')`,
];
