import { z } from 'zod';
import { DinmoError } from '../errors.ts';
import { printExact } from './exact-json.ts';
import type { Exchange } from './exchange.ts';
import { PAGE_HEADERS, renderPage } from './page.ts';
import type { Incoming, Outgoing } from './server.ts';

const PAGE_ROWS_MAX = 5;

const setup = z.strictObject({
  platform: z.string(),
  destination: z.string(),
  secret: z.string().min(1).optional(),
  folder: z.string().min(1).optional(),
  properties: z.array(z.string()).optional(),
  uniqueProperties: z.array(z.string()).optional(),
  mappedFields: z.array(z.string()).optional(),
});

/**
 * The sandbox's own routes. Changes must be sent as application/json, which a page of another origin cannot do.
 *
 * GET / a page to read · GET /state?rows=N everything · GET /health · GET /instance · GET and POST /faults · POST /reset ·
 * POST /destinations {platform, destination, …} what only the project knows (DestinationSetup).
 */
export function control(exchange: Exchange, incoming: Incoming): Outgoing {
  const { method, path } = incoming;
  if (method === 'GET') {
    if (path === '/') return { status: 200, headers: PAGE_HEADERS, body: renderPage(exchange.state(PAGE_ROWS_MAX)) };
    if (path === '/state') return readState(exchange, incoming.query.get('rows'));
    if (path === '/health') return json(200, { status: 'ok', instance: exchange.instance });
    if (path === '/instance') return json(200, { instance: exchange.instance });
    if (path === '/faults') return json(200, exchange.faults);
  }
  if (method !== 'POST' || !['/faults', '/reset', '/destinations'].includes(path)) {
    return problem(404, 'not-found', 'There is nothing here. The page at / says what the sandbox has.');
  }
  if (!/^application\/json\b/i.test(incoming.headers['content-type'] ?? '')) {
    return problem(415, 'not-json', 'Send the body as application/json.');
  }
  try {
    return change(exchange, path, incoming.body === '' ? {} : JSON.parse(incoming.body));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return problem(400, 'not-json', 'The body is not JSON.');
    if (thrown instanceof DinmoError) return problem(400, thrown.code, `${thrown.message} ${thrown.fix ?? ''}`.trim());
    throw thrown;
  }
}

function change(exchange: Exchange, path: string, body: unknown): Outgoing {
  if (path === '/faults') return json(200, exchange.changeFaults(body));
  if (path === '/reset') {
    exchange.reset();
    return json(200, { instance: exchange.instance });
  }
  const parsed = setup.safeParse(body);
  if (!parsed.success) return problem(400, 'destination-shape', z.prettifyError(parsed.error));
  const { platform, destination, ...rest } = parsed.data;
  exchange.configure(platform, destination, rest);
  return json(200, { baseUrl: exchange.baseUrl(platform, destination) });
}

function readState(exchange: Exchange, rows: string | null): Outgoing {
  if (rows !== null && !/^\d{1,9}$/.test(rows)) return problem(400, 'rows', 'rows is a number.');
  return json(200, exchange.state(rows === null ? undefined : Number(rows)));
}

function json(status: number, value: unknown): Outgoing {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: printExact(value) };
}

function problem(status: number, code: string, message: string): Outgoing {
  return json(status, { error: { code, message } });
}
