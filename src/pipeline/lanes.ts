import { findService } from '../destinations/registry.ts';
import { DinmoError } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import { Ledger } from '../record/ledger.ts';
import type { Turns } from '../warehouse/turns.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { Context } from './context.ts';
import { readEndpoint } from './endpoint.ts';
import type { Equipment } from './execute.ts';
import type { Storage } from './storage.ts';

/** Activations that are taken side by side unless the command says otherwise. */
export const THREADS = 4;

/** Whoever pauses for so long lets another lane begin: what a platform asks of one account must not hold up the others. */
const PAUSE_MS = 5_000;

/** What each of those that go side by side has for itself, or shares. */
interface Seat {
  readonly warehouse: Warehouse;
  readonly storage: Storage;
  readonly equipment: Equipment;
}

/** Activations of one account, one after another: they keep its rate together, and see what the one before did there. */
type Lane = readonly { readonly activation: Activation; readonly place: number }[];

/** The lanes of a command, in the order of their first activations. */
export async function lanesOf(context: Context, activations: readonly Activation[]): Promise<readonly Lane[]> {
  const lanes = new Map<string, { readonly activation: Activation; readonly place: number }[]>();
  for (const [place, activation] of activations.entries()) {
    const account = await accountOf(context, activation);
    const lane = lanes.get(account) ?? [];
    lane.push({ activation, place });
    lanes.set(account, lane);
  }
  return [...lanes.values()];
}

async function accountOf(context: Context, activation: Activation): Promise<string> {
  const destination = context.store.destinations.get(activation.destination);
  if (destination === undefined) return activation.destination;
  try {
    const service = await findService(destination.platform, destination.service);
    return `${destination.platform} ${readEndpoint(context, destination, { service, secrets: 'unused' }).account}`;
  } catch (thrown) {
    // What is wrong with its settings is told when its turn comes.
    if (thrown instanceof DinmoError) return activation.destination;
    throw thrown;
  }
}

/**
 * Takes every lane, as many at once as there are threads, each with a warehouse session of its own: temporary tables belong to
 * the session, and those of a plan are read while its changes are delivered. Plans and settlements of all of them come one after
 * another (`Equipment.turns`), deliveries overlap. A lane that pauses for
 * long (its platform throttles, its job takes a while) lets one more begin, up to as many again. Results come in the order of the
 * activations.
 */
export async function takeLanes<Bench extends Seat, T>(
  bench: Bench,
  { lanes, threads, turns }: { readonly lanes: readonly Lane[]; readonly threads: number; readonly turns: Turns },
  take: (bench: Bench, activation: Activation) => Promise<T>,
): Promise<readonly T[]> {
  const results: { readonly place: number; readonly result: T }[] = [];
  const waiting = [...lanes];
  const work = async (own: Bench): Promise<void> => {
    for (let lane = waiting.shift(); lane !== undefined; lane = waiting.shift())
      for (const { activation, place } of lane) results.push({ place, result: await take(own, activation) });
  };
  const beside = async (): Promise<void> => {
    if (waiting.length === 0) return;
    // A session that cannot be had leaves its lanes to the others.
    const warehouse = await bench.warehouse.another().catch(() => null);
    if (warehouse === null) return;
    try {
      await work(withSession(bench, { warehouse, turns, pauses }));
    } finally {
      await warehouse.close();
    }
  };
  const working: Promise<void>[] = [];
  let extra = 0;
  const pauses = (milliseconds: number): void => {
    if (milliseconds < PAUSE_MS || waiting.length === 0 || extra >= threads) return;
    extra += 1;
    working.push(beside());
  };
  working.push(work(withSession(bench, { warehouse: bench.warehouse, turns, pauses })));
  for (let others = Math.min(threads, lanes.length) - 1; others > 0; others--) working.push(beside());
  const failures: unknown[] = [];
  while (working.length > 0)
    for (const end of await Promise.allSettled(working.splice(0)))
      if (end.status === 'rejected') failures.push(end.reason);
  if (failures.length > 0) throw failures[0];
  return results.sort((a, b) => a.place - b.place).map(({ result }) => result);
}

function withSession<Bench extends Seat>(
  bench: Bench,
  { warehouse, ...shared }: Pick<Seat, 'warehouse'> & Pick<Required<Equipment>, 'turns' | 'pauses'>,
): Bench {
  const ledger = new Ledger(warehouse, bench.storage.ledger.schema);
  return { ...bench, warehouse, storage: { ...bench.storage, ledger }, equipment: { ...bench.equipment, ...shared } };
}
