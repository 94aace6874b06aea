import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { IdentifierKind, ServiceKind } from '../../src/artifacts/annotation.ts';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { addActivationBlock } from '../../src/models/activation-block.ts';
import { activateSegment } from '../../src/pipeline/activate.ts';
import { type Proposal, proposeActivation } from '../../src/pipeline/activation-proposal.ts';
import { type Context, loadContext } from '../../src/pipeline/context.ts';
import { Workspace } from '../e2e/workspace.ts';
import { secret } from '../privacy/canaries.ts';

/** Every kind that some service reads in clear, as columns of the models. */
const KINDS: readonly IdentifierKind[] = [
  ...(['email', 'phone', 'user_id', 'external_id', 'mobile_advertising_id', 'gclid', 'fbc', 'fbp'] as const),
  ...(['first_name', 'last_name', 'full_name', 'date_of_birth', 'gender', 'street', 'city', 'state'] as const),
  ...(['zip', 'country', 'company', 'ip', 'user_agent'] as const),
];
/** Settings that have no default: what somebody would write who follows the description. */
const SETTINGS: Readonly<Record<string, string | boolean>> = {
  ...{
    url: 'http://127.0.0.1:1/in',
    path: 'out.d',
    table: 'people',
    key_column: 'person_key',
    instance_url: 'https://shop.my.salesforce.com',
  },
  ...{
    object: 'Contact',
    external_id_field: 'Customer_Id__c',
    member_field: 'Email',
    rest_endpoint: 'rest.iad-01.braze.com',
  },
  ...{ terms_accepted: true, customer_id: '1234567890', conversion_action_id: '42', subdomain: 'shop' },
  ...{ host: 'shop.slgnt.eu', organization: 'Shop', list: 'CUSTOMERS' },
  ...{ ad_account_id: '77001', dataset_id: '77002', catalog_id: '77003' },
};
/** Settings beside the required ones that change what a service needs. */
const VARIANTS: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {
  google_audiences: { consent: { consent_ad_user_data: 'granted', consent_ad_personalization: 'granted' } },
  google_events: { consent: { consent_ad_user_data: 'granted', consent_ad_personalization: 'denied' } },
  hubspot_objects: { companies: { object_type: 'companies', id_property: 'account_key' } },
  salesforce_objects: { lead: { object: 'Lead' }, order: { object: 'Order__c', external_id_field: 'External__c' } },
  braze_events: { named: { event_name: 'Bought' }, purchases: { send_as: 'purchases' } },
  braze_objects: { email: { id_field: 'email' } },
  klaviyo_events: { named: { metric: 'Bought' } },
  zendesk_objects: { external: { id_field: 'external_id' } },
};

interface Target {
  readonly name: string;
  readonly service: ServiceKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly credentials: readonly string[];
}

const lookup = serviceLookup();
const TARGETS: readonly Target[] = lookup.platforms.flatMap((platform) =>
  lookup.services(platform).flatMap((service): Target[] => {
    const facts = lookup.facts(platform, service);
    if (facts === null) throw new Error('a service without facts');
    const required = facts.config.filter((fact) => fact.required).map(({ name }) => [name, SETTINGS[name]]);
    const credentials = facts.credentials.filter((fact) => fact.required).map(({ name }) => name);
    const plain = { name: `${platform}_${service}`, service, config: Object.fromEntries(required), credentials };
    const variants = Object.entries(VARIANTS[plain.name] ?? {});
    return [
      plain,
      ...variants.map(([end, more]) => ({
        ...plain,
        name: `${plain.name}_${end}`,
        config: { ...plain.config, ...more },
      })),
    ];
  }),
);

/** People and events of whom everything is known, and others of whom nothing is. */
const MODELS: Readonly<
  Record<
    string,
    { readonly entity: string; readonly segment: string; readonly isFact: boolean; readonly knows: boolean }
  >
> = {
  people: { entity: 'person', segment: 'vip', isFact: false, knows: true },
  strangers: { entity: 'stranger', segment: 'quiet', isFact: false, knows: false },
  purchases: { entity: 'purchase', segment: 'sales', isFact: true, knows: true },
  visits: { entity: 'visit', segment: 'hits', isFact: true, knows: false },
};

function columnsOf(model: string): readonly (readonly [name: string, type: string])[] {
  const { isFact, knows } = MODELS[model] ?? { isFact: false, knows: false };
  return [
    ['id', 'bigint'],
    ...(knows ? KINDS.map((kind) => [kind, kind === 'date_of_birth' ? 'date' : 'varchar'] as const) : []),
    ...(isFact ? ([['at', 'timestamp']] as const) : []),
    ...(isFact && knows
      ? ([
          ['value', 'double'],
          ['currency', 'varchar'],
          ['price', 'double'],
          ['product_id', 'varchar'],
        ] as const)
      : []),
    ...(knows
      ? ([['notes', 'varchar']] as const)
      : ([
          ['e_mail', 'varchar'],
          ['label', 'varchar'],
        ] as const)),
  ];
}

const quoted = (value: unknown): string => JSON.stringify(value);
const settings = `version: 1
destinations:
${TARGETS.map(({ name, config, credentials }) => {
  const [platform, service] = name.split('_');
  const keys = credentials.map((key) => `${key}: "{{ env_var('ACCESS') }}"`).join(', ');
  return `  ${name}: {platform: ${platform}, service: ${service}, config: ${quoted(config)}, credentials: {${keys}}}`;
}).join('\n')}
`;
const BARE = '  bare: {platform: meta, service: audiences}\n';
const annotations = `models:
${Object.entries(MODELS)
  .map(([model, { entity, isFact, knows }]) => {
    const columns = columnsOf(model).map(
      ([name]) => `${name}: {${knows && KINDS.some((kind) => kind === name) ? `identifier: ${name}` : ''}}`,
    );
    return `  ${model}:
    entity: {name: ${entity}, type: ${isFact ? 'fact, event_time: at' : 'dimension'}, class: ${isFact ? 'events' : 'customers'}, primary_key: id}
    columns: {${columns.join(', ')}}`;
  })
  .join('\n')}
segments:
${Object.values(MODELS)
  .map(({ entity, segment }) => `  ${segment}:\n    entity: ${entity}`)
  .join('\n')}
`;

const views = Object.entries(MODELS).flatMap(([model, { entity, segment }]) =>
  [`entities/entity_${entity}`, `segments/segment_${segment}`].map((path) => ({
    path,
    model,
    name: path.split('/')[1] ?? '',
  })),
);

/** What `dbt parse` would leave. */
function manifest(): string {
  const node = (name: string, more: Readonly<Record<string, unknown>>) => ({
    ...{
      unique_id: `model.shop.${name}`,
      resource_type: 'model',
      name,
      package_name: 'shop',
      database: 'shop',
      alias: name,
    },
    ...{ depends_on: { nodes: [] }, columns: {} },
    ...more,
  });
  const at = (schema: string, name: string) => ({ schema, relation_name: `"shop"."${schema}"."${name}"` });
  const nodes = [
    ...Object.keys(MODELS).map((name) =>
      node(name, {
        ...at('main', name),
        original_file_path: `models/${name}.sql`,
        config: { materialized: 'table' },
        columns: Object.fromEntries(
          columnsOf(name).map(([column, type]) => [column, { name: column, data_type: type }]),
        ),
      }),
    ),
    ...[...views, { path: 'dinmo_delta_storage', name: 'dinmo_delta_storage' }].map(({ path, name }) => {
      const schema = name === 'dinmo_delta_storage' ? 'main_DINMO_DELTA_STORAGE' : 'main_DINMO_SEGMENTS';
      const materialized = name === 'dinmo_delta_storage' ? 'ephemeral' : 'view';
      return node(name, {
        ...at(schema, name),
        ...{ original_file_path: `models/dinmo/${path}.sql`, raw_code: 'select 1', tags: ['dinmo'] },
        config: { materialized, schema },
      });
    }),
  ];
  const metadata = {
    ...{ dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json', dbt_version: '1.12.6' },
    ...{ generated_at: new Date().toISOString(), invocation_id: 'build', project_name: 'shop', adapter_type: 'duckdb' },
  };
  const rest = { sources: {}, disabled: {}, exposures: {}, parent_map: {} };
  return quoted({ metadata, nodes: Object.fromEntries(nodes.map((one) => [one.unique_id, one])), ...rest });
}

let workspace: Workspace;
let context: Context;
const FILE = 'dinmo/shop.yml';
const options = () => ({ projectDir: workspace.folder, env: workspace.env, cwd: workspace.folder });
beforeAll(async () => {
  workspace = Workspace.create(
    {
      'dbt_project.yml': 'name: shop\nprofile: shop\n',
      'profiles.yml': 'shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, schema: main}}}\n',
      'dinmo.yml': settings + BARE,
      [FILE]: annotations,
      'target/manifest.json': manifest(),
      ...Object.fromEntries(views.map(({ path }) => [`models/dinmo/${path}.sql`, 'select 1'])),
      'models/dinmo/dinmo_delta_storage.sql': 'select 1',
    },
    { ACCESS: secret('activate') },
  );
  workspace.inProcess = true;
  context = await loadContext(options());
});
afterAll(() => workspace.dispose());

const propose = (target: Target, knows: boolean): Proposal => {
  const [, found] =
    Object.entries(MODELS).find(([, one]) => one.knows === knows && one.isFact === (target.service === 'events')) ?? [];
  return proposeActivation(context, { owner: found?.segment ?? '', name: target.name, to: target.name });
};

/** What is written, and what is said to be missing, as one reads it. */
function show(target: Target, { mapping, findings, unfed }: Proposal): string {
  const fields = Object.entries(mapping ?? {}).map(
    ([field, source]) => `  ${field}: ${'column' in source ? source.column : `{value: ${source.value}}`}`,
  );
  const said = findings.map(({ severity, code, message, fix }) => `  ${severity} ${code}: ${message} ${fix}`);
  const lacking = unfed.map(({ name, description }) => `  nothing feeds ${name}: ${description}`);
  return [`${target.name}${mapping === null ? '' : ', with a mapping'}`, ...fields, ...said, ...lacking].join('\n');
}

describe('activate without any option', () => {
  beforeEach(() => {
    workspace.write(FILE, annotations);
    workspace.write('dinmo.yml', settings + BARE);
  });

  test('works for every service where the identifiers allow it, and check and plan agree', async () => {
    const proposals = TARGETS.map((target) => ({ target, proposal: propose(target, true) }));
    await expect(`${proposals.map(({ target, proposal }) => show(target, proposal)).join('\n')}\n`).toMatchFileSnapshot(
      'golden/activate-known.txt',
    );
    const works = proposals.filter(({ proposal }) => proposal.findings.every(({ severity }) => severity !== 'error'));
    let text = annotations;
    for (const { target, proposal } of works) {
      const owner = target.service === 'events' ? '  sales:' : '  vip:';
      const place = { line: text.slice(0, text.indexOf(owner)).split('\n').length, column: 3 };
      const added = addActivationBlock(text, place, { name: target.name, to: target.name, mapping: proposal.mapping });
      if (added.kind !== 'added') throw new Error(`${target.name}: ${added.kind}`);
      text = added.text;
    }
    workspace.write(FILE, text);
    workspace.write('dinmo.yml', settings);
    await workspace.sql(
      'create schema "main_DINMO_SEGMENTS"',
      ...Object.keys(MODELS).map(
        (model) =>
          `create table ${model} (${columnsOf(model)
            .map(([name, type]) => `"${name}" ${type}`)
            .join(', ')})`,
      ),
      `insert into people (id, email, external_id) values (1, 'ann@shop.example', 'c-1'), (2, 'bob@shop.example', 'c-2')`,
      `insert into purchases (id, email, external_id, currency, price, product_id, "at") values (1, 'ann@shop.example', 'c-1', 'EUR', 9.5, 'p-1', now())`,
      ...views.map(({ name, model }) => `create view "main_DINMO_SEGMENTS".${name} as select * from main.${model}`),
    );
    const { activations, code, error } = await workspace.json('plan');
    expect(error).toBeNull();
    expect(activations).toHaveLength(works.length);
    const planned = activations.map(({ activation, planned: plan }) => `${activation} ${plan?.insert}`);
    expect(planned.sort()).toEqual(
      works
        .map(({ target }) => (target.service === 'events' ? `sales.${target.name} 1` : `vip.${target.name} 2`))
        .sort(),
    );
    expect(code).toBeLessThan(2);
  });

  test('names what is missing where it is', async () => {
    const shown = TARGETS.map((target) => show(target, propose(target, false)));
    const bare = { name: 'bare', service: 'audiences', config: {}, credentials: [] } as const;
    shown.push(show(bare, proposeActivation(context, { owner: 'vip', name: 'bare', to: 'bare' })));
    await expect(`${shown.join('\n')}\n`).toMatchFileSnapshot('golden/activate-unknown.txt');
  });

  test('writes the mapping that is needed, which dinmo reads as it was meant, and says what is missing', async () => {
    workspace.write('dinmo.yml', settings);
    const report = await activateSegment({ ...options(), segment: 'sales', to: 'meta_events' });
    expect(report.notes).toEqual([]);
    expect(report.text).toContain('event_name: {value: sales}');
    const { store, findings } = await loadContext(options());
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(store.activations.get('sales.meta_events')?.mapping).toContainEqual(
      expect.objectContaining({ field: 'event_name', source: { kind: 'value', value: 'sales' } }),
    );
    const lacking = await activateSegment({ ...options(), segment: 'quiet', to: 'klaviyo_audiences' });
    expect(lacking.notes.join('\n')).toMatch(/model `strangers`.*`columns: \{.*identifier: email\}\}`/);
  });
});
