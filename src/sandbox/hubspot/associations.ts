import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import { hubspotError, invalidRequest } from './hubspot-answer.ts';
import { type ObjectTypes, unknownType } from './object-types.ts';
import type { Records } from './records.ts';

const end = z.object({ id: z.string().regex(/^\d+$/) });
const pairs = z.object({ inputs: z.array(z.object({ from: end, to: end })) });
const removals = z.object({ inputs: z.array(z.object({ from: end, to: z.array(end).min(1) })) });
const questions = z.object({
  inputs: z.array(z.object({ id: z.string().regex(/^\d+$/), after: z.string().optional() })),
});

/** Inputs of one request (guide of the associations API). */
const ASSOCIATE_MAX = 2_000;
const READ_MAX = 1_000;

export const savedAssociations = z.array(z.tuple([z.string(), z.array(z.string())]));

/** Who is associated with whom in one portal, without labels (CRM associations API 2026-09). Records are known by id, in both directions. */
export class Associations {
  readonly #others = new Map<string, Set<string>>();
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Everything under `/crm/associations/2026-09`; `parts` is the rest of the path. */
  handle(
    { types, parts }: { readonly types: ObjectTypes; readonly parts: readonly string[] },
    request: SandboxRequest,
    context: RequestContext,
  ): Answer {
    const [fromName = '', toName = '', ...rest] = parts.map(decodeURIComponent);
    const [from, to] = [types.find(fromName), types.find(toName)];
    if (from === null || to === null) return unknownType(from === null ? fromName : toName, context);
    const defined = types.canAssociate(from, to);
    const call = `${request.method} ${rest.join('/')}`;
    if (call === 'GET labels') {
      const unlabelled = { category: 'HUBSPOT_DEFINED', typeId: 279, label: null };
      return jsonAnswer(200, { results: defined ? [unlabelled] : [] });
    }
    if (!defined) return invalidRequest(context, `No association type is defined between ${fromName} and ${toName}`);
    if (call === 'POST batch/associate/default') return this.#associate({ from, to }, request, context);
    if (call === 'POST batch/archive') return this.#archive(request, context);
    if (call === 'POST batch/read') return this.#read({ from, to }, request, context);
    context.violate('unknown-request', `${request.method} is not supported on this path`);
    return hubspotError(context, {
      status: 404,
      category: 'OBJECT_NOT_FOUND',
      message: 'There is nothing at this path',
    });
  }

  /** Record ids of one type that a record is associated with. */
  of(id: string, type: string): readonly string[] {
    return [...(this.#others.get(id) ?? [])].filter((other) => this.#records.get(type, other) !== undefined);
  }

  /** An archived record is associated with nothing any more. */
  forget(id: string): void {
    for (const other of this.#others.get(id) ?? []) this.#others.get(other)?.delete(id);
    this.#others.delete(id);
  }

  save(): z.infer<typeof savedAssociations> {
    return [...this.#others].map(([id, others]) => [id, [...others]]);
  }

  restore(saved: z.infer<typeof savedAssociations>): void {
    for (const [id, others] of saved) this.#others.set(id, new Set(others));
  }

  #associate(
    { from, to }: { readonly from: string; readonly to: string },
    request: SandboxRequest,
    context: RequestContext,
  ): Answer {
    const inputs = readInputs(pairs, ASSOCIATE_MAX, request, context);
    if ('status' in inputs) return inputs;
    const results: unknown[] = [];
    const errors: unknown[] = [];
    for (const pair of inputs) {
      const known = this.#records.get(from, pair.from.id) && this.#records.get(to, pair.to.id);
      if (!known || context.poison([pair.to.id]) !== null) {
        const ids = { fromObjectId: [pair.from.id], toObjectId: [pair.to.id] };
        errors.push({
          status: 'error',
          category: 'OBJECT_NOT_FOUND',
          message: 'One of the records was not found',
          context: ids,
        });
        continue;
      }
      this.#note(pair.from.id, pair.to.id);
      this.#note(pair.to.id, pair.from.id);
      const associationSpec = { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 279 };
      results.push({ ...pair, associationSpec });
    }
    if (errors.length === 0) return jsonAnswer(200, { status: 'COMPLETE', results });
    return jsonAnswer(207, { status: 'COMPLETE', results, numErrors: errors.length, errors });
  }

  #archive(request: SandboxRequest, context: RequestContext): Answer {
    const inputs = readInputs(removals, ASSOCIATE_MAX, request, context);
    if ('status' in inputs) return inputs;
    for (const { from, to } of inputs) {
      for (const { id } of to) {
        this.#others.get(from.id)?.delete(id);
        this.#others.get(id)?.delete(from.id);
      }
    }
    return jsonAnswer(204, undefined);
  }

  /** A record without associations stands among the errors. */
  #read(
    { to }: { readonly from: string; readonly to: string },
    request: SandboxRequest,
    context: RequestContext,
  ): Answer {
    const inputs = readInputs(questions, READ_MAX, request, context);
    if ('status' in inputs) return inputs;
    const found = inputs.map(({ id }) => ({ id, others: this.of(id, to) }));
    const spec = { category: 'HUBSPOT_DEFINED', typeId: 279, label: null };
    const results = found
      .filter(({ others }) => others.length > 0)
      .map(({ id, others }) => ({
        from: { id },
        to: others.map((other) => ({ toObjectId: Number(other), associationTypes: [spec] })),
      }));
    const none = found.filter(({ others }) => others.length === 0).map(({ id }) => id);
    if (none.length === 0) return jsonAnswer(200, { status: 'COMPLETE', results });
    const errors = none.map((id) => ({
      ...{ status: 'error', category: 'OBJECT_NOT_FOUND', subCategory: 'crm.associations.NO_ASSOCIATIONS_FOUND' },
      ...{ message: 'No associations were found', context: { fromObjectId: [id] } },
    }));
    return jsonAnswer(207, { status: 'COMPLETE', results, numErrors: errors.length, errors });
  }

  #note(id: string, other: string): void {
    const others = this.#others.get(id);
    if (others) others.add(other);
    else this.#others.set(id, new Set([other]));
  }
}

function readInputs<T>(
  shape: z.ZodType<{ readonly inputs: readonly T[] }>,
  most: number,
  request: SandboxRequest,
  context: RequestContext,
): readonly T[] | Answer {
  const parsed = shape.safeParse(readJson(request));
  if (!parsed.success) {
    context.violate('associations-shape', 'the body is none of this request');
    return invalidRequest(context, 'Invalid input JSON: inputs are record ids');
  }
  const { inputs } = parsed.data;
  if (inputs.length > 0 && inputs.length <= most) return inputs;
  context.violate('too-many-rows', `${inputs.length} inputs, of 1 to ${most}`);
  return invalidRequest(context, `The request has no inputs, or more than ${most}`);
}
