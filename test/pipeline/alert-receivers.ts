import { createHmac } from 'node:crypto';
import { type Call, isObject, type Platform, type Reply, readObject } from '../e2e/platforms/platform-server.ts';
import { secret } from '../privacy/canaries.ts';
import { observe } from '../privacy/observer.ts';

/** The last part of the address, which is all that protects it. */
export const SLACK_SECRET = secret('slack');

/**
 * Slack's side of an incoming webhook: it keeps what it was sent, and refuses what breaks its format.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, https://docs.slack.dev/reference/block-kit/blocks
 */
export class SlackReceiver implements Platform {
  readonly messages: Record<string, unknown>[] = [];
  readonly violations: string[] = [];

  answer(call: Call): Reply {
    observe('alert', call.body);
    const body = readObject(call.body);
    const problem = problemOf(call, body);
    if (problem === null && body !== null) {
      this.messages.push(body);
      return { status: 200, body: 'ok' };
    }
    this.violations.push(problem ?? 'no body');
    return { status: 400, body: 'invalid_payload' };
  }

  /** The words of each message, without its form. */
  get texts(): readonly string[] {
    return this.messages.map((message) => JSON.stringify(message['blocks']));
  }
}

function problemOf(call: Call, body: Record<string, unknown> | null): string | null {
  if (call.method !== 'POST' || call.path !== `/services/T0/B0/${SLACK_SECRET}`) return 'no_service';
  if (!String(call.headers['content-type']).startsWith('application/json')) return 'not JSON';
  if (body === null || typeof body['text'] !== 'string' || body['text'] === '') return 'no_text';
  const known = ['text', 'blocks', 'attachments', 'thread_ts', 'mrkdwn'];
  if (Object.keys(body).some((key) => !known.includes(key))) return 'unknown key';
  const blocks = body['blocks'];
  if (!Array.isArray(blocks) || blocks.length > 50) return 'invalid_blocks';
  // Slack states no such limit, and refuses messages whose blocks are longer.
  if (JSON.stringify(blocks).length > 13_000) return 'msg_blocks_too_long';
  return blocks.map(blockProblem).find((problem) => problem !== null) ?? null;
}

function blockProblem(block: unknown): string | null {
  if (!isObject(block)) return 'invalid_blocks';
  if (block['type'] === 'header') return textProblem(block['text'], 'plain_text', 150);
  if (block['type'] === 'section') return textProblem(block['text'], 'mrkdwn', 3000);
  const elements = block['elements'];
  if (block['type'] !== 'context' || !Array.isArray(elements) || elements.length > 10) return 'invalid_blocks';
  return elements.map((element) => textProblem(element, 'mrkdwn', 3000)).find((problem) => problem !== null) ?? null;
}

function textProblem(text: unknown, type: string, max: number): string | null {
  if (!isObject(text) || text['type'] !== type || typeof text['text'] !== 'string') return 'invalid text object';
  if (text['text'] === '' || text['text'].length > max) return `text of ${text['text'].length} characters`;
  if (type === 'mrkdwn' && /[<>]|&(?!amp;|lt;|gt;)/.test(text['text'])) return 'control characters are not escaped';
  return null;
}

/** A receiver of our own JSON that trusts nobody without a signature. */
export class SignedReceiver implements Platform {
  readonly bodies: Record<string, unknown>[] = [];
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  answer(call: Call): Reply {
    observe('alert', call.body);
    const signature = `sha256=${createHmac('sha256', this.#secret).update(call.body).digest('hex')}`;
    const body = readObject(call.body);
    if (call.headers['x-dinmo-signature'] !== signature || body === null) return { status: 401 };
    this.bodies.push(body);
    return { status: 204 };
  }
}
