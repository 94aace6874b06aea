import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ExactJson } from '../exact-json.ts';
import { FAULT_KINDS } from '../faults.ts';
import type {
  Answer,
  DestinationSetup,
  FailureKind,
  RequestContext,
  SandboxRequest,
  SimulatedDestination,
  SimulatedPlatform,
} from '../platform.ts';
import { jsonAnswer, nothingHeld } from '../platform.ts';
import type { Holdings } from '../sandbox-state.ts';
import { readBody, type WebhookBody, type WebhookRow } from './request-body.ts';
import { signatureProblem } from './signature.ts';

/** Older keys are forgotten: a real receiver keeps them for a while too. */
const IDEMPOTENCY_KEYS_MAX = 100_000;

/**
 * A receiver of webhooks that keeps, per activation, the rows by key. It holds the sender to the contract: shape, an
 * idempotency key that stands for one body, a signature that fits where the secret is known.
 */
export const webhook: SimulatedPlatform = {
  name: 'webhook',
  faults: () => FAULT_KINDS.filter((kind) => kind !== 'empty'),
  // Any 2xx means that the rows were accepted.
  htmlApplies: true,
  failure,
  open: (saved) => new Receiver(saved),
};

interface ReceivedRows {
  created: number;
  updated: number;
  deleted: number;
  readonly rows: Map<string, WebhookRow>;
}

const savedReceiver = z.object({
  keys: z.array(z.tuple([z.string(), z.string()])),
  activations: z.array(
    z.object({
      ...{ activation: z.string(), created: z.number(), updated: z.number(), deleted: z.number() },
      rows: z.array(z.object({ id: z.string(), key: z.custom<ExactJson>(), fields: z.custom<WebhookRow['fields']>() })),
    }),
  ),
});

class Receiver implements SimulatedDestination {
  readonly #activations = new Map<string, ReceivedRows>();
  /** Idempotency key → hash of the body it came with. */
  readonly #keys = new Map<string, string>();
  #secret: string | null = null;

  constructor(saved: unknown) {
    if (saved === null) return;
    const state = savedReceiver.parse(saved);
    for (const [key, hash] of state.keys) this.#keys.set(key, hash);
    for (const { activation, rows, ...counts } of state.activations) {
      this.#activations.set(activation, { ...counts, rows: new Map(rows.map((row) => [row.id, row])) });
    }
  }

  configure({ secret }: DestinationSetup): void {
    if (secret !== undefined) this.#secret = secret;
  }

  handle(request: SandboxRequest, context: RequestContext): Answer {
    const refuse = (status: number, rule: string, message: string): Answer => {
      context.violate(rule, message);
      return problem(status, rule, message);
    };
    if (request.method !== 'POST') return refuse(405, 'method', 'only POST is understood');
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return refuse(415, 'content-type', 'the body must be application/json');
    }
    const unsigned = signatureProblem(request.headers['x-dinmo-signature'], request.body, this.#secret);
    if (unsigned !== null) return refuse(401, 'signature', unsigned);
    const body = readBody(request.body);
    if (typeof body === 'string') return refuse(400, 'body-shape', body);
    const rows = body.rows.length;
    const idempotencyKey = request.headers['idempotency-key'] ?? '';
    if (idempotencyKey === '')
      return { ...refuse(400, 'idempotency-key', 'Idempotency-Key is missing'), rows, rejected: rows };
    const repeated = this.#remember(idempotencyKey, request.body);
    if (repeated === 'same-body') context.repeat();
    if (repeated === 'other-body') {
      return {
        ...refuse(409, 'idempotency-key', 'Idempotency-Key came before with another body'),
        rows,
        rejected: rows,
      };
    }
    return this.#take(body, context);
  }

  #remember(key: string, body: string): 'new' | 'same-body' | 'other-body' {
    const hash = createHash('sha256').update(body).digest('base64url');
    const before = this.#keys.get(key);
    if (before !== undefined) return before === hash ? 'same-body' : 'other-body';
    this.#keys.set(key, hash);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > IDEMPOTENCY_KEYS_MAX && oldest !== undefined) this.#keys.delete(oldest);
    return 'new';
  }

  #take(body: WebhookBody, context: RequestContext): Answer {
    const { rows } = body;
    const poison = rows.map((row) => context.poison([row.id, ...(typeof row.key === 'string' ? [row.key] : [])]));
    if (poison.includes('refuse')) {
      return { ...problem(400, 'poison', 'a row cannot be processed'), rows: rows.length, rejected: rows.length };
    }
    const held = this.#activations.get(body.activation) ?? { created: 0, updated: 0, deleted: 0, rows: new Map() };
    this.#activations.set(body.activation, held);
    const rejected: { readonly key: ExactJson; readonly code: string; readonly message: string }[] = [];
    for (const [index, row] of rows.entries()) {
      if (poison[index] === 'reject')
        rejected.push({ key: row.key, code: 'poison', message: 'The row cannot be processed' });
      else if (context.unlucky()) rejected.push({ key: row.key, code: 'unlucky', message: 'The row failed' });
      else apply(held, row, body.operation);
    }
    const answer = rejected.length === 0 ? {} : { rejected };
    return jsonAnswer(200, answer, { rows: rows.length, rejected: rejected.length });
  }

  holdings(rowsMax: number): Holdings {
    const objects = [...this.#activations].map(([type, { rows, ...counts }]) => ({
      ...{ type, size: rows.size, ...counts },
      records: [...rows.values()].slice(Math.max(0, rows.size - rowsMax)),
    }));
    return { ...nothingHeld, objects };
  }

  save(): unknown {
    const activations = [...this.#activations].map(([activation, held]) => ({
      ...{ activation, ...held },
      rows: [...held.rows.values()],
    }));
    return { keys: [...this.#keys], activations };
  }
}

/** Insert and update both put the row in place: a sender may repeat what it is not sure of. */
function apply(held: ReceivedRows, row: WebhookRow, operation: WebhookBody['operation']): void {
  const known = held.rows.delete(row.id);
  if (operation === 'delete') {
    if (known) held.deleted += 1;
    return;
  }
  held.rows.set(row.id, row);
  if (known) held.updated += 1;
  else held.created += 1;
}

function problem(status: number, code: string, message: string): Answer {
  return jsonAnswer(status, { error: { code, message } });
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'throttled') {
    const answer = problem(429, 'too-many-requests', 'Too many requests');
    return { ...answer, headers: { ...answer.headers, 'retry-after': String(context.retryAfterSeconds) } };
  }
  const status = kind === 'unavailable' ? 503 : kind === 'timeout_after' ? 504 : 500;
  return problem(status, 'server-error', 'The receiver failed');
}
