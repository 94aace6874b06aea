import type { ServiceKind } from '../../src/artifacts/annotation.ts';
import { COUNTRY_CODES } from '../../src/artifacts/country-code.ts';
import { ADAPTER_TYPES, SETTINGS_KEYS, SETTINGS_PART_KEYS } from '../../src/artifacts/settings.ts';
import { ALERT_EVENTS, ALERT_KEYS, ALERT_TYPES, ALERTS_LINK_KEY } from '../../src/artifacts/settings-alerts.ts';
import { CREDENTIAL, DEFAULTS_KEYS, DESTINATION_KEYS } from '../../src/artifacts/settings-destination.ts';
import { serviceLookup } from '../../src/destinations/registry.ts';
import type { ServiceFacts, SettingFact } from '../../src/knowledge/service-facts.ts';
import { attempts, consent, guards, schedule, sentFields } from './activation.ts';
import { choice, number, type Schema, text, Vocabulary } from './words.ts';

/** Of our own file: nothing is rendered but what stands in `config`, `credentials` and `base_url`. */
const words = new Vocabulary({ isRendered: false });
const EXPRESSION: Schema = { type: 'string', pattern: '\\{\\{|\\{%' };

const SECRET_RULE =
  'A secret is not written here: put it into an environment variable and write "{{ env_var(\'NAME\') }}".';

/** dinmo.yml */
export function settingsSchema(): Schema {
  return {
    title: 'dinmo.yml',
    description: 'Settings and destinations of dbt-dinmo, beside dbt_project.yml.',
    ...words.map(
      SETTINGS_KEYS,
      {
        version: { description: 'Version of this file.', const: 1 },
        timezone: text('IANA time zone in which days begin and end.', { default: 'UTC', examples: ['Europe/Paris'] }),
        targets: words.list(text('A target of the profile.'), {
          description: 'dbt targets that may reach real platforms.',
          examples: [['prod']],
        }),
        owner: {
          description: 'Whom dbt’s exposures name as owner.',
          ...words.map(SETTINGS_PART_KEYS.owner, {
            name: text('Name of a person or team.'),
            email: text('Their address.'),
          }),
        },
        schemas: schemas(),
        models_path: text('Where generated models go; default: dinmo/ in the first model path.'),
        paths: words.list(text('A folder of the project, or a file.'), {
          description: 'Where segments and annotations are written.',
          default: ['dinmo'],
        }),
        gate: {
          description: 'When dbt’s results are good enough for a sync.',
          ...words.map(SETTINGS_PART_KEYS.gate, {
            max_age_hours: number('How old a result may be, in hours.', { min: 0, max: 8784 }, { default: 24 }),
            warnings: choice(['pass', 'block'], 'What a test or source that warns does.', { default: 'pass' }),
          }),
        },
        adapters: words.list(choice(ADAPTER_TYPES, 'An adapter type of dbt.'), {
          description: 'Adapters of a project whose targets span several; left out: the manifest’s own.',
        }),
        destinations: words.namedMap(words.ref('destination'), { description: 'Destinations by name.' }),
        alerts: alerts(),
        default_country: choice(COUNTRY_CODES, 'Country of national phone numbers of rows that have none.'),
        history: choice(['rows'], '`rows`: `generate` writes a model that keeps which row was sent when.'),
      },
      { type: ['object', 'null'] },
    ),
    definitions: { destination: destination() },
  };
}

function schemas(): Schema {
  const schema = (description: string, usual: string): Schema => ({
    description,
    type: 'string',
    pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$',
    default: usual,
  });
  return {
    description: 'Schemas of what dinmo builds, as custom schemas of dbt.',
    ...words.map(SETTINGS_PART_KEYS.schemas, {
      segments: schema('Views of entities and segments.', 'DINMO_SEGMENTS'),
      stats: schema('Statistics and the models over the ledger.', 'DINMO_STATS'),
      delta_storage: schema('What was sent: snapshots and ledger.', 'DINMO_DELTA_STORAGE'),
    }),
  };
}

function alerts(): Schema {
  const hidden = (description: string): Schema => ({
    description: `${description} From an environment variable.`,
    type: 'string',
    pattern: CREDENTIAL.source,
    patternErrorMessage: SECRET_RULE,
    examples: ["{{ env_var('SLACK_WEBHOOK_URL') }}"],
  });
  const alert = {
    ...words.map(
      ALERT_KEYS,
      {
        type: choice(ALERT_TYPES, 'Who is told.'),
        url: hidden('Where the alert is sent.'),
        on: words.list(choice(ALERT_EVENTS, 'A state that an activation came into.'), {
          description: 'What is told; default: everything.',
        }),
        secret: hidden('webhook: signs each request.'),
      },
      { required: ['type', 'url'] },
    ),
    if: { properties: { type: { const: 'slack' } }, required: ['type'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: { not: { required: ['secret'] } },
  };
  const link = {
    description: 'An address that each message ends with.',
    type: 'string',
    anyOf: [EXPRESSION, { pattern: '^[Hh][Tt][Tt][Pp][Ss]?:' }],
  };
  return {
    ...words.namedMap(alert, { description: 'Who is told when an activation fails, is blocked, or recovers.' }),
    properties: { [ALERTS_LINK_KEY]: link },
  };
}

function destination(): Schema {
  const lookup = serviceLookup();
  const services = [...new Set(lookup.platforms.flatMap((platform) => lookup.services(platform)))].sort();
  const facts = lookup.platforms.flatMap((platform) =>
    lookup.services(platform).flatMap((service) => lookup.facts(platform, service) ?? []),
  );
  return {
    description: 'A platform, with its configuration and one service.',
    ...words.map(
      DESTINATION_KEYS,
      {
        platform: choice(lookup.platforms, 'The outside system. `dinmo show platforms` lists what each can do.'),
        service: choice(services, 'What is synced: events, audiences (membership) or objects (contacts, items).'),
        config: { description: 'Settings of the service.', type: 'object' },
        credentials: { description: 'Secrets, from the environment only.', type: 'object' },
        base_url: baseUrl(),
        defaults: {
          description: 'Defaults of the activations that send here.',
          ...words.map(DEFAULTS_KEYS, { ...sentFields(words), schedule, attempts }),
        },
        exclude: words.list(text('A segment.'), { description: 'Segments that are never sent here.' }),
        consent: consent(words),
        guards: guards(words),
        default_country: choice(
          COUNTRY_CODES,
          'Country of national phone numbers of rows that have none; default: the project’s.',
        ),
      },
      { required: ['platform', 'service'] },
    ),
    allOf: [
      ...lookup.platforms.map((platform) => servicesOf(platform, lookup.services(platform))),
      ...facts.map(settingsOf),
    ],
  };
}

function baseUrl(): Schema {
  return {
    description: 'Takes the place of scheme, host and port; the API’s own path follows it.',
    type: 'string',
    minLength: 1,
    anyOf: [EXPRESSION, { pattern: '^[Hh][Tt][Tt][Pp][Ss]?:[^?#]+$' }],
    examples: ['http://127.0.0.1:8900/meta'],
  };
}

function servicesOf(platform: string, services: readonly ServiceKind[]): Schema {
  return {
    if: { properties: { platform: { const: platform } }, required: ['platform'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: { properties: { service: { enum: services } } },
  };
}

function settingsOf(facts: ServiceFacts): Schema {
  const part = (settings: readonly SettingFact[], of: (fact: SettingFact) => Schema): Schema => ({
    type: 'object',
    properties: Object.fromEntries(settings.map((fact) => [fact.name, of(fact)])),
    additionalProperties: false,
    required: settings.filter((fact) => fact.required).map((fact) => fact.name),
  });
  const isNeeded = (settings: readonly SettingFact[]): boolean => settings.some((fact) => fact.required);
  const { platform, service, config, credentials } = facts;
  return {
    if: {
      properties: { platform: { const: platform }, service: { const: service } },
      required: ['platform', 'service'],
    },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: {
      properties: { config: part(config, setting), credentials: part(credentials, credential) },
      required: [...(isNeeded(config) ? ['config'] : []), ...(isNeeded(credentials) ? ['credentials'] : [])],
    },
  };
}

function setting(fact: SettingFact): Schema {
  const shown = {
    description: `${fact.description}.${fact.core ? ' Never changes after the first sync.' : ''}`,
    ...(fact.default === undefined ? {} : { default: fact.default }),
  };
  const value: Readonly<Record<SettingFact['type'], readonly Schema[]>> = {
    string: [
      fact.choices === undefined ? { type: 'string', minLength: 1 } : { enum: fact.choices },
      ...(fact.choices === undefined ? [{ type: 'integer' }] : []),
    ],
    integer: [
      { type: 'integer', minimum: 1, ...(fact.max === undefined ? {} : { maximum: fact.max }) },
      { type: 'string', pattern: '^0*[1-9]\\d{0,14}$' },
    ],
    boolean: [{ type: 'boolean' }, { enum: ['true', 'false'] }],
    'string[]': [{ type: 'array', items: { type: 'string' } }],
  };
  return { ...shown, anyOf: fact.type === 'string[]' ? value[fact.type] : [...value[fact.type], EXPRESSION] };
}

function credential(fact: SettingFact): Schema {
  return {
    description: `${fact.description}. From an environment variable.`,
    type: 'string',
    pattern: CREDENTIAL.source,
    patternErrorMessage: SECRET_RULE,
    examples: [`{{ env_var('${fact.name.toUpperCase()}') }}`],
  };
}
