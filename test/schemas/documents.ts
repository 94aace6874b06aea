/** Sound documents that use every key: what the schemas are tried with. */

const WHERE = {
  all: [
    { attribute: 'country', eq: 'FR' },
    { attribute: 'age', between: [18, { attribute: 'limit' }] },
    { attribute: 'plan.price', in: [1, 2.5] },
    { attribute: 'seen_at', within: { last: 30, unit: 'day' } },
    { attribute: 'born_on', before: { ago: 18, unit: 'year' } },
    { attribute: 'tags', contains_any: ['a', 'b'] },
    { attribute: 'email', is_null: false },
    { any: [{ segment: 'optins' }, { not: { segment: 'churned' } }] },
    {
      none: [
        { attribute: 'name', starts_with: 'x' },
        { attribute: 'ends_on', on_day: 'now' },
      ],
    },
    { relation: 'orders', count: { gte: 3, lt: 9 }, during: { last: 90, unit: 'day' } },
    { relation: 'orders', sum: { of: 'amount', gt: 200 }, where: { attribute: 'status', neq: 'open' } },
    { relation: 'orders.lines', exists: true },
    { relation: 'orders', last: { of: 'status', in: ['sent', 'paid'] } },
  ],
};

const ACTIVATIONS = {
  crm: {
    to: 'hubspot_contacts',
    mode: 'delta',
    operations: ['insert', 'update'],
    audience: 'VIP France',
    mapping: {
      firstname: 'first_name',
      plan_name: { column: 'plan.name', nulls: 'clear', write: 'on_insert' },
      currency: { value: 'EUR' },
      'is-vip': { segment: 'vip' },
    },
    identifiers: ['email', 'phone'],
    attributes: ['country'],
    schedule: 'after_dbt',
    guards: {
      max_delete_percent: 12.5,
      max_delete_rows: 10,
      min_delete_rows: 0,
      key_churn_percent: 50,
      allow_empty: false,
    },
    attempts: 5,
    since: '2026-01-31',
    lookback: { last: 7, unit: 'day' },
    was: 'old.name',
    enabled: true,
  },
  export_csv: null,
};

const MEMBERS = {
  label: 'VIP',
  description: 'Customers we call.',
  limit: { rows: 100, by: 'plan.price', order: 'asc' },
  holdout: { percent: 10, salt: 'spring' },
  materialized: 'table',
  activations: ACTIVATIONS,
};

export const SEGMENT = { entity: 'customer', where: WHERE, ...MEMBERS };

export const COLUMN = {
  identifier: { kind: 'email', rank: 2, form: 'sha256' },
  categorical: true,
  label: 'E-mail',
  description: 'Where we write to.',
  hidden: false,
};

export const MODEL = {
  entity: {
    name: 'customer',
    type: 'dimension',
    class: 'customers',
    label: 'Customer',
    description: 'Who buys.',
    primary_key: ['shop_id', 'customer_id'],
    event_time: 'created_at',
    plural: 'customers',
    columns: 'all',
    where: { attribute: 'is_test', eq: false },
    relationships: {
      orders: { to: 'order', type: 'one_to_many', keys: { customer_id: 'customer_id' } },
      tags: {
        to: 'tag',
        type: 'many_to_many',
        through: 'customer_tags',
        keys: { customer_id: 'customer_id' },
        to_keys: { tag_id: 'tag_id' },
      },
    },
    segments: { vip: { where: WHERE, ...MEMBERS }, all_of_them: {} },
    activations: ACTIVATIONS,
  },
  custom_attribute: {
    entity: 'customer',
    name: 'lifetime_value',
    key: 'customer_id',
    value: 'ltv',
    label: 'Lifetime value',
    categorical: false,
  },
  segment: { name: 'vip_by_sql', entity: 'customer', ...MEMBERS },
};

export const DESTINATIONS = {
  version: 1,
  timezone: 'Europe/Paris',
  targets: ['prod'],
  owner: { name: 'Growth', email: 'growth' },
  schemas: { segments: 'DINMO_SEGMENTS', stats: 'DINMO_STATS', delta_storage: 'DINMO_DELTA_STORAGE' },
  models_path: 'models/dinmo',
  paths: ['dinmo', 'more/dinmo'],
  gate: { max_age_hours: 24, warnings: 'block' },
  adapters: ['duckdb', 'bigquery'],
  destinations: {
    meta_customers: {
      platform: 'meta',
      service: 'audiences',
      config: { ad_account_id: '1234567890' },
      credentials: { access_token: "{{ env_var('META_ACCESS_TOKEN') }}" },
      base_url: 'http://127.0.0.1:8900/meta',
      defaults: { identifiers: ['email', 'phone'], attributes: ['country'], schedule: '0 6 * * *', attempts: 3 },
      exclude: ['unsubscribed'],
      consent: ['opt_in', 'plan.terms_accepted'],
      guards: { max_delete_percent: 20 },
      default_country: 'CH',
    },
    crm: {
      platform: 'hubspot',
      service: 'objects',
      config: { id_property: 'email' },
      credentials: { access_token: "{{ env_var('HUBSPOT_TOKEN', '') }}" },
      consent: { customer: ['opt_in'], order: ['is_paid'] },
    },
    hook: { platform: 'webhook', service: 'events', config: { url: 'https://example.com', batch_size: 100 } },
    export_csv: { platform: 'files', service: 'audiences', config: { path: 'exports', format: 'csv' } },
  },
  alerts: {
    link: 'https://grafana.example.com/d/dinmo',
    team: { type: 'slack', url: "{{ env_var('SLACK_WEBHOOK_URL') }}", on: ['failed', 'recovered'] },
    ours: { type: 'webhook', url: "{{ env_var('ALERT_URL') }}", secret: "{{ env_var('ALERT_SECRET') }}" },
  },
  history: 'rows',
  default_country: 'FR',
};
