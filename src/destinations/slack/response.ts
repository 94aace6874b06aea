import { scrub } from '../../log.ts';
import { narrow, notAnAcknowledgement, readCode, readRetryAfter, refused, retry, statusOutcome } from '../answer.ts';
import type { BatchOutcome } from '../destination.ts';
import type { HttpResponse } from '../http.ts';

/** What Slack says of a single message: the row's fault. */
const OF_A_MESSAGE =
  /^(invalid_payload|invalid_blocks\w*|no_text|too_many_attachments|msg_too_long|msg_blocks_too_long|missing_text_or_fallback_or_attachments)$/;

/** What is over for this webhook, and what to do. */
const OF_THE_WEBHOOK: Readonly<Record<string, string>> = {
  no_service: 'The webhook was removed or disabled: make a new one in Slack and set its address in the environment.',
  no_service_id: 'The address is not whole: copy it again from Slack.',
  no_team: 'The workspace is gone, or the address is not whole: copy it again from Slack.',
  no_active_hooks: 'The webhook is disabled: make a new one in Slack and set its address in the environment.',
  invalid_token: 'The address is not whole: copy it again from Slack.',
  team_disabled: 'The workspace is disabled.',
  channel_is_archived: 'The channel is archived: bring it back, or make a webhook for another one.',
  channel_not_found: 'The channel was deleted: make a webhook for another one.',
  user_not_found: 'The user of the webhook is gone: make a new webhook.',
  action_prohibited: 'An administrator forbids it: ask for the right to post there.',
  posting_to_general_channel_denied: 'The webhook’s author may not post to #general: choose another channel.',
};

/**
 * Reads the answer of an incoming webhook: 200 with the text `ok`, or a status with one word. null: the message is posted.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling-errors
 */
export function messageOutcome(response: HttpResponse, now: number): BatchOutcome | null {
  const { status } = response;
  const said = response.body.trim();
  if (status === 200 && said === 'ok') return null;
  const code = readCode(/^[a-z_]{2,64}$/.test(said) ? said : `http-${status}`);
  const message = scrub(`Slack answered ${status}${code.startsWith('http-') ? '' : `: ${said}`}`);
  if (status >= 200 && status < 300) return notAnAcknowledgement(`Slack answered ${status} without ok`);
  if (status === 429)
    return retry({ applied: 'no', throttled: true, afterMs: readRetryAfter(response, now), code, message });
  const fix = OF_THE_WEBHOOK[said];
  if (fix !== undefined) return refused(code, message, fix);
  if (OF_A_MESSAGE.test(said)) return narrow(code, message);
  // A page in place of the one word comes from something on the way, and 404 without a word from a wrong address.
  const byStatus = statusOutcome(response, now);
  if (byStatus?.kind === 'retry') return { ...byStatus, code, message };
  return refused(
    code,
    message,
    'Check the address of the webhook, and whether the app is still installed in the workspace.',
  );
}
