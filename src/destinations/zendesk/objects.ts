import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { readArray, readObject, readText } from '../answer.ts';
import { readEmail } from '../contact-point.ts';
import type { BatchOutcome, Invalidity, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type ZendeskApi } from './api.ts';
import { eraseOrganizations, eraseUsers } from './erase.ts';
import { pollJob } from './jobs.ts';
import { sendOrganizations } from './organizations.ts';
import { customFieldKey, customFieldsPath, type ObjectType } from './payload.ts';
import { deleteUsers, finishDelete, finishUpsert, submitUsers, type UserWork } from './users.ts';
import { verifyAccount } from './verify.ts';

export function createObjects(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    limits: (config) => ({
      requestsPerMinuteMax: Number(config['requests_per_minute'] ?? facts.limits.requestsPerMinuteMax),
      // Organizations are upserted one at a time: a batch is a request.
      ...(config['object_type'] === 'organizations' ? { rowsPerRequestMax: 1 } : {}),
    }),
    validate: (row, _now, config) => validateObject(row, config),
    async open(context) {
      const type = typeOf(context.config);
      const api = createApi(context);
      await requireCustomFields(api, type, context);
      const work: UserWork = {
        api,
        idField: String(context.config['id_field']),
        mayDelete: context.operations.includes('delete'),
      };
      return hideRowValues(type === 'users' ? usersSession(work) : organizationsSession(work));
    },
    erase: (context, people) =>
      typeOf(context.config) === 'users'
        ? eraseUsers(context, people, String(context.config['id_field']))
        : eraseOrganizations(context, people),
    verify: verifyAccount,
  };
}

/** Throws DinmoError `invalid-setting`: organizations have no address, and a name is no identity. */
function typeOf(config: ServiceContext['config']): ObjectType {
  if (config['object_type'] !== 'organizations') return 'users';
  if (config['id_field'] === 'external_id') return 'organizations';
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: 'config.id_field of Zendesk’s organizations has to be external_id',
    fix: 'Write `id_field: external_id`, and map a column with your own id to it.',
  });
}

function validateObject(row: OutgoingRow, config: ServiceContext['config'] | undefined): Invalidity | null {
  if (row.operation === 'delete' || config === undefined) return null;
  if (config['id_field'] === 'email' && readEmail(row.key) === null)
    return { code: 'invalid-email', message: 'The value of the id field is not an e-mail address' };
  if (row.key.trim() === '' || row.key.length > 255)
    return { code: 'invalid-external-id', message: 'The external id is empty, or longer than 255 characters' };
  return null;
}

function usersSession(work: UserWork): Session {
  const { api } = work;
  const finish = finishUpsert(api);
  return {
    audienceId: null,
    account: null,
    send: async (batch, signal) =>
      api.withPause(await (batch.operation === 'delete' ? deleteUsers : submitUsers)(work, batch, signal)),
    poll: async (job, signal) =>
      api.withPause(await pollJob({ api, finish: job.operation === 'delete' ? finishDelete : finish }, job, signal)),
    finish: async () => {},
    abandon: async () => {},
  };
}

function organizationsSession(work: UserWork): Session {
  return {
    audienceId: null,
    account: null,
    send: async (batch, signal) => work.api.withPause(await sendOrganizations(work, batch, signal)),
    finish: async () => {},
    abandon: async () => {},
  };
}

const PAGES_MAX = 20;

/** Zendesk drops values of custom fields that nobody made, without a word. Throws DinmoError `field-missing`. */
async function requireCustomFields(api: ZendeskApi, type: ObjectType, context: ServiceContext): Promise<void> {
  const wanted = new Set(context.columns.flatMap(({ field }) => customFieldKey(type, field) ?? []));
  if (wanted.size === 0) return;
  const missing = await untilSettled(
    context,
    'Reading the custom fields',
    async () => await missingFields(api, type, wanted),
  );
  if (missing.length === 0) return;
  throw new DinmoError({
    kind: 'destination',
    code: 'field-missing',
    message: `Zendesk has no custom field of ${type} with the key ${missing.join(', ')}`,
    fix: 'Create it in the Admin Center (People, Configuration), or take the field out of the mapping.',
  });
}

async function missingFields(
  api: ZendeskApi,
  type: ObjectType,
  wanted: ReadonlySet<string>,
): Promise<Step<readonly string[]>> {
  const missing = new Set(wanted);
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const more: string = after === null ? '' : `&page[after]=${encodeURIComponent(after)}`;
    const path = customFieldsPath(type);
    const answer = await api.call({ method: 'GET', path: `${path}?page[size]=100${more}` });
    // Not every agent may read them: then nothing is said.
    if (answer.kind === 'outcome')
      return answer.status === 403 ? { kind: 'value', value: [] } : { kind: 'outcome', outcome: answer.outcome };
    const fields = answer.value[path.slice(1)];
    if (!Array.isArray(fields)) return { kind: 'outcome', outcome: NO_FIELDS };
    for (const field of readArray(fields)) missing.delete(readText(readObject(field)?.['key']) ?? '');
    const meta = readObject(answer.value['meta']);
    after = meta?.['has_more'] === true ? readText(meta['after_cursor']) : null;
    if (after === null) break;
  }
  return { kind: 'value', value: [...missing].sort() };
}

const NO_FIELDS: BatchOutcome = {
  kind: 'retry',
  applied: 'no',
  throttled: false,
  afterMs: null,
  code: 'not-an-acknowledgement',
  message: 'Zendesk answered 2xx without a list of fields',
};
