import type { ExitCode } from '../errors.ts';

/** The answer of `doctor --grants`. */
export interface GrantsReport {
  /** dbt's adapter type. */
  readonly warehouse: string;
  /** What an administrator runs, in this order. Empty: there is nothing to grant. null: it is not written down for this warehouse. */
  readonly statements: readonly string[] | null;
  /** What the account of the target cannot do now. */
  readonly missing: readonly { readonly what: string; readonly detail: string; readonly fix: string | null }[];
  /** 1 when something is missing. */
  readonly exitCode: ExitCode;
}

/** SQL that can be run as it stands: what is missing stands below it, as comments. */
export function renderGrants({ warehouse, statements, missing }: GrantsReport): string {
  const head =
    statements === null
      ? [`-- What ${warehouse} needs is not written down yet.`]
      : statements.length === 0
        ? [`-- ${warehouse} needs no grants: who may write the database may do everything.`]
        : statements;
  const comment = (text: string): string => text.replaceAll('\n', '\n-- ');
  const lines = missing.flatMap(({ what, detail, fix }) => [
    `-- missing: ${what}: ${comment(detail)}`,
    ...(fix === null ? [] : [`--   ${comment(fix)}`]),
  ]);
  return [
    ...head,
    ...(lines.length > 0 ? ['', ...lines] : ['', '-- The account of the target can do all of it.']),
  ].join('\n');
}

/** What `doctor --grants --output json` prints. */
export function grantsJson({ warehouse, statements, missing }: GrantsReport): object {
  return { warehouse, statements, missing, error: null };
}
