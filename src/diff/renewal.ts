import { membershipDays, type ServiceFacts } from '../knowledge/service-facts.ts';
import type { Renewal } from './job.ts';

const DAY_MS = 86_400_000;

/** The day of an instant, counted from 1970-01-01 (UTC). */
export function dayOf(milliseconds: number): number {
  return Math.floor(milliseconds / DAY_MS);
}

/**
 * When members are sent again so that their memberships do not end: in the tenth of their time that comes before the last
 * twentieth, which is left for a sync that is late. null where memberships do not end by themselves.
 */
export function renewalOf(
  facts: ServiceFacts,
  config: Readonly<Record<string, unknown>>,
  nowMs: number,
): Renewal | null {
  const days = membershipDays(facts, config);
  if (days === null) return null;
  const marginDays = Math.ceil(days / 20);
  return { today: dayOf(nowMs), days, marginDays, spreadDays: Math.max(1, Math.floor(days / 10)) };
}

/** A condition on a row of the snapshot: its membership would end soon, and is renewed by this run. NULL of a row without a day. */
export function isDueForRenewal({ today, days, marginDays, spreadDays }: Renewal): string {
  // Rows that were sent on one day come back over several, each on a day that hangs on its key alone.
  const base = today - days + marginDays;
  return `(sent_day < ${base + spreadDays} and sent_day <= ${base} + coalesce(abs(mod(key_hash, ${spreadDays})), 0))`;
}
