import { readArray, readObject, readText } from '../answer.ts';
import type { HttpResponse } from '../http.ts';

/** How much of its quota an account has used, in percent, and when Meta expects it to have some again. */
export interface Usage {
  readonly percent: number;
  readonly regainMs: number | null;
}

const REGAIN_MAX_MS = 15 * 60_000;

/**
 * Reads `X-Business-Use-Case-Usage`, `X-Ad-Account-Usage` and `X-App-Usage`: the highest percent, and the longest
 * `estimated_time_to_regain_access` (Meta gives minutes), at most 15 minutes.
 */
export function readUsage(response: Pick<HttpResponse, 'headers'>): Usage {
  const cases = Object.values(readHeader(response, 'x-business-use-case-usage')).flatMap(readArray);
  const entries = [
    ...cases.map((entry) => readObject(entry) ?? {}),
    readHeader(response, 'x-app-usage'),
    readHeader(response, 'x-ad-account-usage'),
  ];
  const percents = entries.flatMap((entry) =>
    [entry['call_count'], entry['total_cputime'], entry['total_time'], entry['acc_id_util_pct']].map(numberOf),
  );
  const minutes = Math.max(0, ...entries.map((entry) => numberOf(entry['estimated_time_to_regain_access'])));
  return {
    percent: Math.max(0, ...percents),
    regainMs: minutes > 0 ? Math.min(minutes * 60_000, REGAIN_MAX_MS) : null,
  };
}

/** How long to hold back the next request: nothing below 90 %, up to 5 s below 100 %, then as long as Meta says, or a minute. */
export function pauseMs(usage: Usage): number {
  if (usage.percent < 90) return 0;
  return usage.percent < 100 ? Math.round((usage.percent - 90) * 500) : (usage.regainMs ?? 60_000);
}

function readHeader(response: Pick<HttpResponse, 'headers'>, name: string): Readonly<Record<string, unknown>> {
  try {
    return readObject(JSON.parse(response.headers[name] ?? '{}')) ?? {};
  } catch {
    return {};
  }
}

function numberOf(value: unknown): number {
  const number = Number(readText(value) ?? 0);
  return Number.isFinite(number) ? number : 0;
}
