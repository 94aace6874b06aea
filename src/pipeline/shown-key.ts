import type { ServiceLookup } from '../knowledge/service-facts.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';

/** What is known of an activation's keys. */
export interface KeyContext {
  readonly store: Pick<KnowledgeStore, 'activations' | 'entities' | 'destinations'>;
  readonly services: Pick<ServiceLookup, 'facts'>;
}

/** A row's key as a person may see it: masked where it is an identifier, which recognises somebody elsewhere. */
export function shownKey(context: KeyContext, activationId: string, key: string): string {
  return isIdentifier(context, activationId) ? maskKey(key) : key;
}

/** Activations whose keys may be shown as they are. */
export function shownKeys(context: KeyContext): ReadonlySet<string> {
  return new Set([...context.store.activations.keys()].filter((id) => !isIdentifier(context, id)));
}

/** A destination key recognises its row elsewhere by nature. Of an activation that is gone nobody says what its key was. */
function isIdentifier({ store, services }: KeyContext, activationId: string): boolean {
  const activation = store.activations.get(activationId);
  const entity = store.entities.get(activation?.entity ?? '');
  const destination = store.destinations.get(activation?.destination ?? '');
  if (!entity || !destination) return true;
  if (services.facts(destination.platform, destination.service)?.destinationKey) return true;
  return entity.primaryKey.some((column) => (entity.properties.get(column)?.identifier ?? null) !== null);
}

/** Enough to tell two keys apart, not enough to know whose they are: `a…@example.com`, `+3…78`; of a composite key nothing. */
function maskKey(key: string): string {
  if (key.startsWith('{')) return '{…}';
  const at = key.indexOf('@');
  if (at > 0) return `${key.slice(0, 1)}…${key.slice(at)}`;
  return key.length <= 4 ? '…' : `${key.slice(0, 2)}…${key.slice(-2)}`;
}
