/** Characters of one mrkdwn text of a section block. https://docs.slack.dev/reference/block-kit/blocks/section-block */
export const SLACK_SECTION_CHARACTERS_MAX = 3_000;

/**
 * Slack's three control characters, escaped: no link and no mention (`<!channel>`, `<@U123>`) can come of such a text.
 * https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** `head`, which is escaped already, and as much of `text`, which is not, as stays below `max` characters; no escape is cut through. */
export function slackText(head: string, text: string, max: number): string {
  let whole = head;
  for (const character of text) {
    const next = escapeSlack(character);
    if (whole.length + next.length >= max) return `${whole}…`;
    whole += next;
  }
  return whole.trimEnd();
}
