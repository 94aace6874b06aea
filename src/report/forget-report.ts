import type { ExitCode } from '../errors.ts';
import { formatMany, wrap } from './layout.ts';
import type { Style } from './style.ts';

/** What became of a person at one activation. Nothing of it says who it is. */
export interface ForgottenAt {
  readonly activation: string;
  readonly destination: string;
  readonly platform: string;
  readonly service: string;
  /**
   * `found`: nothing was done yet. `removed`: gone from the destination. `asked`: the platform has taken the order, and carries it
   * out later. `kept`: the destination holds it still, for `reason`; here it is forgotten. `failed`: run it again.
   */
  readonly outcome: 'found' | 'removed' | 'asked' | 'kept' | 'failed';
  /** Rows that the destination held. */
  readonly rows: number;
  readonly removed: number;
  /** Identifiers that stay, since another member has them too. */
  readonly shared: number;
  /** What the platform keeps all the same; null: nothing that is known. */
  readonly stays: string | null;
  readonly reason: string | null;
}

/** The answer of forget, which is the receipt. It holds no identifier, no key and no hash of one. */
export interface ForgetReport {
  /** At random; `sync_id` of its rows in `runs`. */
  readonly receipt: string;
  /** ISO timestamp. */
  readonly at: string;
  readonly entity: string;
  readonly target: string | null;
  readonly sandbox: boolean;
  /** Whether it was confirmed, so that anything was done. */
  readonly confirmed: boolean;
  readonly activations: readonly ForgottenAt[];
  /** Rows of the histories that dbt keeps, of rows sent and of members; null: not asked. `reason`: why they stay. */
  readonly history: { readonly rows: number; readonly removed: boolean; readonly reason: string | null } | null;
  /** Models that hold the person still: the next sync would send it again. */
  readonly stillIn: readonly string[];
  /** Models that could not be asked. */
  readonly notAsked: readonly string[];
  /** Activations of other entities that may have sent something of the person. */
  readonly notCovered: readonly { readonly activation: string; readonly entity: string }[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly exitCode: ExitCode;
}

/** What became of the person, and what is left to do. */
export function renderForget(report: ForgetReport, style: Style): string {
  const { activations, history, stillIn, notAsked, notCovered, confirmed } = report;
  const say = (text: string): string => wrap(text, style.width);
  const nothing = activations.length === 0 && (history?.rows ?? 0) === 0;
  const blocks = [
    ...activations.map((one) => renderPlace(one, style)),
    ...(nothing ? [say('Nothing is known of that key: no destination was sent anything for it.')] : []),
    ...((history?.rows ?? 0) > 0 ? [say(historyText(history))] : []),
    ...(stillIn.length > 0 ? [`${style.yellow('still there')}  ${say(stillText(stillIn))}`] : []),
    ...(notAsked.length > 0 ? [say(`Could not be asked whether they hold it: ${notAsked.join(', ')}.`)] : []),
    ...(notCovered.length > 0 ? [say(notCoveredText(notCovered))] : []),
    ...(confirmed || nothing ? [] : [say('Nothing was changed: confirm with --yes.')]),
    `receipt  ${report.receipt}`,
  ];
  return blocks.join('\n\n');
}

function renderPlace(one: ForgottenAt, style: Style): string {
  const { outcome, rows, removed, shared } = one;
  const title = outcome === 'failed' ? style.red(outcome) : outcome === 'removed' ? outcome : style.yellow(outcome);
  const counts = outcome === 'found' ? formatMany(rows, 'row') : `${removed} of ${formatMany(rows, 'row')} removed`;
  const facts = [
    `${one.destination} (${one.platform} ${one.service}): ${counts}`,
    ...(shared > 0 ? [`${formatMany(shared, 'identifier')} of another member too, and so left to that one`] : []),
    ...[one.reason, one.stays].filter((text) => text !== null),
  ];
  return [`${title}  ${one.activation}`, ...facts.map((fact) => `    ${wrap(fact, style.width - 4, '    ')}`)].join(
    '\n',
  );
}

function historyText(history: ForgetReport['history']): string {
  const { rows = 0, removed = false, reason = null } = history ?? {};
  const text = `${formatMany(rows, 'row')} of the histories${removed ? ' removed' : ''}`;
  return reason === null ? `${text}.` : `${text}: ${reason}`;
}

function stillText(models: readonly string[]): string {
  return `${models.join(', ')} ${models.length === 1 ? 'holds' : 'hold'} it, and the next sync may send it again: delete the person at the source and build the models first, or run this again after.`;
}

function notCoveredText(activations: ForgetReport['notCovered']): string {
  const names = activations.map(({ activation, entity }) => `${activation} (${entity})`);
  return `Not covered, since they are of other entities that lead to this one: ${names.join(', ')}. Forget what they sent by its own keys.`;
}

/** What `forget --output json` prints, and `--receipt` writes. */
export function forgetJson(report: ForgetReport): object {
  return {
    receipt: report.receipt,
    at: report.at,
    entity: report.entity,
    target: report.target,
    sandbox: report.sandbox,
    confirmed: report.confirmed,
    activations: report.activations,
    history: report.history,
    still_in: report.stillIn,
    not_asked: report.notAsked,
    not_covered: report.notCovered,
    exit_code: report.exitCode,
    error: report.error,
  };
}
