import { parseColumnType } from './column-type.ts';
import type { Entity, KnowledgeStore, Property } from './store.ts';

/**
 * The same knowledge, with the types of columns as another warehouse takes their names: a `timestamp` is an instant in BigQuery, and has
 * no zone elsewhere. For SQL of an adapter that the manifest was not written with.
 */
export function readByAdapter(store: KnowledgeStore, adapter: string): KnowledgeStore {
  if (adapter === store.adapterType) return store;
  const known = read.get(store) ?? new Map<string, KnowledgeStore>();
  read.set(store, known);
  const reading = known.get(adapter) ?? reread(store, adapter);
  known.set(adapter, reading);
  return reading;
}

const read = new WeakMap<KnowledgeStore, Map<string, KnowledgeStore>>();

function reread(store: KnowledgeStore, adapter: string): KnowledgeStore {
  const inAdapter = (property: Property): Property =>
    property.dataType === null ? property : { ...property, type: parseColumnType(adapter, property.dataType) };
  const entities = new Map<string, Entity>();
  for (const [name, entity] of store.entities) {
    const properties = new Map([...entity.properties].map(([column, property]) => [column, inAdapter(property)]));
    entities.set(name, { ...entity, properties });
  }
  return { ...store, adapterType: adapter, entities };
}
