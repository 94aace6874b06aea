import type { HttpRequest } from '../../src/destinations/http.ts';
import { secret } from '../privacy/canaries.ts';

/** What a platform that has nothing to complain about answers: the seed of everything that is then broken. */
export interface SoundAnswer {
  readonly status: number;
  readonly body: string;
  /** Whether the answer decides about rows; else it belongs to the opening of the service. */
  readonly aboutRows: boolean;
}

type Json = Readonly<Record<string, unknown>>;

export function soundAnswer(platform: string, request: HttpRequest): SoundAnswer {
  const { pathname } = new URL(request.url);
  if (platform === 'salesforce') return salesforce(request);
  if (platform === 'google') return google(pathname);
  if (platform === 'klaviyo') return klaviyo(request);
  if (platform === 'zendesk') return zendesk(request);
  if (platform === 'slack') return { status: 200, body: 'ok', aboutRows: true };
  if (platform === 'selligent') return selligent(request);
  const sent = request.body === undefined ? {} : (JSON.parse(String(request.body)) as Json);
  if (platform === 'webhook') return rows(200, { rejected: [] });
  if (platform === 'braze') return rows(201, braze(sent));
  return platform === 'meta' ? graph(request.method, pathname, sent) : crm(pathname, sent, String(request.body ?? ''));
}

function braze(sent: Json): Json {
  const counted = Object.entries(sent).map(([array, objects]) => [`${array}_processed`, listOf(objects).length]);
  return { message: 'success', deleted: Object.values(sent).flatMap(listOf).length, ...Object.fromEntries(counted) };
}

function google(path: string): SoundAnswer {
  if (path === '/token')
    return opening({ access_token: 's3cr3t-google-token', token_type: 'Bearer', expires_in: 3599 });
  if (/:(ingest|remove)$/.test(path)) return rows(200, { requestId: 'r-1' });
  if (path.endsWith(':retrieve')) {
    const errorInfo = {
      errorCounts: [{ reason: 'PROCESSING_ERROR_REASON_NO_CONSENT', recordCount: '1', recordIndices: [0] }],
    };
    return rows(200, { requestStatusPerDestination: [{ requestStatus: 'PARTIAL_SUCCESS', errorInfo }] });
  }
  const list = { id: '7', displayName: 'VIP', ingestedUserListInfo: { uploadKeyTypes: ['CONTACT_ID'] } };
  return opening({ userLists: [list], ...list });
}

/** Events are taken with 202 and no word more, members of a list with 204. */
function klaviyo({ method, url, body }: HttpRequest): SoundAnswer {
  const { pathname, searchParams } = new URL(url);
  if (pathname.endsWith('/event-bulk-create-jobs')) return { status: 202, body: '', aboutRows: true };
  if (pathname.endsWith('/data-privacy-deletion-jobs')) return { status: 202, body: '', aboutRows: true };
  if (pathname.endsWith('/relationships/profiles')) return { status: 204, body: '', aboutRows: true };
  const created = '2026-01-01T00:00:00Z';
  if (pathname.endsWith('/profile-import')) {
    const sent = (JSON.parse(String(body)) as { readonly data: Json }).data;
    return rows(201, { data: { type: 'profile', id: 'P1', attributes: { ...(sent['attributes'] as Json), created } } });
  }
  if (pathname.includes('/profile-bulk-import-jobs')) {
    const attributes = { status: 'complete', failed_count: 0, completed_count: 4, created_at: created };
    return rows(method === 'POST' ? 202 : 200, { data: { type: 'profile-bulk-import-job', id: 'J1', attributes } });
  }
  if (pathname.endsWith('/profiles') && searchParams.has('filter')) {
    const emails = JSON.parse(/\[.*\]/.exec(searchParams.get('filter') ?? '')?.[0] ?? '[]') as readonly string[];
    const data = emails.map((email, n) => ({ type: 'profile', id: `P${n}`, attributes: { email, created } }));
    return rows(200, { data });
  }
  if (pathname.endsWith('/lists')) return opening({ data: [{ type: 'list', id: 'L1', attributes: { name: 'VIP' } }] });
  return opening({ data: [{ type: 'account', id: 'AbC123' }] });
}

/** A job that is done when it is asked for; users are found by any address. */
function zendesk({ method, url, body }: HttpRequest): SoundAnswer {
  const { pathname, searchParams } = new URL(url);
  const user = { id: 7, created_at: '2026-01-01T00:00:00Z' };
  if (pathname.endsWith('/users/me')) return opening({ user: { ...user, role: 'admin' } });
  if (pathname.endsWith('/tags')) return rows(200, { tags: method === 'PUT' ? ['other', 'vip'] : ['other'] });
  if (pathname.endsWith('/users/search')) {
    const email = /"(.*)"/.exec(searchParams.get('query') ?? '')?.[1];
    return rows(200, { users: [{ ...user, email }] });
  }
  if (pathname.endsWith('/show_many')) {
    const ids = (searchParams.get('ids') ?? '').split(',');
    return rows(200, { users: ids.map((id) => ({ ...user, id: Number(id) })) });
  }
  if (pathname.includes('/job_statuses/')) {
    const results = [1, 2, 3, 4].map((n) => ({
      index: n - 1,
      id: n,
      action: 'create',
      status: 'Created',
      success: true,
    }));
    return rows(200, { job_status: { id: 'j-1', status: 'completed', progress: 4, total: 4, results } });
  }
  if (pathname.endsWith('/create_or_update') && body !== undefined)
    return rows(200, { user: { ...user, ...((JSON.parse(String(body)) as Json)['user'] as Json) } });
  return rows(200, { job_status: { id: 'j-1', status: 'queued' } });
}

function selligent({ method, url, body }: HttpRequest): SoundAnswer {
  const { pathname } = new URL(url);
  if (pathname.endsWith('/fields')) return opening([{ name: 'MAIL' }, { name: 'NAME' }]);
  if (method === 'GET') return opening({ api_name: 'VIP', type: 'StaticSegment' });
  return rows(200, { processed: listOf(JSON.parse(String(body))).length, failed: 0 });
}

function salesforce({ method, url, body }: HttpRequest): SoundAnswer {
  const { pathname, searchParams } = new URL(url);
  const id = 'https://login.salesforce.com/id/00D000000000001AAA/005000000000001AAA';
  if (pathname.endsWith('/oauth2/token'))
    return opening({ access_token: secret('salesforce-token'), token_type: 'Bearer', id });
  if (pathname.endsWith('/query')) {
    const values = [...(searchParams.get('q') ?? '').matchAll(/'([^']*)'/g)].map(([, value]) => value);
    const records = values.map((Email, index) => ({
      Id: `003${index}`,
      Email,
      CreatedDate: '2026-06-01T00:00:00.000+0000',
    }));
    return rows(200, { totalSize: records.length, done: true, records });
  }
  const items =
    method === 'DELETE' ? (searchParams.get('ids') ?? '').split(',') : listOf(JSON.parse(String(body))['records']);
  const made = method === 'DELETE' ? {} : { created: true };
  return rows(
    200,
    items.map((_, index) => ({ id: `003${index}`, success: true, errors: [], ...made })),
  );
}

function graph(method: string, path: string, sent: Json): SoundAnswer {
  if (path.endsWith('/users')) {
    const data = listOf(readPayload(sent)['data']);
    return rows(200, { audience_id: '23', session_id: 1, num_received: data.length, num_invalid_entries: 0 });
  }
  if (path.endsWith('/events')) return rows(200, { events_received: listOf(sent['data']).length, messages: [] });
  if (method === 'GET' && path.endsWith('/customaudiences'))
    return opening({ data: [{ id: '23', name: 'VIP', subtype: 'CUSTOM' }], paging: { cursors: { after: 'x' } } });
  return opening({ id: '23' });
}

/** Meta takes the payload as an object or as its text. */
function readPayload(sent: Json): Json {
  const payload = sent['payload'] ?? sent;
  return (typeof payload === 'string' ? JSON.parse(payload) : payload) as Json;
}

function crm(path: string, sent: Json, body: string): SoundAnswer {
  const inputs = listOf(sent['inputs']) as readonly Json[];
  const emailOf = (input: Json): string => String((input['properties'] as Json | undefined)?.['email'] ?? input['id']);
  const results = inputs.map((input, index) => ({
    id: String(500 + index),
    properties: { email: emailOf(input) },
    createdAt: '2026-01-01T00:00:00Z',
    new: true,
    ...(input['objectWriteTraceId'] === undefined ? {} : { objectWriteTraceId: input['objectWriteTraceId'] }),
  }));
  if (path.endsWith('/batch/archive')) return { status: 204, body: '', aboutRows: true };
  if (path.includes('/batch/')) return rows(200, { status: 'COMPLETE', results });
  if (path.includes('/memberships/')) {
    const ids = JSON.parse(body) as unknown;
    const [added, removed] = path.endsWith('/add') ? [ids, []] : [[], ids];
    return rows(200, { recordsIdsAdded: added, recordIdsRemoved: removed, recordIdsMissing: [] });
  }
  if (path.includes('/lists/')) return opening({ list: { listId: '7', name: 'VIP', processingType: 'MANUAL' } });
  return opening({ portalId: 4711, results: [] });
}

function rows(status: number, body: unknown): SoundAnswer {
  return { status, body: JSON.stringify(body), aboutRows: true };
}

function opening(body: unknown): SoundAnswer {
  return { status: 200, body: JSON.stringify(body), aboutRows: false };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
