import type { ConsentBlock } from './annotation.ts';
import { BlockReader } from './block-reader.ts';
import { parseDottedPath } from './parse-operand.ts';
import { isMap } from './shape.ts';

/**
 * `consent:` of a destination or an activation: a list of columns that have to be true, or such a list by entity. Null where it
 * is absent, or where something is wrong with it.
 */
export function readConsent(holder: BlockReader): ConsentBlock | null {
  if (!holder.has('consent')) return null;
  const value = holder.raw('consent');
  if (!isMap(value)) {
    const columns = readColumns(holder, 'consent');
    return columns === null ? null : { kind: 'columns', columns };
  }
  const { problems } = holder;
  const at = holder.path('consent');
  if (Object.keys(value).length === 0) {
    const fix = 'Write a list of boolean columns, or such a list for each entity.';
    return problems.add('wrong-type', at, '`consent` names no column.', fix);
  }
  const names = holder.named('consent', 'entities').map(([name]) => name);
  const reader = BlockReader.open(value, Object.keys(value), { at, problems, what: '`consent`' });
  const lists = names.map((name) => [name, reader === null ? null : readColumns(reader, name)] as const);
  const read = lists.filter((list): list is [string, NonNullable<(typeof list)[1]>] => list[1] !== null);
  // A list that was dropped would send without asking.
  return read.length < Object.keys(value).length ? null : { kind: 'by_entity', entities: Object.fromEntries(read) };
}

function readColumns(reader: BlockReader, key: string): readonly (readonly string[])[] | null {
  const paths = reader.texts(key)?.map((text, index) => {
    return parseDottedPath(text, [...reader.path(key), index], reader.problems);
  });
  const read = paths?.filter((path) => path !== null);
  return read === undefined || read.length < (paths?.length ?? 0) ? null : read;
}
