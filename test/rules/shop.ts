import { HubSpotPlatform } from '../e2e/platforms/hubspot.ts';
import { MetaPlatform } from '../e2e/platforms/meta.ts';
import { type Call, type PlatformServer, startPlatform } from '../e2e/platforms/platform-server.ts';
import { WebhookPlatform } from '../e2e/platforms/webhook.ts';
import { type ActivationJson, type Outcome, type SyncJson, Workspace } from '../e2e/workspace.ts';

/** One person of the shop. */
export interface Person {
  readonly id: number | null;
  readonly email?: string | null;
  readonly phone?: string | null;
  readonly name?: string | null;
  readonly country?: string;
}

/** What a test changes of the shop; each text is a block of YAML, indented as it stands. */
export interface ShopFiles {
  /** Under `activations:` of the segment `vip`. */
  readonly vip?: string;
  /** Under `activations:` of the segment `fans`. */
  readonly fans?: string;
  /** Under `destinations:` of dinmo.yml, after those that are always there. */
  readonly destinations?: string;
  /** At the top of dinmo.yml. */
  readonly settings?: string;
}

const SECRETS = { META_TOKEN: 's3cr3t-meta-token-7', HS_TOKEN: 's3cr3t-hs-token-7', HS_OTHER: 's3cr3t-hs-token-8' };
const VIEWS: Readonly<Record<string, string>> = {
  entity_person: 'select * from main.people',
  entity_place: 'select * from main.places',
  segment_vip: "select * from main.people where country = 'FR'",
  segment_fans: "select * from main.people where country in ('FR', 'GB')",
  segment_optouts: "select * from main.people where country <> 'FR' or name = 'Optout'",
};

/** kind, model, column */
const TESTS = [
  ['unique', 'people', 'id'],
  ['not_null', 'people', 'id'],
  ['unique', 'places', 'code'],
  ['not_null', 'places', 'code'],
] as const;

/** A dbt project as dbt leaves it, written by hand: what a sync needs of dbt is a manifest, results and views. */
export class Shop {
  readonly hook = new WebhookPlatform({ batchSize: 500 });
  readonly meta = new MetaPlatform(SECRETS.META_TOKEN);
  readonly hubspot = new HubSpotPlatform(SECRETS.HS_TOKEN);
  readonly workspace: Workspace;
  #servers: readonly PlatformServer[] = [];

  private constructor(workspace: Workspace) {
    this.workspace = workspace;
    workspace.inProcess = true;
  }

  static async open(files: ShopFiles = {}): Promise<Shop> {
    const shop = new Shop(Workspace.create({}, SECRETS));
    shop.#servers = await Promise.all([shop.hook, shop.meta, shop.hubspot].map(startPlatform));
    shop.configure(files);
    shop.workspace.write('dbt_project.yml', 'name: shop\nprofile: shop\n');
    shop.workspace.write('profiles.yml', profiles({ dev: 'main' }));
    for (const [name, code] of Object.entries(VIEWS)) shop.workspace.write(fileOf(name), code);
    shop.workspace.write(fileOf('dinmo_delta_storage'), 'select 1');
    shop.parse();
    shop.build();
    await shop.workspace.sql(
      'create table main.people (id bigint, email varchar, phone varchar, name varchar, country varchar)',
      "create table main.places as select * from (values ('FR', 'fr@example.com'), ('GB', 'gb@example.com')) t(code, desk)",
      'create schema "main_DINMO_SEGMENTS"',
      ...Object.entries(VIEWS).map(([name, code]) => `create view "main_DINMO_SEGMENTS"."${name}" as ${code}`),
    );
    return shop;
  }

  /** dinmo.yml and dinmo/people.yml. */
  configure({ vip = '      hook: {to: hook}', fans, destinations = '', settings = '' }: ShopFiles): void {
    const [hook = '', meta = '', hubspot = ''] = this.#servers.map(({ url }) => url);
    this.workspace.write(
      'dinmo.yml',
      `version: 1
${settings}
destinations:
  hook:
    platform: webhook
    service: audiences
    config: {url: "${hook}/in"}
  ads:
    platform: meta
    service: audiences
    config: {ad_account_id: "77001"}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: ${meta}
    defaults: {identifiers: [email, phone]}
  crm:
    platform: hubspot
    service: objects
    config: {object_type: contacts, id_property: email}
    credentials: {access_token: "{{ env_var('HS_TOKEN') }}"}
    base_url: ${hubspot}
  lists:
    platform: hubspot
    service: audiences
    credentials: {access_token: "{{ env_var('HS_TOKEN') }}"}
    base_url: ${hubspot}
${destinations.replaceAll('$HOOK', hook).replaceAll('$META', meta).replaceAll('$HUBSPOT', hubspot)}`,
    );
    this.workspace.write(
      'dinmo/people.yml',
      `models:
  people:
    entity:
      name: person
      class: customers
      primary_key: id
      relationships: {place: {to: place, type: many_to_one, keys: {country: code}}}
    columns: {email: {identifier: email}, phone: {identifier: phone}}
  places:
    entity: {name: place, primary_key: code}
segments:
  optouts:
    entity: person
    where: {any: [{attribute: country, neq: FR}, {attribute: name, eq: Optout}]}
  vip:
    entity: person
    where: {attribute: country, eq: FR}
    activations:
${vip}
  fans:
    entity: person
    where: {attribute: country, in: [FR, GB]}
${fans === undefined ? '' : `    activations:\n${fans}`}
`,
    );
  }

  /** What `dbt parse` leaves, for a target whose schema is this. */
  parse(schema = 'main'): void {
    const generated = [...Object.keys(VIEWS), 'dinmo_delta_storage'];
    const columns = (...names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, { name, data_type: name === 'id' ? 'bigint' : 'varchar' }]));
    const node = (name: string, more: Readonly<Record<string, unknown>>) => ({
      unique_id: `model.shop.${name}`,
      resource_type: 'model',
      name,
      package_name: 'shop',
      database: 'shop',
      alias: name,
      depends_on: { nodes: [] },
      columns: {},
      ...more,
    });
    const table = (name: string, ...names: readonly string[]) =>
      node(name, {
        schema,
        relation_name: `"shop"."${schema}"."${name}"`,
        original_file_path: `models/${name}.sql`,
        config: { materialized: 'table' },
        columns: columns(...names),
      });
    const nodes = [
      table('people', 'id', 'email', 'phone', 'name', 'country'),
      table('places', 'code', 'desk'),
      ...generated.map((name) => {
        const place = `${schema}_${name === 'dinmo_delta_storage' ? 'DINMO_DELTA_STORAGE' : 'DINMO_SEGMENTS'}`;
        return node(name, {
          schema: place,
          relation_name: `"shop"."${place}"."${name}"`,
          original_file_path: fileOf(name),
          raw_code: this.workspace.read(fileOf(name)),
          config: { materialized: name === 'dinmo_delta_storage' ? 'ephemeral' : 'view', schema: place },
          tags: ['dinmo'],
          depends_on: { nodes: parentsOf(name) },
        });
      }),
    ];
    const tests = TESTS.map(([name, model, column]) => ({
      unique_id: `test.shop.${name}_${model}_${column}`,
      resource_type: 'test',
      test_metadata: { name, kwargs: { column_name: column } },
      column_name: column,
      attached_node: `model.shop.${model}`,
      depends_on: { nodes: [`model.shop.${model}`] },
      config: { enabled: true, severity: 'ERROR' },
    }));
    const manifest = {
      metadata: {
        dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json',
        dbt_version: '1.12.6',
        generated_at: new Date().toISOString(),
        invocation_id: 'build',
        project_name: 'shop',
        adapter_type: 'duckdb',
      },
      nodes: Object.fromEntries([...nodes, ...tests].map((one) => [one.unique_id, one])),
      sources: {},
      disabled: {},
      exposures: {},
      parent_map: {},
    };
    this.workspace.write('target/manifest.json', JSON.stringify(manifest));
  }

  /** What `dbt build` leaves: every node built, but for those named here. */
  build(statuses: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, unknown>> = {}): void {
    const now = new Date().toISOString();
    const names = ['people', 'places', ...Object.keys(VIEWS)].map((name) => [`model.shop.${name}`, 'success']);
    const tests = TESTS.map((test) => [`test.shop.${test.join('_')}`, 'pass']);
    const all: Record<string, string> = { ...Object.fromEntries([...names, ...tests]), ...statuses };
    const results = Object.entries(all).map(([unique_id, status]) => ({
      unique_id,
      status,
      timing: [{ name: 'execute', started_at: now, completed_at: now }],
    }));
    this.workspace.write(
      'target/run_results.json',
      JSON.stringify({
        metadata: {
          dbt_schema_version: 'https://schemas.getdbt.com/dbt/run-results/v6.json',
          dbt_version: '1.12.6',
          generated_at: now,
          invocation_id: 'build',
        },
        args: { which: 'build', target: 'dev', ...more },
        results,
      }),
    );
  }

  /** Replaces everybody. */
  async hold(people: readonly Person[]): Promise<void> {
    const text = (value: string | null | undefined): string => (value == null ? 'null' : `'${value}'`);
    const rows = people.map(
      ({ id, email, phone, name, country = 'FR' }) =>
        `(${id}, ${text(email === undefined ? `p${id}@example.com` : email)}, ${text(phone)}, ${text(name)}, ${text(country)})`,
    );
    await this.workspace.sql(
      'delete from main.people',
      ...(rows.length === 0 ? [] : [`insert into main.people values ${rows.join(', ')}`]),
    );
  }

  /** One activation's report, and the exit code of the command. */
  async one(...args: readonly string[]): Promise<ActivationJson & { readonly code: number | null }> {
    const { activations, error, code, stderr } = await this.json(...args);
    const [only] = activations;
    if (only === undefined || activations.length !== 1)
      throw new Error(`${activations.length} activations: ${error?.message}\n${stderr}`);
    return { ...only, code };
  }

  async json(
    ...args: readonly string[]
  ): Promise<SyncJson & { readonly code: number | null; readonly stderr: string }> {
    return await this.workspace.json(...args);
  }

  async dinmo(...args: readonly string[]): Promise<Outcome> {
    return await this.workspace.dinmo(...args);
  }

  get calls(): readonly Call[] {
    return this.#servers.flatMap(({ calls }) => calls);
  }

  /** Makes trouble on every platform. */
  set fault(fault: PlatformServer['fault']) {
    for (const server of this.#servers) server.fault = fault;
  }

  /** Keys that the webhook holds for an activation. */
  hooked(activation = 'vip.hook'): readonly string[] {
    return Object.keys(this.hook.table(activation)).sort((a, b) => Number(a) - Number(b));
  }

  async runs(activation = 'vip.hook'): Promise<readonly Record<string, unknown>[]> {
    return await this.workspace.sql(
      `select status, overrides, gate, mode, reason from "main_DINMO_DELTA_STORAGE".runs where activation_id = '${activation}' order by started_at, run_id`,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    this.workspace.dispose();
  }
}

/** People 1 to `count`, of the segment `vip`. */
export function people(from: number, to: number, more: Partial<Person> = {}): readonly Person[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => ({ id: from + index, ...more }));
}

/** profiles.yml with these targets and their schemas; the first is the default. */
export function profiles(targets: Readonly<Record<string, string>>): string {
  const outputs = Object.entries(targets).map(
    ([name, schema]) => `    ${name}: {type: duckdb, path: shop.duckdb, schema: ${schema}}\n`,
  );
  return `shop:\n  target: ${Object.keys(targets)[0]}\n  outputs:\n${outputs.join('')}`;
}

function parentsOf(view: string): readonly string[] {
  if (view === 'dinmo_delta_storage') return [];
  return [view === 'entity_place' ? 'model.shop.places' : 'model.shop.people'];
}

function fileOf(name: string): string {
  const folder = name.startsWith('entity') ? 'entities/' : name.startsWith('segment') ? 'segments/' : '';
  return `models/dinmo/${folder}${name}.sql`;
}
