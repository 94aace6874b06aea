import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { BatchOutcome, Invalidity, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { renderDestination } from './account.ts';
import { createApi, type GoogleApi } from './api.ts';
import { readConsent, refuseWithoutConsent } from './consent.ts';
import { type Ingestion, ingest, type JsonObject } from './ingest.ts';
import { encodingOf, IDENTIFIERS_MAX, identifierCount, identifiersFor, renderMembers } from './members.ts';
import { audienceNormaliser } from './normalise.ts';
import { askStatus } from './status.ts';
import { deleteList, openList, readList, tryList } from './user-list.ts';
import { createWatermark } from './watermark.ts';

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: audienceNormaliser,
    validate: (row, _now, config) => (config === undefined ? null : validateMember(row, config)),
    async open(context) {
      requireSettings(context);
      const api = createApi(context);
      const listId = await openList(api, context);
      const replaces = context.config['replace'] === 'watermark' && context.mode === 'full';
      if (replaces && api.googleTime() === null) await readList(api, context, listId);
      return hideRowValues(createSession(api, listId, { context, itemsMax: facts.limits.rowsPerRequestMax, replaces }));
    },
    async deleteAudience(context, audienceId) {
      await deleteList(createApi(context), context, audienceId);
    },
    async verify(context) {
      const answer = await tryList(createApi(context), context.config, `dbt-dinmo doctor ${context.clock.now()}`);
      if (answer.kind === 'value') return { ok: true, detail: 'the account would take a new list (validateOnly)' };
      const said = answer.kind === 'items' ? answer.items[0] : answer.outcome;
      return { ok: false, detail: said !== undefined && 'message' in said ? said.message : 'no answer' };
    },
  };
}

/** A member that Google would refuse, and with it every other one of the request, or that must not be sent. */
function validateMember(row: OutgoingRow, config: ServiceContext['config']): Invalidity | null {
  const consent = refuseWithoutConsent(readConsent(row.fields() ?? {}, config), true);
  if (consent !== null) return consent;
  const count = identifierCount(row, config);
  if (identifiersFor(row, config).length === 0) {
    return {
      code: 'no-identifier-of-list',
      message: 'None of the identifiers is of the kind that the list holds',
      leaves: true,
    };
  }
  if (count <= IDENTIFIERS_MAX) return null;
  return { code: 'too-many-identifiers', message: `A member may have ${IDENTIFIERS_MAX} identifiers` };
}

function requireSettings({ config, columns }: Pick<ServiceContext, 'config' | 'columns'>): void {
  const mapped = new Set(columns.map(({ field }) => field));
  const missing = ['ad_user_data', 'ad_personalization'].find(
    (field) => config[`consent_${field}`] !== 'granted' && !mapped.has(field),
  );
  if (missing !== undefined) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'google-consent-missing',
      message: `Google: nothing says whether people have agreed (${missing})`,
      fix: `Map the field ${missing} to a column of the consent, or state consent_${missing}: granted under config where everybody in the segment has agreed.`,
    });
  }
  if (config['replace'] !== 'watermark' || config['confirm'] !== 'taken') return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'google-watermark-unconfirmed',
    message: 'Google: replace: watermark removes whoever was not sent, so it has to know that all were processed',
    fix: 'Leave out confirm: taken, or replace: watermark.',
  });
}

function createSession(
  api: GoogleApi,
  listId: string,
  given: { readonly context: ServiceContext; readonly itemsMax: number; readonly replaces: boolean },
): Session {
  const { config, clock, logger } = given.context;
  const destinations = [renderDestination(config, listId)];
  const encoding = encodingOf(config);
  const shared = {
    items: (row: OutgoingRow) => renderMembers(row, config),
    itemsMax: given.itemsMax,
    waits: config['confirm'] !== 'taken',
  };
  const add: Ingestion = {
    ...shared,
    path: '/audienceMembers:ingest',
    body: (audienceMembers): JsonObject => ({
      destinations,
      audienceMembers,
      encoding,
      termsOfService: { customerMatchTermsOfServiceStatus: 'ACCEPTED' },
    }),
  };
  const remove: Ingestion = {
    ...shared,
    path: '/audienceMembers:remove',
    body: (audienceMembers): JsonObject => ({ destinations, audienceMembers, encoding }),
  };
  const watermark = createWatermark(api, { destinations, context: given.context, replaces: given.replaces });
  return {
    audienceId: listId,
    account: null,
    async send(batch, signal) {
      const outcome = await ingest(batch, batch.operation === 'delete' ? remove : add, { api, clock, logger, signal });
      watermark.sent(batch, outcome);
      return outcome;
    },
    async poll(job, signal): Promise<BatchOutcome> {
      const outcome = await askStatus(job, signal, { api, clock, logger });
      watermark.polled(job, outcome);
      return outcome;
    },
    finish: () => watermark.finish(),
    abandon: async () => {},
  };
}
