import type { SourceLocation } from './errors.ts';

export type Severity = 'error' | 'warning' | 'info';

/** One thing that `check` has to say. Findings are collected and reported together; they are never thrown. */
export interface Finding {
  /** Stable, kebab-case: `unknown-column`. Each is documented in docs/checks.md. */
  readonly code: string;
  readonly severity: Severity;
  /** What is wrong, in one sentence that names the thing. */
  readonly message: string;
  /** What to do, in one sentence. */
  readonly fix: string;
  readonly location: SourceLocation | null;
  /** dbt's unique_id of the node concerned, where there is one. */
  readonly node?: string;
}

/** Orders findings as a reader wants them: by file, line and column, errors before warnings on one place. */
export function compareFindings(a: Finding, b: Finding): number {
  const rank = { error: 0, warning: 1, info: 2 };
  return (
    (a.location?.file ?? '').localeCompare(b.location?.file ?? '') ||
    (a.location?.line ?? 0) - (b.location?.line ?? 0) ||
    (a.location?.column ?? 0) - (b.location?.column ?? 0) ||
    rank[a.severity] - rank[b.severity] ||
    a.code.localeCompare(b.code) ||
    a.message.localeCompare(b.message)
  );
}

/** The candidate nearest to what was typed, for "did you mean"; null where none is near enough to help. */
export function nearest(typed: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
