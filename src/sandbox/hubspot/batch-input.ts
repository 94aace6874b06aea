import { z } from 'zod';
import { type Answer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import { invalidRequest } from './hubspot-answer.ts';

/** Inputs of one batch call (CRM objects API 2026-09). */
const INPUTS_MAX = 100;

const input = z.object({
  id: z.string().min(1),
  idProperty: z.string().min(1).optional(),
  properties: z.record(z.string(), z.string()).optional(),
  objectWriteTraceId: z.string().min(1).optional(),
});
const batch = z.object({
  inputs: z.array(input),
  idProperty: z.string().min(1).optional(),
  properties: z.array(z.string()).optional(),
});

export type BatchInput = z.infer<typeof input>;

export interface BatchBody {
  readonly inputs: readonly BatchInput[];
  /** `read` states it once for all inputs. */
  readonly idProperty: string | null;
  /** The properties that `read` wants back. */
  readonly wanted: readonly string[];
  /** Every input can be told from the others in the answer: bad rows do not fail the good ones. */
  readonly traced: boolean;
}

export type ReadBatch = { readonly body: BatchBody } | { readonly refusal: Answer };

/** The body of a batch call; refuses, as the platform does, what makes the whole request wrong. */
export function readBatch(request: SandboxRequest, context: RequestContext): ReadBatch {
  const refuse = (rule: string, message: string, rows = 0): ReadBatch => {
    context.violate(rule, message);
    return { refusal: invalidRequest(context, message, rows) };
  };
  const parsed = batch.safeParse(readJson(request));
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') || 'body';
    return refuse('batch-shape', `Invalid input JSON: ${where} is missing or is not text`);
  }
  const { inputs } = parsed.data;
  if (inputs.length === 0) return refuse('empty-request', 'The request has no inputs');
  if (inputs.length > INPUTS_MAX) {
    return refuse('too-many-rows', `The request has more than ${INPUTS_MAX} inputs`, inputs.length);
  }
  const ids = inputs.map((one) => `${one.idProperty ?? ''}\n${one.id.trim().toLowerCase()}`);
  if (new Set(ids).size < ids.length) {
    return refuse('duplicate-id', 'Duplicate IDs found in batch input. IDs must be unique', inputs.length);
  }
  const traces = inputs.flatMap((one) => one.objectWriteTraceId ?? []);
  if (new Set(traces).size < traces.length) {
    return refuse('duplicate-trace-id', 'Duplicate objectWriteTraceId found in batch input', inputs.length);
  }
  const { idProperty = null, properties: wanted = [] } = parsed.data;
  return { body: { inputs, idProperty, wanted, traced: traces.length === inputs.length } };
}
