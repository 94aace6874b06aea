import { DinmoError } from '../../errors.ts';
import { exchange, readObject, readText } from '../answer.ts';
import type { BatchOutcome, FieldValue, Service, ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { renderJson } from '../json.ts';
import { type Step, untilSettled } from '../opening.ts';
import { type Reading, readAnswer, readWritten } from './response.ts';

/** shop.slgnt.eu, shop.slgnt.us, shop.module.slgnt.eu: the key goes nowhere else. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,3}slgnt\.(?:eu|us)$/;

/** Rows of one load or deletion: the values of each stand in the order of `fields`. */
export interface Written {
  /** Below the list: `data`, `segments/vip/data`. */
  readonly path: string;
  readonly keyField: string;
  readonly fields: readonly string[];
  readonly rows: readonly (readonly FieldValue[])[];
  /** Further parameters of a load. */
  readonly more?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Talks to the REST API (v1) about one list. Never throws. */
export interface SelligentApi {
  /** `GET`; `path` begins after the list. */
  read(path: string): Promise<Reading>;
  /** `POST …/load`: rows are found by the key field, and made where they are missing; into a segment: found only. May be repeated. */
  load(rows: Written): Promise<BatchOutcome>;
  /** `DELETE`: of who is not there, nothing. May be repeated. */
  remove(rows: Written): Promise<BatchOutcome>;
}

type Context = Pick<ServiceContext, 'config' | 'credentials' | 'http' | 'clock'> &
  Partial<Pick<ServiceContext, 'baseUrl'>>;

/** Throws DinmoError `invalid-setting` where the host is none of Selligent's. */
export function createApi(context: Context): SelligentApi {
  const { config, credentials } = context;
  // Looked at in a rehearsal, too.
  const own = hostUrl(String(config['host'] ?? ''));
  const base = (context.baseUrl ?? own).replace(/\/+$/, '');
  const [organization, list] = [config['organization'], config['list']].map((name) => encodeURIComponent(String(name)));
  const call = async (request: Pick<HttpRequest, 'method' | 'body' | 'signal'> & { readonly path: string }) => {
    const { path, body, ...rest } = request;
    const result = await exchange(context.http, {
      ...rest,
      url: `${base}/Portal/Api/organizations/${organization}/lists/${list}${path === '' ? '' : `/${path}`}`,
      headers: {
        'x-apikey': `${credentials['api_key'] ?? ''}:${credentials['api_secret'] ?? ''}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    return result.kind === 'outcome' ? { ...result, status: null } : readAnswer(result.response, context.clock.now());
  };
  const write = async (method: 'POST' | 'DELETE', written: Written, end: string): Promise<BatchOutcome> => {
    const { path, keyField, fields, rows, more, signal } = written;
    // Sync: the answer comes when the rows are in the list.
    const query = new URLSearchParams({ keyFields: keyField, fields: fields.join(','), mode: 'Sync', ...more });
    const body = renderJson(rows);
    const answer = await call({
      method,
      path: `${path}${end}?${query}`,
      body,
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.kind === 'outcome') return answer.outcome;
    return readWritten(answer, rows.length, config['acknowledge_by'] === 'status');
  };
  return {
    read: (path) => call({ method: 'GET', path }),
    load: (written) => write('POST', written, '/load'),
    remove: (written) => write('DELETE', written, ''),
  };
}

function hostUrl(text: string): string {
  const host = text
    .trim()
    .toLowerCase()
    .replace(/^https:\/\//, '')
    .replace(/\/+$/, '');
  if (HOST.test(host)) return `https://${host}`;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: 'config.host is not the host of a Selligent environment',
    fix: 'Write it as in the address of your environment: <name>.slgnt.eu or <name>.slgnt.us.',
  });
}

/**
 * Asks which fields the list has: a load that names another one is refused as a whole, whatever its rows. A service account that
 * may not ask, and an answer that names no fields, say nothing. Throws DinmoError `field-missing`.
 */
export async function requireFields(
  api: SelligentApi,
  context: ServiceContext,
  wanted: readonly string[],
): Promise<void> {
  const known = await untilSettled(context, 'Reading the fields of the list', () => listFields(api));
  const missing = wanted.filter((name) => known.size > 0 && !known.has(name.toLowerCase()));
  if (missing.length === 0) return;
  throw new DinmoError({
    kind: 'destination',
    code: 'field-missing',
    message: `The list has no field ${[...new Set(missing)].sort().join(', ')}`,
    fix: 'Make it in Selligent (the list, fields), or take it out of the mapping.',
  });
}

async function listFields(api: SelligentApi): Promise<Step<ReadonlySet<string>>> {
  const answer = await api.read('fields');
  const none = { kind: 'value', value: new Set<string>() } as const;
  if (answer.kind === 'outcome') return answer.outcome.kind === 'retry' ? answer : none;
  const body = readObject(answer.value);
  const items = [answer.value, ...Object.values(body ?? {})].find(Array.isArray) ?? [];
  const names = items.flatMap((item: unknown) => {
    const field = readObject(item);
    return ['name', 'api_name', 'field_name'].flatMap((name) => readText(field?.[name])?.toLowerCase() ?? []);
  });
  return { kind: 'value', value: new Set(names) };
}

/** Names stand in one parameter, with commas between them. Throws DinmoError `invalid-field-name`. */
export function requireFieldNames(names: readonly string[]): void {
  const wrong = names.find((name) => !/^[^,\p{Cc}]{1,128}$/u.test(name) || name.trim() !== name);
  if (wrong === undefined) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-field-name',
    message: `${wrong.slice(0, 40)} cannot be a field of a list in Selligent`,
    fix: 'Write the field as the list does, without commas and spaces around it.',
  });
}

/** `GET lists/{list}`: that key, secret and names are right. */
export const verifyList: Service['verify'] = async (context) => {
  try {
    const answer = await createApi(context).read('');
    if (answer.kind === 'answer' && readObject(answer.value) !== null)
      return { ok: true, detail: 'the key reads the list' };
    if (answer.kind === 'answer') return { ok: false, detail: 'Selligent answered 2xx without the list' };
    return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
  } catch (thrown) {
    if (thrown instanceof DinmoError) return { ok: false, detail: thrown.message };
    throw thrown;
  }
};

/** Deletes records from the list, for `forget`; who is gone already counts. Throws DinmoError. */
export async function eraseRecords(
  context: ServiceContext,
  keys: readonly string[],
): Promise<{ readonly kind: 'erased'; readonly detail: null }> {
  if (keys.length === 0) return { kind: 'erased', detail: null };
  const api = createApi(context);
  const keyField = String(context.config['id_field']);
  await untilSettled(context, 'Deleting a record', async () => {
    const rows = [...new Set(keys)].map((key) => [key]);
    const outcome = await api.remove({ path: 'data', keyField, fields: [keyField], rows });
    return outcome.kind === 'accepted' ? { kind: 'value', value: null } : { kind: 'outcome', outcome };
  });
  return { kind: 'erased', detail: null };
}
