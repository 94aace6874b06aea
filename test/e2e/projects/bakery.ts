/** An ordinary project: people who buy bread, as views over raw tables, so that a change of data is seen without a build. */
export interface BakeryPlaces {
  readonly webhook: string;
  readonly meta: string;
  readonly hubspot: string;
}

export const BAKERY_SECRETS = {
  HOOK_SECRET: 's3cr3t-hook-secret-5521',
  META_TOKEN: 's3cr3t-meta-token-9932',
  HS_TOKEN: 's3cr3t-hs-token-7714',
};

export function bakery(places: BakeryPlaces): Record<string, string> {
  return {
    'dbt_project.yml': `name: bakery
profile: bakery
flags: {send_anonymous_usage_stats: false}
models:
  bakery: {+materialized: view}
`,
    'profiles.yml': `bakery:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: main, threads: 2}
`,
    'models/people.sql': "select * from {{ source('raw', 'people') }}",
    'models/purchases.sql': "select * from {{ source('raw', 'purchases') }}",
    'models/_bakery.yml': `sources:
  - name: raw
    schema: raw
    tables: [{name: people}, {name: purchases}]
models:
  - name: people
    config:
      meta:
        dinmo:
          entity: {name: person, class: customers}
    columns:
      - {name: id, data_type: integer, data_tests: [unique, not_null]}
      - {name: email, data_type: varchar, config: {meta: {dinmo: {identifier: email}}}}
      - {name: phone, data_type: varchar, config: {meta: {dinmo: {identifier: phone}}}}
      - {name: first_name, data_type: varchar, config: {meta: {dinmo: {identifier: first_name}}}}
      - {name: country, data_type: varchar, data_tests: [{accepted_values: {arguments: {values: [FR, GB, DE]}}}]}
      - {name: spend, data_type: "decimal(12,2)"}
      - {name: points, data_type: bigint}
      - {name: opted_out, data_type: boolean}
      - {name: seen_at, data_type: timestamp}
  - name: purchases
    config:
      meta:
        dinmo:
          entity: {name: purchase, type: fact, class: financial, event_time: bought_at}
    columns:
      - {name: purchase_id, data_type: bigint, data_tests: [unique, not_null]}
      - name: person_id
        data_type: integer
        data_tests: [{relationships: {arguments: {to: ref('people'), field: id}, config: {severity: warn}}}]
      - {name: amount, data_type: "decimal(10,2)"}
      - {name: bought_at, data_type: timestamp}
      - {name: buyer_email, data_type: varchar, config: {meta: {dinmo: {identifier: email}}}}
`,
    'dinmo/people.yml': `segments:
  opted_out:
    entity: person
    where: {attribute: opted_out, is_true: true}
  loyal:
    entity: person
    label: Loyal buyers
    where:
      all:
        - {attribute: country, in: [FR, GB]}
        - any:
            - {attribute: spend, gte: 100}
            - {relation: purchases, count: {gte: 2}}
    activations:
      hook:
        operations: [insert, update, delete]
        mapping: {mail: email, country: country, spend: spend, points: points, seen: seen_at}
      meta_people: {audience: Loyal buyers}
      hs_contacts:
        operations: [insert, update, delete]
        mapping: {email: email, firstname: first_name, city: country}
      hs_lists: {audience: Loyal list}
  control:
    entity: person
    where: {attribute: spend, gt: 20}
    limit: {rows: 15, by: spend}
    holdout: {percent: 30, salt: spring}
    activations:
      hook: {operations: [insert, update, delete], mapping: {mail: email}}
  bought:
    entity: purchase
    where: {attribute: amount, gt: 5}
    activations:
      meta_events:
        mapping: {value: amount, currency: {value: EUR}, em: buyer_email}
      hook_events: {mapping: {amount: amount, who: person_id}}
`,
    'dinmo.yml': `version: 1
owner: {name: Growth, email: growth@example.com}
destinations:
  hook:
    platform: webhook
    service: objects
    config: {url: "${places.webhook}/in", batch_size: 7}
    credentials: {secret: "{{ env_var('HOOK_SECRET') }}"}
    guards: {max_delete_percent: 100, key_churn_percent: 100}
  hook_events:
    platform: webhook
    service: events
    config: {url: "${places.webhook}/events", batch_size: 7}
    credentials: {secret: "{{ env_var('HOOK_SECRET') }}"}
  meta_people:
    platform: meta
    service: audiences
    config: {ad_account_id: "77001"}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: ${places.meta}
    defaults: {identifiers: [email, phone]}
    exclude: [opted_out]
    guards: {max_delete_percent: 100}
  meta_events:
    platform: meta
    service: events
    config: {dataset_id: "88002", event_name: Purchase, action_source: physical_store}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: ${places.meta}
  hs_contacts:
    platform: hubspot
    service: objects
    config: {object_type: contacts, id_property: email}
    credentials: {access_token: "{{ env_var('HS_TOKEN') }}"}
    base_url: ${places.hubspot}
    guards: {max_delete_percent: 100}
  hs_lists:
    platform: hubspot
    service: audiences
    credentials: {access_token: "{{ env_var('HS_TOKEN') }}"}
    base_url: ${places.hubspot}
    exclude: [opted_out]
    guards: {max_delete_percent: 100}
`,
  };
}

const COUNTRIES = ['FR', 'GB', 'DE'];

/** Fills the raw tables with people 1 to `count` and some purchases. */
export function bakeryData(count: number): readonly string[] {
  return [
    'create schema if not exists raw',
    `create or replace table raw.people as
      select i::integer as id,
        case when i % 11 = 0 then null else 'Person.' || i || '@Example.com' end as email,
        case when i % 5 = 0 then null else '+3361234' || lpad((1000 + i)::varchar, 4, '0') end as phone,
        'Name ' || i as first_name,
        (['${COUNTRIES.join("', '")}'])[1 + i % 3] as country,
        ((i * 37) % 300 + i / 100.0)::decimal(12, 2) as spend,
        9007199254740993::bigint + i as points,
        i % 7 = 0 as opted_out,
        timestamp '2026-01-01 08:00:00' + to_minutes(i) as seen_at
      from range(1, ${count + 1}) t(i)`,
    `create or replace table raw.purchases as
      select i::bigint as purchase_id, (1 + i % ${count})::integer as person_id, ((i * 13) % 60)::decimal(10, 2) as amount,
        (now() at time zone 'UTC') - to_hours(1 + i % 100) as bought_at,
        case when i % 4 = 0 then null else 'buyer' || i || '@example.com' end as buyer_email
      from range(1, ${count * 2}) t(i)`,
  ];
}
