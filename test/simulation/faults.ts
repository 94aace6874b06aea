/** What a request can meet. `applied` and `not applied` say what the platform did, which the sender cannot see. */
export const FAULTS = [
  'throttled for seconds',
  'throttled until a date',
  'throttled for longer than a run',
  'throttled in its own words',
  'server error, not applied',
  'server error, applied',
  'unavailable',
  'gateway timeout, applied',
  'timeout, not applied',
  'timeout, applied',
  'connection refused',
  'connection reset, not applied',
  'connection reset, applied',
  'answer cut short, applied',
  'page of HTML, not applied',
  'page of HTML, applied',
  'empty answer',
  'some rows fail',
  'whole batch refused',
  'too large',
  'slow answer',
  'expired token',
  'redirect',
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** Faults after which the platform has what was sent, or may have. */
const APPLIED: ReadonlySet<FaultKind> = new Set([
  'server error, applied',
  'gateway timeout, applied',
  'timeout, applied',
  'connection reset, applied',
  'answer cut short, applied',
  'page of HTML, applied',
]);

/** Faults that end a run: where any request may meet them, few runs come far. */
export const STOPPING: ReadonlySet<FaultKind> = new Set([
  'throttled for longer than a run',
  'expired token',
  'redirect',
]);

/**
 * What can go wrong in one run. Rows that are refused for no reason of theirs come in runs of their own: a platform that takes
 * a row, does not say so, and refuses it when it is sent again would have us believe that it does not have it.
 */
export const FLAVOURS: readonly (readonly FaultKind[])[] = [
  FAULTS.filter((fault) => !['some rows fail', 'whole batch refused', 'too large'].includes(fault)),
  FAULTS.filter((fault) => fault !== 'whole batch refused' && fault !== 'too large' && !APPLIED.has(fault)),
  FAULTS.filter((fault) => fault !== 'some rows fail' && !APPLIED.has(fault)),
];

/** The flavours that have this fault, or all where it is in none. */
export function flavoursWith(fault: FaultKind): readonly (readonly FaultKind[])[] {
  const found = FLAVOURS.filter((flavour) => flavour.includes(fault));
  // What refuses sound rows and what takes rows without saying so keep to runs of their own.
  return APPLIED.has(fault) ? FLAVOURS.slice(0, 1) : found.length < FLAVOURS.length ? found.slice(-1) : FLAVOURS;
}

/** What an outage of the whole platform looks like. */
export const OUTAGES: readonly FaultKind[] = [
  'throttled for longer than a run',
  'throttled for seconds',
  'server error, not applied',
  'server error, applied',
  'unavailable',
  'gateway timeout, applied',
  'timeout, not applied',
  'timeout, applied',
  'connection refused',
  'connection reset, applied',
  'page of HTML, not applied',
  'expired token',
  'slow answer',
];
