import { createHash } from 'node:crypto';
import type { Guards, IdentifierKind } from '../../src/artifacts/annotation.ts';
import type { Normaliser, Service } from '../../src/destinations/destination.ts';
import { findService } from '../../src/destinations/registry.ts';
import type {
  Activation,
  Destination,
  KnowledgeStore,
  MappedField,
  MappedIdentifier,
} from '../../src/knowledge/store.ts';
import type { Context } from '../../src/pipeline/context.ts';
import type { Endpoint } from '../../src/pipeline/endpoint.ts';
import { hubspot } from '../../src/sandbox/hubspot/index.ts';
import { meta } from '../../src/sandbox/meta/index.ts';
import type { SimulatedPlatform } from '../../src/sandbox/platform.ts';
import { webhook } from '../../src/sandbox/webhook/index.ts';
import { buildStore, originOf, types } from '../segment/world.ts';
import { isByKey, type Kind, type Run, type World } from './history.ts';
import { jobService, jobs } from './jobs.ts';

/** What is real about a kind of world, and what stands for the other side. */
interface Cast {
  readonly platform: 'meta' | 'hubspot' | 'webhook';
  readonly service: 'audiences' | 'objects';
  readonly simulated: SimulatedPlatform;
  readonly config: Endpoint['config'];
}

export const CASTS: Readonly<Record<Kind, Cast>> = {
  'meta list': { platform: 'meta', service: 'audiences', simulated: meta, config: { ad_account_id: '77' } },
  'hubspot list': { platform: 'hubspot', service: 'audiences', simulated: hubspot, config: {} },
  'hubspot objects': {
    platform: 'hubspot',
    service: 'objects',
    simulated: hubspot,
    config: { object_type: 'contacts', id_property: 'email', delete_existing: false },
  },
  'webhook rows': {
    platform: 'webhook',
    service: 'audiences',
    simulated: webhook,
    config: { url: 'http://hook.test/people' },
  },
  'rows by jobs': {
    platform: 'webhook',
    service: 'audiences',
    simulated: jobs,
    config: { url: 'http://jobs.test/people' },
  },
};

export const AUDIENCE = 'People';

/** The address of the platform, which nothing ever reaches. */
export function endpointOf({ config, platform }: Cast): Endpoint {
  return {
    config,
    credentials: platform === 'webhook' ? { secret: 's3cr3t-simulated' } : { access_token: 's3cr3t-good' },
    baseUrl: 'http://platform',
    core: JSON.stringify(config),
    account: JSON.stringify(config),
    isRehearsal: false,
  };
}

/** The real service of a kind. Modules are loaded in time of the system's, so not by a simulated process. */
export async function realService(kind: Kind): Promise<Service> {
  const service = await findService(CASTS[kind].platform, CASTS[kind].service);
  return kind === 'rows by jobs' ? jobService(service) : service;
}

/** It, with batches small enough that there are many of them, and with its normaliser of today or of tomorrow. */
export function serviceOf(real: Service, world: World, run: Pick<Run, 'normaliser'>): Service {
  const { limits: _limits, ...rest } = real;
  const limits = {
    ...real.facts.limits,
    rowsPerRequestMax: world.rowsPerRequest,
    connectionsMax: world.connections,
  };
  const { normaliser } = real;
  return {
    ...rest,
    facts: { ...real.facts, limits },
    normaliser: normaliser === null || run.normaliser === 1 ? normaliser : later(normaliser),
  };
}

/** Another version of the rules: what it sends for the same value differs. */
function later(normaliser: Normaliser): Normaliser {
  return {
    version: normaliser.version + 1,
    normalise: (kind, value, hints) => {
      const sent = normaliser.normalise(kind, value, hints);
      return sent === null ? null : laterForm(sent);
    },
  };
}

/** What the later version sends for what the first one sends. */
export function laterForm(sent: string): string {
  return sent.includes('@') ? `later.${sent}` : createHash('sha256').update(`later ${sent}`).digest('hex');
}

const NO_GUARDS: Required<Guards> = {
  max_delete_percent: 100,
  max_delete_rows: 1_000_000,
  min_delete_rows: 0,
  key_churn_percent: 100,
  allow_empty: true,
};

/** The activation as its blocks would be read, as it is configured for one run. */
export function activationOf(world: World, run: Run): Activation {
  const entity = `person_${run.activation}`;
  const list = world.kind.endsWith('list');
  return {
    id: `${entity}.people`,
    name: 'people',
    parent: { kind: 'entity', name: entity },
    entity,
    destination: 'people',
    mode: run.mode,
    operations: run.operations,
    audience: list ? AUDIENCE : null,
    mapping: list ? [] : mappingOf(world.kind, run),
    identifiers: list ? identifiersOf(world.kind, run) : [],
    consent: [],
    schedule: 'after_dbt',
    guards: NO_GUARDS,
    attempts: world.attempts,
    since: null,
    lookback: null,
    was: null,
    enabled: true,
    origin: originOf('people'),
    at: [],
  };
}

function identifiersOf(kind: Kind, { mapping }: Run): readonly MappedIdentifier[] {
  const of = (name: IdentifierKind): MappedIdentifier => ({ kind: name, rank: 1, path: [name] });
  if (kind === 'hubspot list') return [of('email')];
  if (mapping === 'narrow') return [of('email')];
  return mapping === 'other'
    ? [of('phone'), { kind: 'first_name', rank: 1, path: ['name'] }]
    : [of('email'), of('phone'), { kind: 'first_name', rank: 1, path: ['name'] }];
}

/** Fields of a second activation bear other names, so that two never write the same one. */
function mappingOf(kind: Kind, { mapping, activation }: Run): readonly MappedField[] {
  const nulls = isByKey(kind) ? 'null' : 'skip';
  const field = (name: string, column: string, write: MappedField['write'] = 'always'): MappedField => {
    return { field: name, source: { kind: 'column', path: [column] }, nulls, write, origin: null };
  };
  const name = activation === 'a' ? 'firstname' : 'nickname';
  const key = field('email', 'email');
  if (mapping === 'narrow') return [key];
  const constant: MappedField = { ...field('origin', 'name'), source: { kind: 'value', value: mapping } };
  if (mapping === 'other') return [key, field(name, 'name'), constant];
  return [key, field(name, 'name'), field(`${name}_first`, 'name', isByKey(kind) ? 'always' : 'on_insert')];
}

const columns = { id: types.integer, email: types.string, phone: types.string, name: types.string };

/** What a command would have read of the project. */
export function contextOf(world: World, run: Run, options: Context['options']): Context {
  const cast = CASTS[world.kind];
  const activation = activationOf(world, run);
  const entities = { person_a: { key: ['id'], columns }, person_b: { key: ['id'], columns } };
  const destination: Destination = {
    name: 'people',
    platform: cast.platform,
    service: cast.service,
    config: Object.fromEntries(Object.entries(cast.config).map(([name, value]) => [name, value as string | boolean])),
    credentials: {},
    baseUrl: null,
    exclude: [],
    consent: null,
    origin: originOf('dinmo.yml'),
  };
  const store: KnowledgeStore = {
    ...buildStore({ entities }),
    activations: new Map([[activation.id, activation]]),
    destinations: new Map([[destination.name, destination]]),
  };
  const nodes = ['a', 'b'].map((side): [string, unknown] => [
    `model.shop.entity_person_${side}`,
    { relationName: `entity_person_${side}`, uniqueId: `model.shop.entity_person_${side}` },
  ]);
  return {
    options,
    store,
    findings: [],
    // Of the project a sync asks for the relations of its generated models, and for what the run's row says of dbt.
    project: {
      dir: options.projectDir,
      runResults: [],
      freshness: [],
      manifest: { metadata: { projectName: 'shop', invocationId: null }, nodes: new Map(nodes) },
    },
  } as unknown as Context;
}
