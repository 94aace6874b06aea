import { jsonAnswer, nothingHeld, type SimulatedDestination, type SimulatedPlatform } from '../platform.ts';

/** Tables are reached by a driver, not by HTTP: a rehearsal writes them to a DuckDB file of its own, which a DuckDB client shows. */
export const sql: SimulatedPlatform = {
  name: 'sql',
  faults: () => [],
  htmlApplies: false,
  failure: () => notServed(),
  open: (): SimulatedDestination => ({
    handle: notServed,
    holdings: () => nothingHeld,
    save: () => null,
    configure: () => {},
  }),
};

function notServed() {
  return jsonAnswer(404, { error: { code: 'not-served', message: 'tables are written to a file, not sent' } });
}
