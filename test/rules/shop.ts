import { HubSpotPlatform } from '../e2e/platforms/hubspot.ts';
import { MetaPlatform } from '../e2e/platforms/meta.ts';
import { type Call, type PlatformServer, startPlatform } from '../e2e/platforms/platform-server.ts';
import { WebhookPlatform } from '../e2e/platforms/webhook.ts';
import { type ActivationJson, type Outcome, type SyncJson, Workspace } from '../e2e/workspace.ts';
import { type DbtTarget, openDbtTarget, type PlainRow } from '../warehouse/dbt-target.ts';

/** One person of the shop. */
export interface Person {
  readonly id: number | null;
  readonly email?: string | null;
  readonly phone?: string | null;
  readonly name?: string | null;
  readonly country?: string;
  /** Default: true. */
  readonly agreed?: boolean | null;
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
/** Generated views, as SQL over the tables of the schema. */
const VIEWS = {
  entity_person: 'select * from people',
  entity_place: 'select * from places',
  segment_vip: "select * from people where country = 'FR'",
  segment_fans: "select * from people where country in ('FR', 'GB')",
  segment_optouts: "select * from people where country <> 'FR' or name = 'Optout'",
} as const satisfies Readonly<Record<string, string>>;
const GENERATED = [...Object.keys(VIEWS), 'dinmo_delta_storage'];

/** Columns that are not text. */
const TYPES: Readonly<Record<string, string>> = { id: 'bigint', agreed: 'boolean', is_open: 'boolean' };

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
  /** The warehouse that the project is on. */
  readonly target: DbtTarget;
  #servers: readonly PlatformServer[] = [];

  private constructor(workspace: Workspace, target: DbtTarget) {
    this.workspace = workspace;
    this.target = target;
    workspace.inProcess = true;
    Object.assign(workspace.env, target.env);
  }

  static async open(files: ShopFiles = {}): Promise<Shop> {
    const workspace = Workspace.create({}, SECRETS);
    const shop = new Shop(workspace, await openDbtTarget(workspace.folder));
    shop.#servers = await Promise.all([shop.hook, shop.meta, shop.hubspot].map(startPlatform));
    shop.configure(files);
    shop.workspace.write('dbt_project.yml', 'name: shop\nprofile: shop\n');
    shop.profiles({ dev: shop.target.schema });
    for (const name of Object.keys(VIEWS)) shop.workspace.write(fileOf(name), shop.codeOf(name));
    shop.workspace.write(fileOf('dinmo_delta_storage'), 'select 1');
    shop.parse();
    shop.build();
    await shop.#fill();
    return shop;
  }

  /** profiles.yml with these targets and their schemas; the first is the default. */
  profiles(targets: Readonly<Record<string, string>>): void {
    const outputs = Object.entries(targets).map(([name, schema]) => [name, this.target.output(schema)]);
    // JSON is YAML.
    const shop = { target: Object.keys(targets)[0], outputs: Object.fromEntries(outputs) };
    this.workspace.write('profiles.yml', JSON.stringify({ shop }));
  }

  /** A table or view of the project, as SQL names it. */
  at(name: string, schema = this.target.schema): string {
    return this.target.state.table({ database: null, schema: placeOf(name, schema), name });
  }

  /** A table of the ledger. */
  stored(name: string, schema = this.deltaStorage()): string {
    return this.target.state.table({ database: null, schema, name });
  }

  deltaStorage(schema = this.target.schema): string {
    return `${schema}_DINMO_DELTA_STORAGE`;
  }

  /** The SQL of a generated view; its tables stand in the schema of the project. */
  codeOf(name: string): string {
    const code: string = Object.hasOwn(VIEWS, name) ? VIEWS[name as keyof typeof VIEWS] : 'select 1'; // it has it
    return code.replace(/from (\w+)/, (_, table: string) => `from ${this.at(table)}`);
  }

  async sql(...statements: readonly string[]): Promise<readonly PlainRow[]> {
    return await this.target.run(...statements);
  }

  /** Every row of the delta storage of a schema by table, but for what dbt said. */
  async stateOf(schema = this.target.schema): Promise<Readonly<Record<string, readonly PlainRow[]>>> {
    const found: Record<string, readonly PlainRow[]> = {};
    for (const table of await this.target.tables(this.deltaStorage(schema)))
      if (table !== 'node_results') found[table] = await this.rowsOf(this.stored(table, this.deltaStorage(schema)));
    return found;
  }

  /** Rows of a table, in whatever order it keeps them. */
  async rowsOf(table: string): Promise<readonly PlainRow[]> {
    const rows = await this.sql(`select * from ${table}`);
    const ordered = rows.map((row) => ({ row, text: JSON.stringify(row) }));
    return ordered.sort((a, b) => (a.text < b.text ? -1 : 1)).map(({ row }) => row);
  }

  async #fill(): Promise<void> {
    const { schema, state, dataType } = this.target;
    const [id, text] = [dataType('bigint'), dataType('varchar')];
    const made = (of: string): string => state.createSchema({ database: null, schema: of });
    await this.sql(
      `create table ${this.at('people')} (id ${id}, email ${text}, phone ${text}, name ${text}, country ${text}, agreed ${dataType('boolean')})`,
      `create table ${this.at('places')} as select 'FR' as code, 'fr@example.com' as desk, true as is_open union all select 'GB', 'gb@example.com', false`,
      made(`${schema}_DINMO_SEGMENTS`),
      ...Object.keys(VIEWS).map((name) => `create view ${this.at(name)} as ${this.codeOf(name)}`),
    );
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
  parse(schema = this.target.schema): void {
    const { database, dataType, state, type } = this.target;
    const columns = (...names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, { name, data_type: dataType(TYPES[name] ?? 'varchar') }]));
    const relation = (place: string, name: string): string => state.table({ database, schema: place, name });
    const node = (name: string, more: Readonly<Record<string, unknown>>) => ({
      unique_id: `model.shop.${name}`,
      resource_type: 'model',
      name,
      package_name: 'shop',
      database,
      alias: name,
      depends_on: { nodes: [] },
      columns: {},
      ...more,
    });
    const table = (name: string, ...names: readonly string[]) =>
      node(name, {
        schema,
        relation_name: relation(schema, name),
        original_file_path: `models/${name}.sql`,
        config: { materialized: 'table' },
        columns: columns(...names),
      });
    const nodes = [
      table('people', 'id', 'email', 'phone', 'name', 'country', 'agreed'),
      table('places', 'code', 'desk', 'is_open'),
      ...GENERATED.map((name) => {
        const place = placeOf(name, schema);
        return node(name, {
          schema: place,
          relation_name: relation(place, name),
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
        adapter_type: type,
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
  build(
    statuses: Readonly<Record<string, string>> = {},
    more: Readonly<Record<string, unknown>> = {},
    now = new Date().toISOString(),
    only: readonly string[] | null = null,
  ): void {
    const names = ['people', 'places', ...Object.keys(VIEWS)].map((name) => [`model.shop.${name}`, 'success']);
    const tests = TESTS.map((test) => [`test.shop.${test.join('_')}`, 'pass']);
    const all: Record<string, string> = { ...Object.fromEntries([...names, ...tests]), ...statuses };
    const chosen = Object.entries(all).filter(([uniqueId]) => only === null || only.includes(uniqueId));
    const results = chosen.map(([unique_id, status]) => ({
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
    const { state } = this.target;
    const text = (value: string | null | undefined): string => (value == null ? 'null' : state.text(value));
    const rows = people.map(
      ({ id, email, phone, name, country = 'FR', agreed = true }) =>
        `(${id}, ${text(email === undefined ? `p${id}@example.com` : email)}, ${text(phone)}, ${text(name)}, ${text(country)}, ${agreed})`,
    );
    await this.sql(
      `delete from ${this.at('people')} where 1 = 1`,
      ...(rows.length === 0 ? [] : [`insert into ${this.at('people')} values ${rows.join(', ')}`]),
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

  async runs(activation = 'vip.hook'): Promise<readonly PlainRow[]> {
    return await this.sql(
      `select status, overrides, gate, mode, reason from ${this.stored('runs')} where activation_id = '${activation}' order by started_at, run_id`,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    await this.target.close();
    this.workspace.dispose();
  }
}

/** People 1 to `count`, of the segment `vip`. */
export function people(from: number, to: number, more: Partial<Person> = {}): readonly Person[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => ({ id: from + index, ...more }));
}

/** The schema of a generated model, else that of the project. */
function placeOf(name: string, schema: string): string {
  if (name === 'dinmo_delta_storage') return `${schema}_DINMO_DELTA_STORAGE`;
  return GENERATED.includes(name) ? `${schema}_DINMO_SEGMENTS` : schema;
}

function parentsOf(view: string): readonly string[] {
  if (view === 'dinmo_delta_storage') return [];
  return [view === 'entity_place' ? 'model.shop.places' : 'model.shop.people'];
}

function fileOf(name: string): string {
  const folder = name.startsWith('entity') ? 'entities/' : name.startsWith('segment') ? 'segments/' : '';
  return `models/dinmo/${folder}${name}.sql`;
}
