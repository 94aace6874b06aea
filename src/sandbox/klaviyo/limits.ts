import type { RequestContext } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';

/** Requests a second and a minute (revision 2026-07-15, `x-klaviyo-ratelimit` of each operation). */
const TIERS = {
  xs: [1, 15],
  s: [3, 60],
  m: [10, 150],
  l: [75, 700],
} as const;

function tierOf(method: string, area: string): keyof typeof TIERS {
  if (area === 'accounts') return 'xs';
  if (area === 'data-privacy-deletion-jobs') return 's';
  if (area === 'profile-import' || (area === 'profiles' && method === 'GET')) return 'l';
  return 'm';
}

/** An endpoint's two windows, of the account. */
export class EndpointLimits {
  readonly #windows = new Map<string, { readonly second: RollingWindow; readonly minute: RollingWindow }>();

  /** The headers of the answer, or for how many seconds to stay away. */
  take(
    method: string,
    area: string,
    context: RequestContext,
  ): { readonly headers: Record<string, string> } | { readonly retryAfter: number } {
    const key = `${method} ${area}`;
    const windows = this.#windows.get(key) ?? { second: new RollingWindow(), minute: new RollingWindow() };
    this.#windows.set(key, windows);
    const [perSecond, perMinute] = TIERS[tierOf(method, area)];
    const all = context.limits.klaviyo;
    const second = all ?? { requestsMax: perSecond, windowMs: 1_000 };
    const minute = all ?? { requestsMax: perMinute, windowMs: 60_000 };
    if (windows.minute.used(minute, context.now) >= minute.requestsMax)
      return { retryAfter: Math.ceil(minute.windowMs / 1_000) };
    if (!windows.second.take(second, context.now)) return { retryAfter: Math.ceil(second.windowMs / 1_000) };
    windows.minute.take(minute, context.now);
    const left = minute.requestsMax - windows.minute.used(minute, context.now);
    return {
      headers: {
        'ratelimit-limit': String(minute.requestsMax),
        'ratelimit-remaining': String(left),
        'ratelimit-reset': String(Math.ceil(minute.windowMs / 1_000)),
      },
    };
  }
}
