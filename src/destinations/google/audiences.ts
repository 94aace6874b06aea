import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { BatchOutcome, Invalidity, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { untilSettled } from '../opening.ts';
import { hideRowValues } from '../row-values.ts';
import { renderDestination } from './account.ts';
import { createApi, type GoogleApi } from './api.ts';
import { readConsent, refuseWithoutConsent } from './consent.ts';
import { type Ingestion, ingest, type JsonObject, validate } from './ingest.ts';
import { encodingOf, IDENTIFIERS_MAX, identifierCount, identifiersFor, renderMembers } from './members.ts';
import { audienceNormaliser } from './normalise.ts';
import { askStatus } from './status.ts';
import { deleteList, findList, openList, readList, tryList, wantedName } from './user-list.ts';
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
    validateRemote: askGoogle,
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
      message: `Google: nothing says whether people have agreed: ${missing}.`,
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

type Request = Pick<Ingestion, 'path' | 'items' | 'body'>;

function requestsOf(
  config: ServiceContext['config'],
  listId: string,
): { readonly add: Request; readonly remove: Request } {
  const destinations = [renderDestination(config, listId)];
  const encoding = encodingOf(config);
  const items = (row: OutgoingRow): readonly JsonObject[] => renderMembers(row, config);
  const termsOfService = { customerMatchTermsOfServiceStatus: 'ACCEPTED' };
  return {
    add: {
      ...{ path: '/audienceMembers:ingest', items },
      body: (audienceMembers) => ({ destinations, audienceMembers, encoding, termsOfService }),
    },
    remove: {
      ...{ path: '/audienceMembers:remove', items },
      body: (audienceMembers) => ({ destinations, audienceMembers, encoding }),
    },
  };
}

/** Members can be shown to a list that is there; of one that is not, whether it could be made. */
async function askGoogle(
  context: ServiceContext,
  rows: readonly OutgoingRow[],
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  requireSettings(context);
  const api = createApi(context);
  const { config } = context;
  const name = wantedName(context);
  const found =
    context.audienceId ?? (await untilSettled(context, 'Finding the list', () => findList(api, config, name)));
  if (found === null) {
    const answer = await tryList(api, config, name);
    if (answer.kind === 'value')
      return {
        ok: true,
        detail: 'the list is not there yet, and could be made; it has to be there before members can be shown',
      };
    const said = answer.kind === 'items' ? answer.items[0] : answer.outcome;
    return { ok: false, detail: said !== undefined && 'message' in said ? said.message : 'no answer' };
  }
  const { add, remove } = requestsOf(config, found);
  const said = [
    await validate(
      rows.filter(({ operation }) => operation !== 'delete'),
      add,
      api,
    ),
    await validate(
      rows.filter(({ operation }) => operation === 'delete'),
      remove,
      api,
    ),
  ];
  const worst = said.filter(({ ok }) => !ok);
  const shown = (worst.length > 0 ? worst : said).map(({ detail }) => detail);
  return { ok: worst.length === 0, detail: [...new Set(shown)].join('; ') };
}

function createSession(
  api: GoogleApi,
  listId: string,
  given: { readonly context: ServiceContext; readonly itemsMax: number; readonly replaces: boolean },
): Session {
  const { config, clock, logger } = given.context;
  const requests = requestsOf(config, listId);
  const terms = { itemsMax: given.itemsMax, waits: config['confirm'] !== 'taken' };
  const destinations = [renderDestination(config, listId)];
  const watermark = createWatermark(api, { destinations, context: given.context, replaces: given.replaces });
  return {
    audienceId: listId,
    account: null,
    async send(batch, signal) {
      const request = batch.operation === 'delete' ? requests.remove : requests.add;
      const outcome = await ingest(batch, { ...request, ...terms }, { api, clock, logger, signal });
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
