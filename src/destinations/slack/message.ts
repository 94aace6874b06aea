import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { parseJson, renderJson } from '../json.ts';
import { SLACK_SECTION_CHARACTERS_MAX, slackText } from '../slack-text.ts';
import { ROWS_MAX_DEFAULT, ROWS_MAX_HIGHEST } from './facts.ts';

/** Slack cuts a text at 40,000 characters and advises 4,000. https://docs.slack.dev/reference/methods/chat.postMessage */
const TEXT_CHARACTERS_MAX = 4_000;
/** Of one event in a digest, so that every one of them has its line. */
const LINE_CHARACTERS_MAX = 300;
const VALUE_CHARACTERS_MAX = 500;
const BLOCKS_MAX = 50;

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;

/** Events that a sync shows. */
export function shownMax(config: Config): number {
  const wanted = config['rows_max'];
  return Math.min(typeof wanted === 'number' ? wanted : ROWS_MAX_DEFAULT, ROWS_MAX_HIGHEST);
}

/** The body of one event's message. `text` is what notifications show beside blocks. */
export function renderMessage(row: OutgoingRow, config: Config): string {
  const fields = row.fields() ?? {};
  const blocks = readBlocks(fields['blocks']);
  const text = textOf(fields, config, TEXT_CHARACTERS_MAX);
  if (Array.isArray(blocks)) return renderJson(text === '' ? { blocks } : { text, blocks });
  return renderJson({ text });
}

/** One message for many events: a title, a line for each that is shown, and how many more there are. */
export function renderDigest(rows: readonly OutgoingRow[], count: number, config: Config): string {
  const title = typeof config['title'] === 'string' ? config['title'] : `{count} new event${count === 1 ? '' : 's'}`;
  const head = title.replaceAll('{count}', formatCount(count));
  const lines: string[] = [];
  let characters = head.length;
  for (const row of rows.slice(0, shownMax(config))) {
    const line = `• ${textOf(row.fields() ?? {}, config, LINE_CHARACTERS_MAX).replaceAll(/\s*\n\s*/g, ' ')}`;
    if (characters + line.length + 1 > TEXT_CHARACTERS_MAX - 100) break;
    characters += line.length + 1;
    lines.push(line);
  }
  const left = count - lines.length;
  return renderJson({ text: [head, ...lines, ...(left > 0 ? [moreText(left)] : [])].join('\n') });
}

/** The body of the message that stands for events which are not shown. */
export function renderMore(count: number): string {
  return renderJson({ text: moreText(count) });
}

function moreText(count: number): string {
  return `and ${formatCount(count)} more`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** The template with escaped values, or the field `text`, or every field: what comes from a row neither links nor mentions. */
function textOf(fields: Fields, config: Config, max: number): string {
  const template = config['template'];
  if (typeof template === 'string') return cutMarkup(fillTemplate(template, fields), max);
  const text = fields['text'];
  if (text !== undefined && text !== null) return slackText('', valueText(text), max);
  const pairs = Object.entries(fields).filter(([name, value]) => name !== 'blocks' && value !== null);
  return slackText('', pairs.map(([name, value]) => `${name}: ${valueText(value)}`).join(', '), max);
}

const PLACE = /\{([^{}]+)\}/g;

function fillTemplate(template: string, fields: Fields): string {
  return template.replaceAll(PLACE, (_, name: string) => {
    const value = fields[name.trim()];
    if (value === undefined || value === null) return '–';
    // A bar would end the address of a link that the template has begun.
    return slackText('', valueText(value), VALUE_CHARACTERS_MAX).replaceAll('|', '¦');
  });
}

/** A template's text that is too long loses its end as plain text: half a link would be none. */
function cutMarkup(text: string, max: number): string {
  if (text.length < max) return text;
  const cut = text.slice(0, max - 1).toWellFormed();
  const open = Math.max(cut.lastIndexOf('<') > cut.lastIndexOf('>') ? cut.lastIndexOf('<') : -1, openEntity(cut));
  return `${open < 0 ? cut : cut.slice(0, open)}…`;
}

function openEntity(text: string): number {
  const start = text.lastIndexOf('&');
  return start >= 0 && !text.slice(start).includes(';') ? start : -1;
}

function valueText(value: FieldValue): string {
  return typeof value === 'object' && value !== null ? renderJson(value) : String(value);
}

/** Blocks as JSON or as JSON text; undefined where there are none, null where it is not a list of objects. */
function readBlocks(value: FieldValue | undefined): readonly FieldValue[] | undefined | null {
  if (value === undefined || value === null || value === '') return undefined;
  const blocks: unknown = typeof value === 'string' ? parse(value) : value;
  const isList =
    Array.isArray(blocks) && blocks.every((block) => typeof block === 'object' && block !== null && 'type' in block);
  // JSON, whatever else it may be, is made of field values.
  return isList ? (blocks as readonly FieldValue[]) : null;
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** What Slack would refuse: a message without a text, blocks that are none or too many. */
export function validateMessage(row: OutgoingRow, config: Config | undefined): Invalidity | null {
  if (config === undefined) return null;
  const fields = row.fields() ?? {};
  const blocks = config['messages'] === 'digest' ? undefined : readBlocks(fields['blocks']);
  if (blocks === null) return { code: 'invalid-blocks', message: 'The field blocks is no list of blocks in JSON' };
  if (blocks !== undefined && (blocks.length === 0 || blocks.length > BLOCKS_MAX)) {
    return { code: 'invalid-blocks', message: `A message has 1 to ${BLOCKS_MAX} blocks` };
  }
  const isEmpty = blocks === undefined && textOf(fields, config, SLACK_SECTION_CHARACTERS_MAX).trim() === '';
  return isEmpty ? { code: 'message-without-text', message: 'The message has no text' } : null;
}
