import { join } from 'node:path';
import { compare } from '../data/differences.ts';
import { onDatabase, SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, FigureFacts, Pair, Round } from '../figure.ts';
import { type Contender, contenders, type Setting } from '../peers/contenders.ts';
import type { DrtVariant } from '../peers/drt/drt.ts';
import { states } from '../project/prepared.ts';
import { type Interruption, launch } from '../run/interrupted.ts';
import { must } from '../run/must.ts';

const ROWS = 10_000;
const POISON = 7;
/** Requests after which the process is interrupted, of about a hundred. */
const REQUESTS = 45;
const SMALL_REQUESTS = 100;
const LATENCY_MS = 20;
/** Rows that may be under way: four connections. */
const UNDER_WAY = 4 * SMALL_REQUESTS;

const FULL: DrtVariant = { kind: 'whole' };
/** The cursor is what makes drt's second run cheap, and what loses rows. */
const CURSOR: DrtVariant = { kind: 'cursor', batchSize: 1000 };

/** A mistake of the world, made to one tool: the number that is compared. */
type Mishap = (round: Round, contender: Contender) => Promise<number>;

/** Rows of the segment that the destination does not hold. */
async function missing(round: Round): Promise<number> {
  const file = join(round.places.scratch('held'), 'held.jsonl');
  await round.sink.write(file);
  return (await compare(file, (await states(round, ROWS, SYNC_SHIFT)).path, 'first')).missing;
}

function setting(rowsPerRequest: number, drt: DrtVariant): Setting {
  return { rows: ROWS, rowsPerRequest, drt };
}

const poison: Mishap = async (round, contender) => {
  const { path } = await states(round, ROWS, SYNC_SHIFT);
  const keys = await onDatabase(':memory:', [
    `attach '${path}' as s (read_only)`,
    `select key from s.first order by hash(key || 'poison') limit ${POISON}`,
  ]);
  const started = await contender.settle(round, setting(1000, FULL));
  await round.sink.set({ poison: keys.map((row) => String(row['key'])) });
  await launch(started);
  return (await missing(round)) - POISON;
};

const outage: Mishap = async (round, contender) => {
  const started = await contender.settle(round, setting(1000, CURSOR));
  await round.sink.set({ down: true });
  await launch(started);
  await launch(started);
  await round.sink.set();
  await launch(started);
  return await missing(round);
};

function reached(round: Round): Interruption['reached'] {
  return async () => (await round.sink.counts()).requests >= REQUESTS;
}

const terminated: Mishap = async (round, contender) => {
  const started = await contender.settle(round, setting(SMALL_REQUESTS, CURSOR));
  await round.sink.set({ latencyMs: LATENCY_MS });
  await launch(started, { signal: 'SIGTERM', reached: reached(round) });
  await launch(started);
  return await missing(round);
};

const killed: Mishap = async (round, contender) => {
  const started = await contender.settle(round, setting(SMALL_REQUESTS, CURSOR));
  await round.sink.set({ latencyMs: LATENCY_MS });
  await launch(started, { signal: 'SIGKILL', reached: reached(round) });
  await launch(started);
  const { repeated } = await round.sink.write(join(round.places.scratch('held'), 'held.jsonl'));
  const lost = await missing(round);
  must(contender.name !== 'ours' || lost === 0, `${lost} rows were lost`);
  return repeated;
};

const faulty: Mishap = async (round, contender) => {
  const started = await contender.settle(round, setting(SMALL_REQUESTS, FULL));
  await round.sink.set({ faultEvery: 10 });
  return await launch(started);
};

const MISHAPS = { poison, outage, terminated, killed, faulty } as const;
type MishapName = keyof typeof MISHAPS;

function facts(name: MishapName, title: string, atMost: number, unit: string): FigureFacts {
  return {
    figure: `fault-${name}`,
    title,
    target: { atMost },
    unit,
    ours: 'the whole command',
    against: 'drt 1.2.1',
    ratio: 'value',
  };
}

async function suffer(round: Round, name: MishapName): Promise<Pair> {
  const came = new Map<string, number>();
  for (const contender of contenders()) came.set(contender.name, await MISHAPS[name](round, contender));
  const condor = came.get('condor');
  return {
    ours: came.get('ours') ?? Number.NaN,
    against: came.get('drt') ?? null,
    ...(condor === undefined ? {} : { seen: { 'condor-retl': condor } }),
  };
}

export const faults: Experiment = {
  name: 'faults',
  figures: [
    facts('poison', '7 poison rows in 10,000: sound rows that did not arrive', 0, 'rows'),
    facts('outage', 'the destination is down for two runs, then healthy: rows lost', 0, 'rows'),
    facts('terminated', 'SIGTERM at 45 of 100 requests, then run again: rows lost', 0, 'rows'),
    facts('killed', 'SIGKILL at 45 of 100 requests, then run again: rows sent again', UNDER_WAY, 'rows'),
    facts('faulty', '30 % of the requests fail: 429, 500, cut off after they were applied', 5, 'wall s'),
  ],
  rounds: 1,
  prepare: async (round) => {
    await states(round, ROWS, SYNC_SHIFT);
  },
  run: async (round) => {
    const pairs: Record<string, Pair> = {};
    for (const name of Object.keys(MISHAPS) as MishapName[]) pairs[`fault-${name}`] = await suffer(round, name);
    return pairs;
  },
};
