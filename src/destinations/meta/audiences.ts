import { replacesWhole, type ServiceFacts } from '../../knowledge/service-facts.ts';
import { narrow, notAnAcknowledgement, readCount } from '../answer.ts';
import type { Batch, BatchOutcome, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type MetaApi } from './api.ts';
import { accountPath, deleteAudience, openAudience } from './audience.ts';
import { renderMember, renderMembers, schemaOf, VALUE_FIELD, validateMember } from './members.ts';
import { audienceNormaliser } from './normalise.ts';
import { createReplacement, type Replacement } from './replacement.ts';

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: audienceNormaliser,
    // Nobody of a replacement is in the audience before its last request.
    acknowledges: 'full-finish',
    validate: validateMember,
    async open(context) {
      const api = createApi(context);
      const valued = context.columns.some(({ field }) => field === VALUE_FIELD);
      const replaced = context.mode === 'full' && replacesWhole(facts, context.config);
      const audienceId = await openAudience(api, context, { valued, replaced });
      const work: Work = {
        ...{ api, audienceId, context, valued, rowsMax: facts.limits.rowsPerRequestMax },
        replacement: replaced ? createReplacement(api, { audienceId, context }) : null,
      };
      return hideRowValues(createSession(work));
    },
    deleteAudience: (context, audienceId) => deleteAudience(createApi(context), context, audienceId),
    async verify(context) {
      const path = `${accountPath(context.config)}/customaudiences?fields=id&limit=1`;
      const answer = await createApi(context).call({ method: 'GET', path });
      if (answer.kind === 'value') return { ok: true, detail: 'the token reads the audiences of the ad account' };
      return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
    },
  };
}

interface Work {
  readonly api: MetaApi;
  readonly audienceId: string;
  readonly context: ServiceContext;
  readonly valued: boolean;
  readonly rowsMax: number;
  /** null: members are added and removed one by one. */
  readonly replacement: Replacement | null;
}

function createSession(work: Work): Session {
  const { replacement } = work;
  return {
    audienceId: work.audienceId,
    account: null,
    send: (batch, signal) => sendMembers(work, batch, signal),
    finish: async () => {
      await replacement?.finish();
    },
    // A replacement without its last request changes nothing.
    abandon: async () => {},
  };
}

async function sendMembers(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const { api, audienceId, context, replacement } = work;
  const isRemoval = batch.operation === 'delete';
  // Whoever is not among the members of a replacement is removed by it. Meta takes none without members.
  if (isRemoval && replacement?.hasMembers() === true) return { kind: 'accepted' };
  // A removal carries what was sent once, also of kinds that the mapping has no more, and no value.
  const sent = batch.rows.flatMap((row) => row.identifiers);
  const schema = schemaOf([...context.identifierKinds, ...sent], work.valued && !isRemoval);
  const data = batch.rows.flatMap((row) => renderMember(row, schema));
  if (data.length === 0) return { kind: 'counted', accepted: batch.rows.length, code: '', message: '' };
  if (data.length > work.rowsMax) return tooManyRows(batch, data.length);
  if (replacement !== null && !isRemoval) {
    return replacement.add(batch, { schema, data, signal, read: (value) => readCounts(value, batch, data.length) });
  }
  const answer = await api.call({
    method: isRemoval ? 'DELETE' : 'POST',
    path: `/${encodeURIComponent(audienceId)}/users`,
    body: renderMembers(schema, data),
    signal,
  });
  return answer.kind === 'outcome' ? answer.outcome : readCounts(answer.value, batch, data.length);
}

/** Meta counts data rows, and a member with two addresses has two. */
function tooManyRows(batch: Batch, count: number): BatchOutcome {
  const message = `${count} identifiers are more than one request takes`;
  return batch.rows.length === 1
    ? narrow('too-many-identifiers', message)
    : { kind: 'too_large', code: 'too-many-identifiers', message };
}

/** Meta says how many data rows it received and how many of them were invalid, never which. */
function readCounts(answer: Readonly<Record<string, unknown>>, batch: Batch, sent: number): BatchOutcome {
  const received = readCount(answer['num_received']);
  const invalid = readCount(answer['num_invalid_entries'] ?? 0);
  if (received === null || invalid === null) {
    return notAnAcknowledgement('Meta answered without the number of entries received');
  }
  const missing = Math.max(0, sent - received) + invalid;
  if (missing === 0) return { kind: 'counted', accepted: batch.rows.length, code: '', message: '' };
  const code = 'invalid-entries';
  const message = `Meta counted ${missing} of ${sent} entries as invalid`;
  const isPartial = missing < sent;
  const [only] = batch.rows;
  if (isPartial && batch.rows.length === 1 && only !== undefined && batch.operation !== 'delete') {
    // Some of the member's identifiers are in the audience by now: a later removal has to carry them all.
    return { kind: 'receipts', receipts: [{ seq: only.seq, status: 'unknown', code, message }] };
  }
  const accepted = Math.min(Math.max(isPartial ? 1 : 0, batch.rows.length - missing), batch.rows.length - 1);
  return { kind: 'counted', accepted, code, message };
}
