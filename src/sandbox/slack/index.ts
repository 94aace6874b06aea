import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import type {
  Answer,
  FailureKind,
  RequestContext,
  SandboxRequest,
  SimulatedDestination,
  SimulatedPlatform,
} from '../platform.ts';
import { nothingHeld, readJson } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';

const BLOCKS_MAX = 50;
const SECTION_CHARACTERS_MAX = 3_000;

/**
 * Slack's incoming webhooks: `/services/T…/B…/…` posts to one channel. The last part of the path says how the webhook is:
 * `removed` (404 no_service), `forbidden` (403 invalid_token), `archived` (410 channel_is_archived), `prohibited`; any other is good.
 */
export const slack: SimulatedPlatform = {
  name: 'slack',
  faults: () => FAULT_KINDS.filter((kind) => kind !== 'partial'),
  // Only the word ok says that a message was posted.
  htmlApplies: false,
  failure,
  open: (saved) => new Channel(saved),
};

const message = z.looseObject({
  text: z.string().optional(),
  blocks: z.array(z.looseObject({ type: z.string() })).optional(),
});
type Message = z.infer<typeof message>;

const savedChannel = z.object({ received: z.number(), messages: z.array(message) });

/** What the last part of a webhook's path stands for. */
const WORDS: Readonly<Record<string, readonly [status: number, word: string]>> = {
  removed: [404, 'no_service'],
  forbidden: [403, 'invalid_token'],
  archived: [410, 'channel_is_archived'],
  prohibited: [403, 'action_prohibited'],
};

class Channel implements SimulatedDestination {
  readonly #messages: Message[] = [];
  readonly #calls = new RollingWindow();
  #received = 0;

  constructor(saved: unknown) {
    if (saved === null) return;
    const state = savedChannel.parse(saved);
    this.#received = state.received;
    this.#messages.push(...state.messages);
  }

  configure(): void {}

  handle(request: SandboxRequest, context: RequestContext): Answer {
    const [, token = ''] = /^\/services\/T\w+\/B\w+\/(\w+)$/.exec(request.path) ?? [];
    if (token === '' || request.method !== 'POST') {
      context.violate('unknown-request', `${request.method} on a path that is no webhook`);
      return word(404, 'no_team');
    }
    const [status, said] = WORDS[token] ?? [200, 'ok'];
    if (status !== 200) return word(status, said);
    if (!this.#calls.take(context.limits.slack, context.now)) return throttled(context);
    const body = message.safeParse(readJson(request));
    if (!body.success) {
      context.violate('message-shape', 'the body is no message in JSON');
      return word(400, 'invalid_payload');
    }
    const wrong = problem(body.data, context);
    if (wrong !== null) return word(400, wrong);
    this.#received += 1;
    this.#messages.push(body.data);
    return { ...word(200, 'ok'), rows: 1 };
  }

  holdings(rowsMax: number) {
    if (this.#received === 0) return nothingHeld;
    const events = this.#messages.slice(Math.max(0, this.#messages.length - rowsMax));
    const size = this.#messages.length;
    return { ...nothingHeld, events: [{ id: 'channel', received: this.#received, duplicates: 0, size, events }] };
  }

  save(): z.infer<typeof savedChannel> {
    return { received: this.#received, messages: this.#messages };
  }
}

function problem({ text, blocks }: Message, context: RequestContext): string | null {
  if ((text === undefined || text.trim() === '') && (blocks === undefined || blocks.length === 0)) return 'no_text';
  if (context.poison([text ?? '', ...(blocks ?? []).map((block) => JSON.stringify(block))]) !== null)
    return 'invalid_payload';
  if (blocks === undefined) return null;
  if (blocks.length > BLOCKS_MAX) return 'invalid_blocks';
  const tooLong = blocks.some(
    (block) => block.type === 'section' && JSON.stringify(block['text'] ?? '').length > SECTION_CHARACTERS_MAX + 100,
  );
  return tooLong ? 'invalid_blocks' : null;
}

function word(status: number, body: string): Answer {
  const rejected = status === 400 ? 1 : 0;
  return { status, headers: { 'content-type': 'text/html' }, body, rows: rejected, rejected };
}

function throttled(context: RequestContext): Answer {
  const answer = word(429, 'rate_limited');
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(context.retryAfterSeconds) } };
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'throttled') return throttled(context);
  if (kind === 'empty') return word(200, '');
  return word(
    { server_error: 500, unavailable: 503, timeout_after: 504 }[kind],
    kind === 'server_error' ? 'rollup_error' : '',
  );
}
