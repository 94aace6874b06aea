import type { SourceLocation } from '../errors.ts';
import type { Finding, Severity } from '../finding.ts';

/** What a kind of finding means: one entry of docs/checks.md, and the source of each finding's severity. */
export interface FindingDoc {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  /** Why it matters: what would go wrong otherwise. */
  readonly why: string;
  /** What to do, in general; a finding may say it more exactly. */
  readonly fix: string;
  /** YAML that has the problem, and YAML that has not. Where no YAML shows it: ''. */
  readonly bad: string;
  readonly good: string;
}

export interface FindingDetail {
  readonly message: string;
  /** Default: what the documentation of the code says. */
  readonly fix?: string;
  readonly location?: SourceLocation | null;
  readonly node?: string;
}

/** One finding of a documented kind. */
export function findingOf(doc: FindingDoc, detail: FindingDetail): Finding {
  return {
    code: doc.code,
    severity: doc.severity,
    message: detail.message,
    fix: detail.fix ?? doc.fix,
    location: detail.location ?? null,
    ...(detail.node === undefined ? {} : { node: detail.node }),
  };
}

/** `a, b and c`, each in backticks. */
export function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  if (quoted.length <= 1) return quoted.join('');
  return `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

/** The end of a sentence about a name that is not known: `; did you mean …?`, or its full stop. */
export function meant(near: string | null): string {
  return near === null ? '.' : `; did you mean \`${near}\`?`;
}
