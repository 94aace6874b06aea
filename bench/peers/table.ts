import { onDatabase, removeDatabase } from '../data/people.ts';

/** A database of its own with the table `customers` in one of the two states; in this order, where one is given. */
export async function writeTable(
  path: string,
  states: string,
  state: 'first' | 'second',
  order?: string,
): Promise<void> {
  removeDatabase(path);
  await onDatabase(path, [
    `attach '${states}' as states (read_only)`,
    `create table customers as select * from states.${state}${order === undefined ? '' : ` order by ${order}`}`,
    'detach states',
    'checkpoint',
  ]);
}

/** Puts the second state in the place of the first; what else stands in the database is kept. */
export async function moveTable(path: string, states: string): Promise<void> {
  await onDatabase(path, [
    `attach '${states}' as states (read_only)`,
    'create or replace table customers as select * from states.second',
    'detach states',
    'checkpoint',
  ]);
}
