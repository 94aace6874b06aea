import type { Operation } from '../artifacts/annotation.ts';
import { findService } from '../destinations/registry.ts';
import type { Source } from '../diff/job.ts';
import { noRows, stateTables } from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import { DEFAULT_ATTEMPTS, DEFAULT_GUARDS, DEFAULT_SCHEDULE } from '../knowledge/activations.ts';
import { destinationKeyField } from '../knowledge/mapping.ts';
import type { Activation, Destination } from '../knowledge/store.ts';
import type { ActivationState } from '../record/ledger.ts';
import { directTarget } from './context.ts';
import { readEndpoint } from './endpoint.ts';
import { type Prepared, requireSameDestination } from './prepare-run.ts';
import type { Bench } from './run-activations.ts';
import { buildSource } from './source.ts';
import { stateOf } from './storage.ts';

/**
 * An activation that has no block any more as the engine takes it, with a source without rows: everything that its snapshot
 * holds has left. Throws DinmoError where its destination is gone or another one, where nothing can be removed there, or where
 * another activation still wants what it holds.
 */
export async function prepareRemoval(bench: Bench, state: ActivationState): Promise<Prepared> {
  const prepared = await prepareLeft(bench, state);
  const { service, destination } = prepared;
  if (!service.facts.operations.includes('delete')) throw cannotRemove(state, destination);
  const wanted = await findWanting(bench, state);
  if (wanted !== null) throw wanted;
  return prepared;
}

/** The same, whether or not anything can be removed there. Throws DinmoError where its destination is gone or another one. */
export async function prepareLeft(bench: Bench, state: ActivationState): Promise<Prepared> {
  const { context, storage } = bench;
  const destination = context.store.destinations.get(state.destination);
  if (!destination) throw destinationGone(state);
  const service = await findService(destination.platform, destination.service);
  const endpoint = readEndpoint(context, destination, { service, secrets: 'needed' });
  const activation = leftActivation(state, destination, service.facts.operations);
  requireSameDestination(activation, destination, state, endpoint);
  const base = { activation, destination, service, endpoint, state, suffix: state.tableSuffix };
  return {
    ...base,
    entity: null,
    tables: stateTables(storage.ledger.schema, state.tableSuffix),
    // Asked for by name and confirmed: what dbt built has no say in it.
    gate: { open: true, reason: null },
    source: await emptySource(bench, base),
  };
}

/** What is known of an activation without a block, in the shape of one. */
export function leftActivation(
  state: ActivationState,
  destination: Pick<Destination, 'name' | 'origin'>,
  operations: readonly Operation[],
): Activation {
  const [parent = '', name = ''] = state.activationId.split('.');
  return {
    ...{ id: state.activationId, name, parent: { kind: 'segment', name: parent }, entity: state.entity ?? '' },
    destination: destination.name,
    mode: state.mode ?? 'delta',
    operations,
    audience: state.audience,
    ...{
      mapping: [],
      identifiers: [],
      consent: [],
      schedule: DEFAULT_SCHEDULE,
      guards: DEFAULT_GUARDS,
      attempts: DEFAULT_ATTEMPTS,
    },
    ...{ since: null, lookback: null, was: null, enabled: true },
    origin: destination.origin,
    at: ['destinations', destination.name],
  };
}

type Removal = Pick<Prepared, 'activation' | 'destination' | 'service'>;

/** Rows that are addressed by the entity's key go out with its type, which only the entity knows; all others need none. */
async function emptySource(bench: Bench, { activation, destination, service }: Removal): Promise<Source> {
  const { context, warehouse, dialect } = bench;
  const { facts } = service;
  if (facts.identifiers === null && facts.destinationKey === null) {
    const entity = context.store.entities.get(activation.entity);
    if (!entity) throw entityGone(activation);
    const target = directTarget(context, warehouse.state.now);
    const whole: Activation = { ...activation, parent: { kind: 'entity', name: entity.name } };
    return await buildSource({ context, activation: whole, entity, service, warehouse, dialect, target });
  }
  const dataType = warehouse.state.type('text');
  const field = destinationKeyField(facts, destination.config);
  return {
    sql: noRows(warehouse.state, [
      { name: 'k0', type: 'text' },
      { name: 'f0', type: 'text' },
    ]),
    keys: [{ name: 'key', sql: 'k0', dataType }],
    ...{ identifiers: [], fields: [], eventTime: null },
    destinationKey: field === null ? null : { name: field, sql: 'f0', dataType },
  };
}

/** Another activation whose members or objects these are, or may be about to be. */
async function findWanting(bench: Bench, state: ActivationState): Promise<DinmoError | null> {
  const { context, storage } = bench;
  for (const activation of context.store.activations.values()) {
    const destination = context.store.destinations.get(activation.destination);
    if (!destination || destination.platform !== state.platform || destination.service !== state.service) continue;
    const service = await findService(destination.platform, destination.service);
    const { core } = readEndpoint(context, destination, { service, secrets: 'unused' });
    const own = stateOf(storage, activation);
    const isElsewhere = own?.account != null && state.account !== null && own.account !== state.account;
    if ((state.core !== null && core !== state.core) || isElsewhere) continue;
    const hasSameId = own?.audienceId != null && own.audienceId === state.audienceId;
    const hasSameName = service.facts.audience !== null && activation.audience === state.audience;
    if (hasSameId || (hasSameName && own?.audienceId == null)) return audienceWanted(state, activation);
    // Once it has been synced, its snapshot protects what it holds.
    const isNew = own === null || own.lastSuccessAt === null;
    if (service.facts.destinationKey !== null && isNew && activation.enabled) return objectsWanted(state, activation);
  }
  return null;
}

function audienceWanted(state: ActivationState, { id }: Activation): DinmoError {
  return new DinmoError({
    kind: 'stopped',
    code: 'clean-still-wanted',
    message: `The audience of ${state.activationId} is filled by ${id} now: to remove members would take away its own.`,
    fix: `Name the former id with \`was: ${state.activationId}\` where it was renamed; else clean without --remove-members.`,
  });
}

function objectsWanted(state: ActivationState, { id }: Activation): DinmoError {
  return new DinmoError({
    kind: 'stopped',
    code: 'clean-still-wanted',
    message: `${id} writes objects of the same account as ${state.activationId} did, and has not been synced yet: what it wants is not known.`,
    fix: `Name the former id with \`was: ${state.activationId}\` where it was renamed; else sync ${id} first.`,
  });
}

function destinationGone(state: ActivationState): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'clean-destination-missing',
    message: `The destination ${state.destination} of ${state.activationId} is not in dinmo.yml any more, so nothing can be removed there.`,
    fix: 'Put it back for this once, or clean without --remove-members: its rows stay at the platform then.',
  });
}

function cannotRemove(state: ActivationState, { platform, service }: Destination): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'clean-cannot-remove',
    message: `What ${state.activationId} sent cannot be taken back: ${platform} ${service} knows no removal.`,
    fix: 'Clean without --remove-members.',
  });
}

function entityGone({ id, entity }: Activation): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'clean-entity-missing',
    message: `The entity ${entity || 'of the activation'} is gone, and with it the type of the keys by which the rows of ${id} are known at their destination.`,
    fix: 'Put it back for this once, or clean without --remove-members.',
  });
}
