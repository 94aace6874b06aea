import { describe, expect, it } from 'vitest';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { makeContext } from '../rows.ts';
import type { TestDatabase } from './databases.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 80);

const COLUMNS: ServiceContext['columns'] = [{ field: 'name', dataType: 'VARCHAR' }];

function sourceOf(): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  const field = (name: string, column: string): Source['fields'][number] => ({
    mapped: {
      ...{ field: name, source: { kind: 'column', path: [name] }, nulls: 'null', write: 'always' },
      origin: null,
    },
    column: text(name, column),
    constantJson: null,
  });
  return {
    sql: 'select id as k0, person as i0, name as f0 from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers: [],
    fields: [field('name', 'f0')],
    eventTime: null,
    destinationKey: text('person', 'i0'),
  };
}

/** Every process opens a session of its own, at its first batch. */
async function activate(bench: EngineBench, database: TestDatabase, mode: 'delta' | 'full'): Promise<BenchActivation> {
  const service = await findService('sql', 'objects');
  const config = { ...database.config, table: `killed_${mode}`, key_column: 'person', create_table: true };
  const columns = [{ field: 'person', dataType: 'VARCHAR' }, ...COLUMNS];
  const open = () =>
    service.open(makeContext({ config, columns, mode, credentials: database.credentials, clock: bench.clock }));
  let session: ReturnType<typeof open> | null = null;
  bench.mayDie = () => {};
  return {
    ...{ id: `all.${mode}`, source: sourceOf(), mode },
    facts: { ...service.facts, limits: { ...service.facts.limits, rowsPerRequestMax: 4 } },
    operations: service.facts.operations,
    ...(mode === 'full' ? { acknowledges: 'finish' as const, everything: true } : {}),
    send: async (batch, signal) => {
      session ??= open();
      return await (await session).send(batch, signal);
    },
    finish: async () => {
      const opened = session ?? open();
      session = null;
      await (await opened).finish();
    },
  };
}

/** A process dies ever later, another one goes on: the table ends equal to the segment. */
export function describeKilled(database: () => TestDatabase): void {
  describe('killed at any moment, run again', () => {
    it.each(['delta', 'full'] as const)('the table ends equal to the segment (%s)', async (mode) => {
      const bench = new EngineBench();
      try {
        for (let round = 0, done = false; !done; round++) {
          const rows = Array.from({ length: 14 }, (_, i) => i + 1)
            .filter((id) => (id * 7 + round) % 4 !== 0)
            .map((id) => [id, `c-${id}`, id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}`] as const);
          await bench.fill('rows', 'id bigint, person varchar, name varchar', rows);
          const dying = await activate(bench, database(), mode);
          let step = 0;
          bench.mayDie = (where) => {
            if (++step > round * STRIDE + STRIDE / 2) throw new Death(where);
          };
          done = await bench.sync(dying).then(
            () => true,
            () => false,
          );
          await bench.sync(await activate(bench, database(), mode));
          const held = await database().ask(`select person, name from killed_${mode} order by person`);
          expect(held).toEqual(
            [...rows].sort((a, b) => (a[1] < b[1] ? -1 : 1)).map(([, person, name]) => ({ person, name })),
          );
        }
      } finally {
        await bench.close();
      }
    });
  });
}
