import { createHash } from 'node:crypto';
import { z } from 'zod';
import { DinmoError } from '../errors.ts';

/**
 * What can be made to go wrong.
 *
 * throttled, server_error, unavailable: answered in the platform's own words, nothing applied. reset_before: the
 * connection is cut, nothing applied. reset_after: applied, then cut. timeout_after: applied, then 504. slow: applied, answered
 * after `slowMs`. partial: some rows are refused, the others applied. html: status 200 with a page instead of JSON
 * (applied only where the platform's contract takes any 2xx as accepted). empty: a 2xx that says nothing, nothing applied.
 */
export const FAULT_KINDS = [
  'throttled',
  'server_error',
  'unavailable',
  'reset_before',
  'reset_after',
  'timeout_after',
  'slow',
  'partial',
  'html',
  'empty',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

const plannedFault = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** How many requests it hits. */
  times: z.int().min(1).default(1),
  platform: z.string().optional(),
  destination: z.string().optional(),
  method: z.string().optional(),
  /** Only requests whose path contains this text. */
  path: z.string().optional(),
});

const faultSettings = z.strictObject({
  /** Share of requests that meet a fault, 0 to 1. */
  rate: z.number().min(0).max(1),
  /** Added to every request to a platform. */
  latencyMs: z.number().min(0).max(600_000),
  seed: z.int(),
  /** Kinds that `rate` draws from. */
  kinds: z.array(z.enum(FAULT_KINDS)),
  /** Destinations that `rate` applies to; null: all. */
  destinations: z.array(z.string()).nullable(),
  /** Faults for the next requests that fit, in order, before `rate` is asked. */
  next: z.array(plannedFault),
  slowMs: z.number().min(0).max(600_000),
  retryAfterSeconds: z.int().min(0).max(3600),
  /** Rows that the platform refuses: webhook keys, HubSpot ids, Meta identifiers as sent, event ids. */
  poison: z.array(z.string()),
  /** reject: row by row, where the platform can say so. refuse: the whole request, for the sake of the row. */
  poisonAnswer: z.enum(['reject', 'refuse']),
  /** Calls to a new Meta audience that answer 803, and questions about a Google request that answer PROCESSING. null: 1 while `rate` is above 0, else 0. */
  notReadyCalls: z.int().min(0).nullable(),
});

export type FaultSettings = z.infer<typeof faultSettings>;

export const noFaults: FaultSettings = {
  rate: 0,
  latencyMs: 0,
  seed: 1,
  kinds: [...FAULT_KINDS],
  destinations: null,
  next: [],
  slowMs: 1500,
  retryAfterSeconds: 1,
  poison: [],
  poisonAnswer: 'reject',
  notReadyCalls: null,
};

export type FaultChange = z.input<ReturnType<typeof faultSettings.partial>>;

/** The settings with the keys of `change` replaced. Throws DinmoError (sandbox-faults-invalid) naming the key. */
export function changeFaults(current: FaultSettings, change: unknown): FaultSettings {
  const parsed = faultSettings.partial().safeParse(change);
  if (parsed.success) {
    const stated = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
    return { ...current, ...Object.fromEntries(stated) };
  }
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'faults'}: ${issue.message}`);
  throw new DinmoError({
    kind: 'configuration',
    code: 'sandbox-faults-invalid',
    message: `The fault settings are not valid: ${problems.join('; ')}.`,
    fix: `Give any of ${Object.keys(faultSettings.shape).join(', ')}.`,
  });
}

/** A stream of numbers in [0, 1) that depends on its arguments alone: the same run in the same order meets the same faults. */
export function randomStream(seed: number, scope: string, request: number): () => number {
  let state = createHash('sha256').update(`${seed}\n${scope}\n${request}`).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface FaultQuestion {
  readonly platform: string;
  readonly destination: string;
  readonly method: string;
  readonly path: string;
  /** Kinds that this platform can show. */
  readonly possible: readonly FaultKind[];
}

/** Which fault this request meets, and the settings that are left for the ones after it (a planned fault is used up). */
export function decideFault(
  settings: FaultSettings,
  question: FaultQuestion,
  random: () => number,
): { readonly fault: FaultKind | null; readonly left: FaultSettings } {
  const draw = random();
  const choice = random();
  const planned = settings.next.find((entry) => fits(entry, question));
  if (planned) {
    const next = settings.next.flatMap((entry) => {
      if (entry !== planned) return [entry];
      return entry.times > 1 ? [{ ...entry, times: entry.times - 1 }] : [];
    });
    return { fault: planned.kind, left: { ...settings, next } };
  }
  if (draw >= settings.rate) return { fault: null, left: settings };
  if (settings.destinations !== null && !settings.destinations.includes(question.destination)) {
    return { fault: null, left: settings };
  }
  const kinds = settings.kinds.filter((kind) => question.possible.includes(kind));
  return { fault: kinds[Math.floor(choice * kinds.length)] ?? null, left: settings };
}

function fits(entry: FaultSettings['next'][number], question: FaultQuestion): boolean {
  return (
    question.possible.includes(entry.kind) &&
    (entry.platform === undefined || entry.platform === question.platform) &&
    (entry.destination === undefined || entry.destination === question.destination) &&
    (entry.method === undefined || entry.method === question.method) &&
    (entry.path === undefined || question.path.includes(entry.path))
  );
}
