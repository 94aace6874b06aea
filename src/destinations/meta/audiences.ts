import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { narrow, notAnAcknowledgement, readCount } from '../answer.ts';
import type { Batch, BatchOutcome, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type MetaApi } from './api.ts';
import { accountPath, openAudience } from './audience.ts';
import { renderMember, renderMembers, schemaOf } from './members.ts';
import { audienceNormaliser } from './normalise.ts';

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: audienceNormaliser,
    validate: null,
    async open(context) {
      const api = createApi(context);
      const audienceId = await openAudience(api, context);
      return hideRowValues(createSession(api, audienceId, { context, rowsMax: facts.limits.rowsPerRequestMax }));
    },
    async verify(context) {
      const path = `${accountPath(context.config)}/customaudiences?fields=id&limit=1`;
      const answer = await createApi(context).call({ method: 'GET', path });
      if (answer.kind === 'value') return { ok: true, detail: 'the token reads the audiences of the ad account' };
      return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
    },
  };
}

function createSession(
  api: MetaApi,
  audienceId: string,
  given: { readonly context: ServiceContext; readonly rowsMax: number },
): Session {
  return {
    audienceId,
    account: null,
    async send(batch, signal) {
      // A removal carries what was sent once, also of kinds that the mapping has no more.
      const sent = batch.rows.flatMap((row) => row.identifiers);
      const schema = schemaOf([...given.context.identifierKinds, ...sent]);
      const data = batch.rows.flatMap((row) => renderMember(row, schema));
      if (data.length === 0) return { kind: 'counted', accepted: batch.rows.length, code: '', message: '' };
      if (data.length > given.rowsMax) return tooManyRows(batch, data.length);
      const answer = await api.call({
        method: batch.operation === 'delete' ? 'DELETE' : 'POST',
        path: `/${encodeURIComponent(audienceId)}/users`,
        body: renderMembers(schema, data),
        signal,
      });
      return answer.kind === 'outcome' ? answer.outcome : readCounts(answer.value, batch, data.length);
    },
    finish: async () => {},
    abandon: async () => {},
  };
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
  const accepted = Math.max(0, batch.rows.length - missing);
  const message = missing === 0 ? '' : `Meta counted ${missing} of ${sent} entries as invalid`;
  return { kind: 'counted', accepted, code: missing === 0 ? '' : 'invalid-entries', message };
}
