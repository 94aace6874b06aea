import type { Clock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { openBigquery } from '../../../src/warehouse/bigquery/connection.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { testEmulator } from './emulator.ts';

let projects = 0;

/** A project of its own in the emulator of this process, with one dataset. */
export async function openTestDatabase(clock: Clock): Promise<OpenedWarehouse> {
  const emulator = await testEmulator();
  const project = `bench-${++projects}`;
  const warehouse = await openBigquery({ place: emulator.place(project), clock, logger: silentLogger });
  await warehouse.run('create schema if not exists `world`');
  return { warehouse: withBareNames(warehouse), close: () => warehouse.close() };
}

/** Tables that a test makes by a bare name stand in the dataset `world`, whose name BigQuery wants to read. */
function withBareNames(warehouse: Warehouse): Warehouse {
  const known = new Set<string>();
  const placed = (sql: string): string => {
    const made = /^create or replace table (\w+) \(/.exec(sql)?.[1];
    if (made !== undefined) known.add(made);
    let text = sql;
    for (const name of known)
      text = text.replaceAll(
        new RegExp(`\\b(from|join|into|table|update) ${name}\\b`, 'g'),
        `$1 \`world\`.\`${name}\``,
      );
    return text;
  };
  return new Proxy(warehouse, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      const takesSql = ['run', 'query', 'stream', 'describe', 'estimate'].includes(String(property));
      return (...given: unknown[]): unknown =>
        Reflect.apply(member, target, takesSql ? [placed(String(given[0])), ...given.slice(1)] : given);
    },
  });
}
