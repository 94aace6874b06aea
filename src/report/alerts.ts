import type { AlertEvent } from '../artifacts/settings.ts';
import { escapeSlack, slackText } from '../destinations/slack-text.ts';
import type { OperationCounts } from '../diff/delivery-plan.ts';
import type { ActivationReport } from './activation-report.ts';
import { formatCount } from './layout.ts';

/** How an activation, or a whole command, is. */
export type AlertState = 'ok' | 'failed' | 'partial' | 'blocked';

/** An activation whose state is another than the one that was told last. */
export interface AlertChange {
  readonly event: AlertEvent;
  readonly before: AlertState;
  readonly destination: string;
  readonly report: ActivationReport;
}

/** What stopped a whole command, or that it runs again. */
export interface CommandChange {
  readonly event: 'failed' | 'recovered';
  /** The code of docs/errors.md; of a recovery the one that is over. */
  readonly code: string;
  /** What is wrong and what to do; null when it recovered. */
  readonly message: string | null;
}

/** One message: everything that one command has to tell one receiver. No personal data. */
export interface AlertMessage {
  readonly project: string;
  readonly target: string | null;
  readonly isSandbox: boolean;
  readonly syncId: string | null;
  /** ISO, UTC. */
  readonly at: string;
  readonly link: string | null;
  readonly command: CommandChange | null;
  readonly activations: readonly AlertChange[];
}

/** The event of a change; null where nobody needs to hear of it. */
export function alertEvent(before: AlertState, now: AlertState): AlertEvent | null {
  if (now === before) return null;
  return now === 'ok' ? 'recovered' : now;
}

/** The JSON of a webhook: keys are stable, every key is always there. */
export function webhookAlert(message: AlertMessage): string {
  const { project, target, isSandbox, syncId, at, link, command, activations } = message;
  return JSON.stringify({
    kind: 'dinmo.alert',
    version: 1,
    ...{ project, target, sandbox: isSandbox, sync_id: syncId, at, link, command },
    activations: activations.map(({ event, before, destination, report }) => ({
      activation: report.activation,
      destination,
      event,
      before,
      status: report.status,
      reason: report.reason,
      planned: report.planned,
      accepted: report.accepted,
      rejected: report.rejected,
      deferred: report.deferred,
      unknown: report.unknown,
    })),
  });
}

const SIGNS: Readonly<Record<AlertEvent, string>> = {
  failed: ':red_circle:',
  partial: ':large_yellow_circle:',
  blocked: ':no_entry:',
  recovered: ':white_check_mark:',
};

/** Sections of one message, and characters of one of them: the whole stays under 13,000, where Slack refuses blocks. */
const SECTIONS_MAX = 12;
const SECTION_CHARACTERS_MAX = 700;
/** A header is plain text of at most 150 characters. */
const HEADER_CHARACTERS_MAX = 150;

/**
 * The body of a Slack incoming webhook: `text` for notifications, and blocks (at most 50 of them, 3,000 characters in the text
 * of a section). https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, https://docs.slack.dev/reference/block-kit
 */
export function slackAlert(message: AlertMessage): string {
  const title = titleOf(message);
  const told = message.activations.slice(0, SECTIONS_MAX);
  const left = message.activations.length - told.length;
  const sections = [
    ...(message.command === null ? [] : [commandText(message.command)]),
    ...told.map(changeText),
    ...(left > 0 ? [`and ${formatCount(left)} more: \`dinmo status\` lists them all`] : []),
  ];
  const context = [
    message.at,
    ...(message.syncId === null ? [] : [`sync ${message.syncId}`]),
    ...(message.link === null ? [] : [message.link]),
  ];
  return JSON.stringify({
    text: escapeSlack(title),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(title, HEADER_CHARACTERS_MAX) } },
      ...sections.map((text) => ({ type: 'section', text: { type: 'mrkdwn', text } })),
      { type: 'context', elements: [{ type: 'mrkdwn', text: context.map(escapeSlack).join(' · ') }] },
    ],
  });
}

function titleOf({ project, target, isSandbox, command, activations }: AlertMessage): string {
  const events: readonly AlertEvent[] = ['failed', 'blocked', 'partial', 'recovered'];
  const counts = events.flatMap((event) => {
    const count = activations.filter((change) => change.event === event).length;
    return count === 0 ? [] : [`${formatCount(count)} ${event}`];
  });
  const all = [...(command === null ? [] : [`the command ${command.event}`]), ...counts];
  const where = `${project}${target === null ? '' : `, ${target}`}${isSandbox ? ', sandbox' : ''}`;
  return `dinmo: ${all.join(', ')} (${where})`;
}

function commandText({ event, code, message }: CommandChange): string {
  if (event === 'recovered') return `${SIGNS.recovered} *Activations are synced again* (was: ${escapeSlack(code)})`;
  const text = `stopped before any activation: ${code}`;
  return section(`${SIGNS.failed} *Nothing was synced*, ${text}\n`, message ?? '');
}

function changeText({ event, before, destination, report }: AlertChange): string {
  const was = before === 'ok' ? '' : ` (was ${before})`;
  const counts = countsText(report);
  const head = `${SIGNS[event]} *${escapeSlack(report.activation)}* to ${escapeSlack(destination)}: *${event}*${was}\n`;
  return section(`${head}${counts === '' ? '' : `${counts}\n`}`, report.reason ?? '');
}

function countsText({ planned, accepted, rejected, deferred, unknown }: ActivationReport): string {
  const parts: string[] = [];
  if (accepted !== null) parts.push(`${formatCount(sum(accepted))} accepted`);
  if (planned !== null) parts.push(`${formatCount(sum(planned))} planned`);
  for (const [count, word] of [
    [rejected, 'rejected'],
    [deferred, 'deferred'],
    [unknown, 'unknown'],
  ] as const)
    if (count !== null && count > 0) parts.push(`${formatCount(count)} ${word}`);
  return parts.join(' · ');
}

function sum(counts: OperationCounts): number {
  return counts.insert + counts.update + counts.delete;
}

function section(head: string, text: string): string {
  return slackText(head, text, SECTION_CHARACTERS_MAX);
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`;
}
