// @ts-check
// Holds what each destination has against the segment that it should equal. Both sides are reduced to sets of texts that
// name a row by what the platform knows it by; the platforms' rules are written here once more, in SQL, so that neither
// the code that sends nor the simulation is asked about itself.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/**
 * @typedef {{ destination: string, activation: string, unit: string, holds: number, wanted: number, same: boolean, difference: string }} Comparison
 * @typedef {{ audiences: any[], events: any[], objects: any[] }} Held  One destination of the sandbox's GET /state.
 * @typedef {{ held: Held, query: (sql: string) => Promise<string[]>, folder: string }} Context
 * @typedef {{ destination: string, activation: string, unit: string, wanted: string, history?: boolean, maybe?: string, read: (context: Context) => string[] | Promise<string[]> }} Pair
 *   `wanted`: SQL of one text column. `history`: what was wanted once stays (events). `maybe`: rows at an edge of time.
 */

const HASH_EMAIL = 'sha256(lower(trim(email)))';
const HASH_PHONE = "sha256(regexp_replace(phone, '[^0-9]', '', 'g'))";
const MAY_BE_SENT = '"DINMO_SEGMENTS".segment_unsubscribed';

/** Members of a Meta audience by their identifiers. @param {string} segment @param {string} audience @param {string} [where] @returns {Pair} */
function metaAudience(segment, audience, where = 'true') {
  const members = `"DINMO_SEGMENTS".segment_${segment} where ${where} and customer_id not in (select customer_id from ${MAY_BE_SENT})`;
  return {
    destination: 'meta_customers',
    activation: `${segment}.meta_customers`,
    unit: 'identifiers',
    wanted: `select 'EMAIL ' || ${HASH_EMAIL} from ${members} and email is not null union select 'PHONE ' || ${HASH_PHONE} from ${members} and phone is not null`,
    read: ({ held }) =>
      membersOf(held, audience).flatMap((member) =>
        ['EMAIL', 'PHONE'].flatMap((kind) =>
          (member[kind] ?? []).map((/** @type {string} */ hash) => `${kind} ${hash}`),
        ),
      ),
  };
}

/** Members of a HubSpot list by e-mail address. @param {string} segment @param {string} list @returns {Pair} */
function hubspotList(segment, list) {
  return {
    destination: 'hubspot_lists',
    activation: `${segment}.hubspot_lists`,
    unit: 'contacts',
    wanted: `select lower(email) from "DINMO_SEGMENTS".segment_${segment} where email is not null and customer_id not in (select customer_id from ${MAY_BE_SENT})`,
    read: ({ held }) => membersOf(held, list).flatMap((member) => member['email'] ?? []),
  };
}

/** Rows of a webhook by key and one field that changes. @param {string} segment @param {string} key @param {string} field @returns {Pair} */
function webhook(segment, key, field) {
  return {
    destination: 'crm_hook',
    activation: `${segment}.crm_hook`,
    unit: 'rows',
    wanted: `select ${key} || ' ' || coalesce(${field}, '') from "DINMO_SEGMENTS".segment_${segment}`,
    read: ({ held }) =>
      recordsOf(held, `${segment}.crm_hook`).map(({ key: sent, fields }) => `${sent} ${fields[field] ?? ''}`),
  };
}

/** @type {readonly Pair[]} */
const PAIRS = [
  {
    destination: 'export_csv',
    activation: 'newsletter_optins.export_csv',
    unit: 'rows',
    wanted: `select customer_id || ' ' || email from "DINMO_SEGMENTS".segment_newsletter_optins`,
    read: ({ query, folder }) =>
      query(
        `select customer_id || ' ' || email from read_csv('${folder}/csv/newsletter_optins.export_csv.csv', all_varchar = true)`,
      ),
  },
  {
    destination: 'export_jsonl',
    activation: 'top_spenders.export_jsonl',
    unit: 'rows',
    wanted: `select cast(customer_id as varchar) from "DINMO_SEGMENTS".segment_top_spenders`,
    read: ({ query, folder }) => applyFiles(query, join(folder, 'jsonl', 'top_spenders.export_jsonl')),
  },
  {
    destination: 'export_parquet',
    activation: 'sent_abroad.export_parquet',
    unit: 'rows',
    wanted: `select cast(order_id as varchar) from "DINMO_SEGMENTS".segment_sent_abroad`,
    history: true,
    read: ({ query, folder }) =>
      query(
        `select cast(order_id as varchar) from read_parquet('${folder}/parquet/sent_abroad.export_parquet/*.parquet')`,
      ),
  },
  webhook('churn_risk', 'customer_id', 'email'),
  webhook('last_chance', 'product_id', 'name'),
  metaAudience('vip_france', 'VIP France'),
  metaAudience('churn_risk', 'Come back'),
  metaAudience('window_shoppers', 'Window shoppers', 'not dinmo_holdout'),
  {
    destination: 'meta_conversions',
    activation: 'web_purchases.meta_conversions',
    unit: 'events',
    // Meta takes events of the last seven days, from people or browsers that it can know.
    wanted: purchases('> now() - interval 7 day + interval 5 minute'),
    maybe: purchases(
      'between now() - interval 7 day - interval 15 minute and now() - interval 7 day + interval 15 minute',
    ),
    history: true,
    read: ({ held }) =>
      held.events.flatMap((set) => set.events.map((/** @type {any} */ event) => String(event.custom_data.order_id))),
  },
  {
    destination: 'hubspot_contacts',
    activation: 'customer.hubspot_contacts',
    unit: 'contacts',
    // Of several customers with one address, the first stands for all.
    wanted: `select lower(email) || ' ' || country from "DINMO_SEGMENTS".entity_customer where email is not null qualify row_number() over (partition by lower(email) order by customer_id) = 1`,
    read: ({ held }) => recordsOf(held, 'contacts').map(({ fields }) => `${fields.email} ${fields.country}`),
  },
  hubspotList('newsletter_optins', 'Newsletter'),
  hubspotList('vip_france', 'VIP France'),
];

/** @param {string} age */
function purchases(age) {
  return `select cast(order_id as varchar) from "DINMO_SEGMENTS".segment_web_purchases where occurred_at at time zone 'UTC' ${age} and coalesce(email, phone, fbp) is not null`;
}

/** @param {Held} held @param {string} name @returns {any[]} */
function membersOf(held, name) {
  return held.audiences.find((audience) => audience.name === name)?.members ?? [];
}

/** @param {Held} held @param {string} type @returns {any[]} */
function recordsOf(held, type) {
  return held.objects.find((set) => set.type === type)?.records ?? [];
}

/** What is left after every file of changes, in the order in which they were written. @param {Context['query']} query @param {string} folder */
async function applyFiles(query, folder) {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const keys = new Set();
  for (const file of files.toSorted((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)) {
    for (const line of await query(
      `select _operation || ' ' || _key from read_json('${file}', format = 'newline_delimited', columns = {_operation: 'varchar', _key: 'varchar'})`,
    )) {
      const [operation, key] = line.split(' ');
      if (operation === 'delete') keys.delete(key);
      else keys.add(key);
    }
  }
  return [...keys];
}

/** @param {readonly string[]} texts */
function examples(texts) {
  return texts.length === 0 ? 'none' : `${texts.length}, such as ${texts.slice(0, 3).join(' · ')}`;
}

/** Remembers what was wanted at each sync, and compares at the end. */
export class Expectations {
  /** @type {Map<string, { wanted: Set<string>, maybe: Set<string> }>} */
  #expected = new Map();
  #project;

  /** @param {string} project Absolute folder of the dbt project. */
  constructor(project) {
    this.#project = project;
  }

  /** Reads the segments as they are now, right after a sync. */
  observe() {
    return this.#withWarehouse(async (query) => {
      for (const pair of PAIRS) {
        const before = pair.history ? this.#expected.get(pair.activation) : undefined;
        const wanted = new Set([...(before?.wanted ?? []), ...(await query(pair.wanted))]);
        const maybe = new Set([...(before?.maybe ?? []), ...(pair.maybe ? await query(pair.maybe) : [])]);
        this.#expected.set(pair.activation, { wanted, maybe });
      }
    });
  }

  /** @param {string} sandboxUrl @returns {Promise<readonly Comparison[]>} */
  async compare(sandboxUrl) {
    /** @type {any} */
    const state = await (await fetch(`${sandboxUrl}/state`)).json();
    const folder = join(this.#project, 'target', 'dinmo_sandbox', 'exports');
    /** @type {Comparison[]} */
    const rows = [];
    await this.#withWarehouse(async (query) => {
      for (const pair of PAIRS) {
        const nothing = { audiences: [], events: [], objects: [] };
        const held =
          state.destinations.find((/** @type {any} */ one) => one.destination === pair.destination) ?? nothing;
        const has = new Set(await pair.read({ held, query, folder }));
        const { wanted, maybe } = this.#expected.get(pair.activation) ?? { wanted: new Set(), maybe: new Set() };
        const missing = [...wanted].filter((text) => !has.has(text));
        const extra = [...has].filter((text) => !wanted.has(text) && !maybe.has(text));
        rows.push({
          destination: pair.destination,
          activation: pair.activation,
          unit: pair.unit,
          holds: has.size,
          wanted: wanted.size + [...maybe].filter((text) => has.has(text) && !wanted.has(text)).length,
          same: missing.length === 0 && extra.length === 0 && has.size > 0,
          difference: `missing: ${examples(missing)}; not in the segment: ${examples(extra)}`,
        });
      }
    });
    return rows;
  }

  /** @param {(query: Context['query']) => Promise<void>} work */
  async #withWarehouse(work) {
    const file = join(this.#project, 'shop.duckdb');
    if (!existsSync(file)) throw new Error(`${file} does not exist`);
    const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
    try {
      const connection = await instance.connect();
      await work(async (sql) => (await connection.runAndReadAll(sql)).getRowsJson().map(([text]) => String(text)));
      connection.closeSync();
    } finally {
      instance.closeSync();
    }
  }
}
