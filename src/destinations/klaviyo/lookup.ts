import type { Clock } from '../../clock.ts';
import { readArray, readObject, readText, retry } from '../answer.ts';
import type { KlaviyoApi } from './api.ts';
import type { Reading, Refusal } from './response.ts';

/** Profiles of one page, and so values of one filter. */
const PAGE_MAX = 100;

/** Of a filter, as it stands in the address: servers take some 8,000 of the whole. */
const FILTER_CHARACTERS_MAX = 6_000;

/** Between two pages: 75 requests a second are allowed. */
const SPACING_MS = 20;
const TRIES_MAX = 3;
const WAIT_MS_MAX = 60_000;

export interface FoundProfile {
  readonly id: string;
  /** ISO timestamp of Klaviyo's clock; null when the answer has none. */
  readonly createdAt: string | null;
}

/** What a look-up takes beside the values: `attribute` is email, phone_number or external_id. */
export interface Lookup {
  readonly api: KlaviyoApi;
  readonly clock: Clock;
  readonly attribute: string;
  readonly signal: AbortSignal;
}

/**
 * Profiles by the value of an attribute (`GET /api/profiles?filter=any(…)`, 100 at a time; 75 requests a second, 700 a
 * minute). Values are compared without case: Klaviyo keeps e-mail addresses in lower case. Who has no profile is left out.
 */
export async function findProfiles(
  { api, clock, attribute, signal }: Lookup,
  values: readonly string[],
): Promise<{ readonly kind: 'found'; readonly profiles: ReadonlyMap<string, FoundProfile> } | Refusal> {
  const profiles = new Map<string, FoundProfile>();
  let pauseMs = 0;
  for (const [page, part] of inPages(values).entries()) {
    const query = new URLSearchParams({
      filter: `any(${attribute},${JSON.stringify(part)})`,
      'fields[profile]': `${attribute},created`,
      'page[size]': String(PAGE_MAX),
    });
    if (page > 0) await clock.sleep(Math.max(SPACING_MS, pauseMs), signal);
    const answer = await askPage({ api, clock, signal }, `profiles?${query}`);
    if (answer.kind === 'outcome') return answer;
    pauseMs = answer.pauseMs ?? 0;
    const found = readFound(answer, attribute);
    if (found === null) return NOT_LOOKED_UP;
    for (const [value, profile] of found) profiles.set(value, profile);
  }
  return { kind: 'found', profiles };
}

function inPages(values: readonly string[]): readonly (readonly string[])[] {
  const pages: string[][] = [];
  let length = 0;
  for (const value of values) {
    const size = encodeURIComponent(JSON.stringify(value.toWellFormed())).length + 3;
    const page = pages.at(-1);
    if (page === undefined || page.length === PAGE_MAX || length + size > FILTER_CHARACTERS_MAX) {
      pages.push([value]);
      length = size;
    } else {
      page.push(value);
      length += size;
    }
  }
  return pages;
}

/** A page that is told to wait is waited for: many may stand behind it, and before it. */
async function askPage(
  { api, clock, signal }: Pick<Lookup, 'api' | 'clock' | 'signal'>,
  path: string,
): Promise<Reading> {
  for (let tries = 1; ; tries++) {
    const answer = await api.call({ method: 'GET', path, signal });
    if (answer.kind === 'value' || answer.status !== 429 || tries === TRIES_MAX || signal.aborted) return answer;
    const wanted = answer.outcome.kind === 'retry' ? answer.outcome.afterMs : null;
    await clock.sleep(Math.min(wanted ?? 1_000, WAIT_MS_MAX), signal);
  }
}

/** Whoever is not found counts as gone: an answer that is not whole must not pass for one. */
const NOT_LOOKED_UP: Refusal = {
  kind: 'outcome',
  outcome: retry({
    applied: 'no',
    code: 'not-looked-up',
    message: 'Klaviyo answered 2xx without saying which profiles there are',
  }),
  status: null,
  errors: [],
};

function readFound(
  { value }: Extract<Reading, { kind: 'value' }>,
  attribute: string,
): readonly (readonly [string, FoundProfile])[] | null {
  const data = value['data'];
  if (!Array.isArray(data)) return null;
  const found = readArray(data).flatMap((item) => {
    const profile = readObject(item);
    const attributes = readObject(profile?.['attributes']);
    const id = readText(profile?.['id']);
    const text = readText(attributes?.[attribute]);
    if (id === null || id === '' || text === null) return [];
    return [[text.toLowerCase(), { id, createdAt: readText(attributes?.['created']) }] as const];
  });
  return found.length === data.length ? found : null;
}
