import type { IdentifierKind } from '../artifacts/annotation.ts';
import type { Entity } from '../knowledge/store.ts';
import type { CheckContext } from './check.ts';

/**
 * One sentence that says where to mark a column of the entity as an identifier, with the line to write: in dbt's own YAML under the
 * model's columns, in a file of ours under `columns:` of the model. Of the kinds that would do, the one that some column's name says;
 * else the first, an e-mail address before all others.
 */
export function markColumn(
  { store, project }: CheckContext,
  entityName: string,
  kinds: readonly [IdentifierKind, ...IdentifierKind[]],
): string {
  const entity = store.entities.get(entityName);
  const model = entity?.node.uniqueId.split('.').slice(2).join('.') ?? entityName;
  const [kind, column] = kinds.flatMap((one) => {
    const named = columnOf(entity, one);
    return named === null ? [] : [[one, named] as const];
  })[0] ?? [kinds.find((one) => one === 'email') ?? kinds[0], '<column>'];
  const isOurs = project.settings.paths.some((path) => {
    const folder = path.replace(/\/*$/, '/');
    return entity?.origin.file === path || entity?.origin.file.startsWith(folder) === true;
  });
  const line = isOurs
    ? `columns: {${column}: {identifier: ${kind}}}`
    : `columns: [{name: ${column}, config: {meta: {dinmo: {identifier: ${kind}}}}}]`;
  return `Mark the column of the model \`${model}\` that holds it: \`${line}\`.`;
}

/** A column that is marked as nothing yet, and whose name holds the name of the kind. */
function columnOf(entity: Entity | undefined, kind: IdentifierKind): string | null {
  const plain = (text: string): string => text.toLowerCase().replaceAll('_', '');
  const found = [...(entity?.properties.values() ?? [])].find(
    ({ name, identifier, hidden }) => identifier === null && !hidden && plain(name).includes(plain(kind)),
  );
  return found?.name ?? null;
}
