import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { notAnAcknowledgement, readCount } from '../answer.ts';
import type { FieldValue, Service, ServiceContext, Session } from '../destination.ts';
import { renderJson } from '../json.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type MetaApi } from './api.ts';
import { renderEvent, validateEvent } from './event.ts';
import { eventNormaliser } from './normalise.ts';

export function createEvents(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: eventNormaliser,
    validate: (row, now, config) => validateEvent(row, { config: config ?? null, now }),
    open: async (context) => hideRowValues(createSession(createApi(context), context)),
    async verify(context) {
      const answer = await createApi(context).call({ method: 'GET', path: `${datasetPath(context.config)}?fields=id` });
      if (answer.kind === 'value') return { ok: true, detail: 'the token reads the dataset' };
      return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
    },
  };
}

function datasetPath(config: ServiceContext['config']): string {
  return `/${encodeURIComponent(String(config['dataset_id']).trim().toWellFormed())}`;
}

function createSession(api: MetaApi, context: ServiceContext): Session {
  const testCode = context.config['test_event_code'];
  return {
    audienceId: null,
    account: null,
    async send(batch, signal) {
      const body: { [name: string]: FieldValue } = { data: batch.rows.map((row) => renderEvent(row, context)) };
      if (typeof testCode === 'string') body['test_event_code'] = testCode;
      const path = `${datasetPath(context.config)}/events`;
      const answer = await api.call({ method: 'POST', path, body: renderJson(body), signal });
      if (answer.kind === 'outcome') return answer.outcome;
      const received = readCount(answer.value['events_received']);
      if (received === null) return notAnAcknowledgement('Meta answered without the number of events received');
      const accepted = Math.min(received, batch.rows.length);
      const short = accepted < batch.rows.length;
      const message = short ? `Meta received ${accepted} of ${batch.rows.length} events` : '';
      return { kind: 'counted', accepted, code: short ? 'events-not-received' : '', message };
    },
    finish: async () => {},
    abandon: async () => {},
  };
}
