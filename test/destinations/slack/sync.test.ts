import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { makeContext } from '../rows.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 70);

let sandbox: Sandbox;
let http: ClosableHttpClient;
beforeAll(async () => {
  sandbox = await startSandbox({ limits: { slack: { requestsMax: 1_000_000, windowMs: 1_000 } } });
  http = createHttpClient();
});
afterAll(async () => {
  await http.close();
  await sandbox.close();
});

function textsOf(name: string): readonly string[] {
  const found = sandbox.state().destinations.find((one) => one.destination === name);
  expect(found?.violations.latest ?? []).toEqual([]);
  return found?.events.flatMap(({ events }) => events.map(({ text }) => String(text))) ?? [];
}

const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
const mapped = { field: 'name', source: { kind: 'column', path: ['name'] }, nulls: 'skip', write: 'always' } as const;
const SOURCE: Source = {
  sql: 'select id as k0, name as f0, happened as t from sales',
  keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
  identifiers: [],
  fields: [{ mapped: { ...mapped, origin: null }, column: text('name', 'f0'), constantJson: null }],
  eventTime: { name: 'event_time', sql: 't', dataType: 'TIMESTAMP' },
  destinationKey: null,
};

async function activate(bench: EngineBench, messages: 'each' | 'digest'): Promise<() => Promise<BenchActivation>> {
  const service = await findService('slack', 'events');
  const config = { messages, rows_max: 30, template: '{name}' };
  return async () => {
    const session = await service.open(
      makeContext({
        ...{ config, credentials: { webhook_url: 'https://hooks.slack.com/services/T1/B1/good' } },
        ...{ baseUrl: sandbox.baseUrl('slack', messages), http, clock: bench.clock, changes: 1 },
      }),
    );
    const { facts, validate } = service;
    return {
      ...{ id: `sales.${messages}`, facts, source: SOURCE, operations: facts.operations },
      validate: (row, now) => validate?.(row, now, config) ?? null,
      send: (batch, signal) => session.send(batch, signal),
    };
  };
}

const hold = (bench: EngineBench, count: number): Promise<void> =>
  bench.fill(
    'sales',
    'id bigint, name varchar, happened timestamp',
    Array.from({ length: count }, (_, index) => [index + 1, `sale ${index + 1}.`, '2026-03-01 11:00:00']),
  );

describe('killed at any moment, run again', () => {
  it('no sale is posted twice, and those that were not posted for sure are parked', async () => {
    const bench = new EngineBench();
    try {
      const open = await activate(bench, 'each');
      let sales = 0;
      for (let round = 0, ended = false; !ended; round++) {
        sales += 5;
        await hold(bench, sales);
        let step = 0;
        bench.mayDie = (where) => {
          if (++step > round * STRIDE) throw new Death(where);
        };
        ended = await bench.sync(await open()).then(
          () => true,
          () => false,
        );
        bench.mayDie = () => {};
        await bench.sync(await open());
        const posted = textsOf('each');
        expect(new Set(posted).size).toBe(posted.length);
        expect((await bench.plan(await open())).changes).toBe(0);
      }
      // Most came through: a death costs at most the five sales of its round.
      expect(sales).toBeGreaterThan(10);
      expect(textsOf('each').length).toBeGreaterThanOrEqual(sales / 3);
    } finally {
      await bench.close();
    }
  });

  it('a sync is one digest of its own sales', async () => {
    const bench = new EngineBench();
    try {
      const open = await activate(bench, 'digest');
      await hold(bench, 2);
      await bench.sync(await open());
      await hold(bench, 3);
      await bench.sync(await open());
      await bench.sync(await open());
      expect(textsOf('digest')).toEqual(['2 new events\n• sale 1.\n• sale 2.', '1 new event\n• sale 3.']);
    } finally {
      await bench.close();
    }
  });
});
