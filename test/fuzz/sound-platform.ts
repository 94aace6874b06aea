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
  if (platform === 'klaviyo') return klaviyo(pathname);
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

/** Events are taken with 202 and no word more. */
function klaviyo(path: string): SoundAnswer {
  if (path.endsWith('/event-bulk-create-jobs')) return { status: 202, body: '', aboutRows: true };
  return opening({ data: [{ type: 'account', id: 'AbC123' }] });
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
