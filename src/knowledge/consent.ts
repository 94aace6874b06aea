import type { ActivationBlock, ConsentBlock } from '../artifacts/annotation.ts';
import type { Origin, Path } from '../artifacts/position.ts';
import type { DestinationBlock } from '../artifacts/settings.ts';
import type { ConsentColumn } from './store.ts';

/**
 * The columns that have to be true before a row of an activation is sent: those that the activation names for its entity, else
 * those of its destination.
 */
export function consentColumns(
  source: {
    readonly block: Pick<ActivationBlock, 'consent'>;
    readonly entity: string;
    readonly origin: Origin;
    readonly at: Path;
  },
  destination: Pick<DestinationBlock, 'name' | 'consent' | 'origin'>,
): readonly ConsentColumn[] {
  const { block, entity, origin, at } = source;
  const own = columnsFor(block.consent, entity, { origin, at: [...at, 'consent'] });
  if (own !== null) return own;
  const place = { origin: destination.origin, at: ['destinations', destination.name, 'consent'] };
  return columnsFor(destination.consent, entity, place) ?? [];
}

/** Null where the block says nothing of the entity. */
function columnsFor(
  block: ConsentBlock | null,
  entity: string,
  place: { readonly origin: Origin; readonly at: Path },
): readonly ConsentColumn[] | null {
  if (block === null) return null;
  const columns = block.kind === 'columns' ? block.columns : (block.entities[entity] ?? null);
  const within = block.kind === 'columns' ? [] : [entity];
  return columns?.map((path, index) => ({ ...place, path, at: [...place.at, ...within, index] })) ?? null;
}
