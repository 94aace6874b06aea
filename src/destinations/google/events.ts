import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Service, ServiceContext, Session } from '../destination.ts';
import { sha256 } from '../identifier-rules.ts';
import { hideRowValues } from '../row-values.ts';
import { digitsOf, renderDestination } from './account.ts';
import { createApi, type GoogleApi } from './api.ts';
import { renderEvent, validateEvent } from './event.ts';
import { type Ingestion, ingest, type JsonObject, validate } from './ingest.ts';
import { encode, encodingOf } from './members.ts';
import { eventNormaliser } from './normalise.ts';
import { askStatus } from './status.ts';

export function createEvents(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: eventNormaliser,
    validate: (row, now, config) => (config === undefined ? null : validateEvent(row, { config, now })),
    open: async (context) => hideRowValues(createSession(createApi(context), context, facts.limits.rowsPerRequestMax)),
    async validateRemote(context, rows) {
      return await validate(rows, ingestionOf(context), createApi(context));
    },
    async verify(context) {
      const { config } = context;
      const emailAddress = encode(sha256('doctor@example.com'), config);
      const event: JsonObject = {
        transactionId: 'dbt-dinmo-doctor',
        eventTimestamp: new Date(context.clock.now()).toISOString(),
        eventSource: 'WEB',
        consent: { adUserData: 'CONSENT_GRANTED', adPersonalization: 'CONSENT_GRANTED' },
        userData: { userIdentifiers: [{ emailAddress }] },
      };
      const body = { ...renderBody(config, [event]), validateOnly: true };
      const answer = await createApi(context).call({ method: 'POST', path: '/events:ingest', body });
      if (answer.kind === 'value')
        return { ok: true, detail: 'the conversion action would take an event (validateOnly)' };
      const said = answer.kind === 'items' ? answer.items[0] : answer.outcome;
      return { ok: false, detail: said !== undefined && 'message' in said ? said.message : 'no answer' };
    },
  };
}

function renderBody(config: ServiceContext['config'], events: readonly JsonObject[]): JsonObject {
  return {
    destinations: [renderDestination(config, digitsOf(config['conversion_action_id']))],
    events,
    encoding: encodingOf(config),
  };
}

function ingestionOf(context: ServiceContext): Pick<Ingestion, 'path' | 'items' | 'body'> {
  return {
    path: '/events:ingest',
    items: (row) => [renderEvent(row, context)],
    body: (events) => renderBody(context.config, events),
  };
}

function createSession(api: GoogleApi, context: ServiceContext, itemsMax: number): Session {
  const { config, clock, logger } = context;
  const ingestion: Ingestion = { ...ingestionOf(context), itemsMax, waits: config['confirm'] !== 'taken' };
  return {
    audienceId: null,
    account: null,
    send: (batch, signal) => ingest(batch, ingestion, { api, clock, logger, signal }),
    poll: (job, signal) => askStatus(job, signal, { api, clock, logger }),
    finish: async () => {},
    abandon: async () => {},
  };
}
