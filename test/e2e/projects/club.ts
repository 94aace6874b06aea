/** A small project whose people, mapping and destinations all change without a build: views over one raw table. */
export const CLUB_SECRETS = {
  HOOK_SECRET: 's3cr3t-hook-secret-4410',
  META_TOKEN: 's3cr3t-meta-token-3382',
  HS_TOKEN: 's3cr3t-hs-token-9127',
};

/** What dbt builds. */
export function club(): Record<string, string> {
  return {
    'dbt_project.yml': `name: club
profile: club
flags: {send_anonymous_usage_stats: false}
models:
  club: {+materialized: view}
`,
    'profiles.yml': `club:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: main, threads: 2, settings: {threads: 1}}
`,
    'models/people.sql': "select * from {{ source('raw', 'people') }}",
    'models/_club.yml': `sources:
  - name: raw
    schema: raw
    tables: [{name: people}]
models:
  - name: people
    config: {meta: {dinmo: {entity: {name: person, class: customers, primary_key: id}}}}
    columns:
      - {name: id, data_type: bigint}
      - {name: email, data_type: varchar, config: {meta: {dinmo: {identifier: email}}}}
      - {name: phone, data_type: varchar, config: {meta: {dinmo: {identifier: phone}}}}
      - {name: name, data_type: varchar}
      - {name: country, data_type: varchar}
      - {name: active, data_type: boolean}
`,
    'dinmo/members.yml': clubActivations(),
    'dinmo.yml': clubHook('http://127.0.0.1:9', 100),
  };
}

/** The file of the segment: the webhook's activation, and further ones, a line each. */
export function clubActivations(...more: readonly string[]): string {
  return `segments:
  members:
    entity: person
    where: {attribute: active, is_true: true}
    activations:
      hook: {operations: [insert, update, delete], mapping: {mail: email, name: name, country: country}}
${more.map((line) => `      ${line}\n`).join('')}`;
}

/** dinmo.yml with the webhook alone. */
export function clubHook(url: string, batchSize: number): string {
  return `version: 1
destinations:
  hook:
    platform: webhook
    service: objects
    config: {url: "${url}/in", batch_size: ${batchSize}, connections: 4}
    credentials: {secret: "{{ env_var('HOOK_SECRET') }}"}
    guards: {max_delete_percent: 100, key_churn_percent: 100, allow_empty: true}
`;
}

/** The further destinations of dinmo.yml: an audience and objects. */
export function clubPlatforms(places: { readonly meta: string; readonly hubspot: string }): string {
  return `  meta_people:
    platform: meta
    service: audiences
    config: {ad_account_id: "77001"}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: ${places.meta}
    defaults: {identifiers: [email, phone]}
    guards: {max_delete_percent: 100, key_churn_percent: 100, allow_empty: true}
  contacts:
    platform: hubspot
    service: objects
    config: {object_type: contacts, id_property: email}
    credentials: {access_token: "{{ env_var('HS_TOKEN') }}"}
    base_url: ${places.hubspot}
    guards: {max_delete_percent: 100, key_churn_percent: 100, allow_empty: true}
`;
}

/** Fills the raw table with people 1 to `count`, not in the order of their keys; every `every`-th is not a member. */
export function clubPeople(count: number, every = Number.MAX_SAFE_INTEGER): readonly string[] {
  return [
    'create schema if not exists raw',
    `create or replace table raw.people as
      select i::bigint as id, 'p' || i || '@example.com' as email, '+336' || lpad((12000000 + i)::varchar, 8, '0') as phone,
        'Name ' || i as name, (['FR', 'GB', 'DE'])[1 + i % 3] as country, i % ${every} <> 0 as active
      from range(1, ${count + 1}) t(i) order by md5(i::varchar)`,
  ];
}
