import { parseJson, textAt } from '../artifacts/json-file.ts';
import { isMap } from '../artifacts/shape.ts';
import type { SyncEnd } from './worker.ts';

/** How many activations are said one by one. */
const PROBLEMS_MAX = 50;

/** What the `--output json` of a sync says of its end; of what cannot be read, only the exit code is known. */
export function readSyncEnd(exitCode: number | null, stdout: string): SyncEnd {
  const report = parsed(stdout);
  if (!isMap(report)) return { exitCode, code: null, activations: null, problems: [] };
  const error = report['error'];
  const list = Array.isArray(report['activations']) ? report['activations'].filter(isMap) : [];
  const counts: Record<string, number> = {};
  for (const activation of list) {
    const status = textAt(activation, 'status') ?? 'unknown';
    counts[status] = (counts[status] ?? 0) + 1;
  }
  const problems = list
    .filter((activation) => !['succeeded', 'skipped'].includes(textAt(activation, 'status') ?? ''))
    .slice(0, PROBLEMS_MAX)
    .map((activation) => ({
      activation: textAt(activation, 'activation') ?? 'unknown',
      status: textAt(activation, 'status') ?? 'unknown',
      reason: textAt(activation, 'reason') ?? '',
    }));
  return { exitCode, code: isMap(error) ? textAt(error, 'code') : null, activations: counts, problems };
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
