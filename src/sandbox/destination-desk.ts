import { z } from 'zod';
import { FAULT_KINDS, type FaultKind } from './faults.ts';
import type { SimulatedDestination, SimulatedPlatform } from './platform.ts';
import type { DestinationState, LogEntry, Violation } from './sandbox-state.ts';

const LOG_ENTRIES_MAX = 500;
const VIOLATIONS_MAX = 200;

const savedDesk = z.object({
  ...{ total: z.number(), rows: z.number(), repeated: z.number(), rejected: z.number(), violationCount: z.number() },
  statuses: z.record(z.string(), z.number()),
  faults: z.partialRecord(z.enum(FAULT_KINDS), z.number()),
  violations: z.array(z.object({ at: z.string(), rule: z.string(), detail: z.string() })),
  log: z.array(
    z.object({
      ...{ at: z.string(), method: z.string(), path: z.string(), status: z.number().nullable() },
      ...{ rows: z.number(), rejected: z.number(), fault: z.enum(FAULT_KINDS).nullable() },
    }),
  ),
  world: z.unknown(),
});

/** The books kept about one destination, beside what the platform itself holds. */
export class DestinationDesk {
  readonly platform: SimulatedPlatform;
  readonly destination: string;
  readonly world: SimulatedDestination;
  #total = 0;
  #rows = 0;
  #repeated = 0;
  #rejected = 0;
  #violationCount = 0;
  #statuses: Record<string, number> = {};
  #faults: Partial<Record<FaultKind, number>> = {};
  #violations: Violation[] = [];
  #log: LogEntry[] = [];

  /** `saved`: null for a new destination, else what `save` gave. Throws where it is not. */
  constructor(platform: SimulatedPlatform, destination: string, saved: unknown) {
    this.platform = platform;
    this.destination = destination;
    if (saved === null) {
      this.world = platform.open(null);
      return;
    }
    const state = savedDesk.parse(saved);
    this.world = platform.open(state.world);
    this.#total = state.total;
    this.#rows = state.rows;
    this.#repeated = state.repeated;
    this.#rejected = state.rejected;
    this.#violationCount = state.violationCount;
    this.#statuses = state.statuses;
    this.#faults = state.faults;
    this.#violations = state.violations;
    this.#log = state.log;
  }

  /** Takes the next request's number, from 1. */
  arrive(): number {
    this.#total += 1;
    return this.#total;
  }

  countFault(kind: FaultKind): void {
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
  }

  countRepeat(): void {
    this.#repeated += 1;
  }

  violate(violation: Violation): void {
    this.#violationCount += 1;
    this.#violations = [...this.#violations, violation].slice(-VIOLATIONS_MAX);
  }

  enter(entry: LogEntry): void {
    const status = entry.status === null ? 'reset' : String(entry.status);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    this.#rows += entry.rows;
    this.#rejected += entry.rejected;
    this.#log.push(entry);
    if (this.#log.length > LOG_ENTRIES_MAX * 2) this.#log = this.#log.slice(-LOG_ENTRIES_MAX);
  }

  state(baseUrl: string, rowsMax: number): DestinationState {
    return {
      ...{ platform: this.platform.name, destination: this.destination, baseUrl },
      requests: { total: this.#total, rows: this.#rows, repeated: this.#repeated, statuses: { ...this.#statuses } },
      faults: { ...this.#faults },
      rejected: this.#rejected,
      violations: { count: this.#violationCount, latest: this.#violations },
      ...this.world.holdings(rowsMax),
      log: this.#log.slice(-LOG_ENTRIES_MAX),
    };
  }

  save(): z.infer<typeof savedDesk> {
    return {
      ...{ total: this.#total, rows: this.#rows, repeated: this.#repeated, rejected: this.#rejected },
      ...{ violationCount: this.#violationCount, statuses: this.#statuses, faults: this.#faults },
      ...{ violations: this.#violations, log: this.#log.slice(-LOG_ENTRIES_MAX), world: this.world.save() },
    };
  }
}
