// A destination on loopback, in a process of its own: takes JSON bodies, and looks into them only when it is asked, so that
// it takes as little as it can from what is measured. `POST /ctl` sets it, `/stats` counts, `/rows` writes what it holds.
// `sink.ts PORT`
import { closeSync, openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

interface Settings {
  /** How long an answer takes. */
  latencyMs: number;
  /** Whether bodies are kept to be looked into; else they are counted and forgotten. */
  keep: boolean;
  /** Keys whose batch is refused whole. */
  poison: readonly string[];
  /** Every request is answered 500. */
  down: boolean;
  /** One request in `faultEvery` is answered 429, one 500, and one is cut off after it was applied. 0: none. */
  faultEvery: number;
}

const QUIET: Settings = { latencyMs: 0, keep: true, poison: [], down: false, faultEvery: 0 };

let settings = QUIET;
let poison: readonly Buffer[] = [];
let bodies: Buffer[] = [];
let counts = { requests: 0, bytes: 0, ok: 0, refused: 0, connections: 0 };

function reset(): void {
  bodies = [];
  counts = { requests: 0, bytes: 0, ok: 0, refused: 0, connections: 0 };
}

type Fault = 'throttled' | 'broken' | 'cut';

function faultOf(request: number): Fault | null {
  if (settings.faultEvery === 0) return null;
  const place = request % settings.faultEvery;
  return place === 2 ? 'throttled' : place === 5 ? 'broken' : place === 8 ? 'cut' : null;
}

function take(body: Buffer, response: ServerResponse, request: IncomingMessage): void {
  const fault = faultOf(counts.requests);
  counts.requests += 1;
  counts.bytes += body.length;
  if (settings.down || fault === 'broken') answer(response, 500, '{"error":"broken"}');
  else if (fault === 'throttled') {
    response.setHeader('retry-after', '1');
    answer(response, 429, '{"error":"slow down"}');
  } else if (poison.some((key) => body.includes(key))) {
    counts.refused += 1;
    answer(response, 400, '{"error":"bad row in batch"}');
  } else {
    if (settings.keep) bodies.push(body);
    if (fault === 'cut') request.socket.resetAndDestroy();
    else {
      counts.ok += 1;
      answer(response, 200, '{"ok":true}');
    }
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  const end = (): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(text);
  };
  if (settings.latencyMs > 0) setTimeout(end, settings.latencyMs);
  else end();
}

interface Row {
  readonly op?: string;
  readonly key?: string;
  readonly id?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}
interface Body {
  readonly operation?: string;
  readonly rows?: readonly Row[];
  readonly records?: readonly Row[];
}

const REMOVALS = new Set(['delete', 'remove']);

/** What is held after every request that was taken, in their order. */
function held(): {
  readonly rows: ReadonlyMap<string, string>;
  readonly sent: number;
  readonly removals: number;
  readonly repeated: number;
} {
  const rows = new Map<string, string>();
  const times = new Map<string, number>();
  let sent = 0;
  let removals = 0;
  for (const body of bodies) {
    const { operation, rows: given, records } = JSON.parse(body.toString()) as Body; // what does not fit shows as missing
    for (const row of given ?? records ?? []) {
      const { op, key = row.id ?? '', id: _, fields, ...rest } = row;
      sent += 1;
      times.set(key, (times.get(key) ?? 0) + 1);
      if (REMOVALS.has(op ?? operation ?? '')) {
        removals += 1;
        rows.delete(key);
      } else rows.set(key, JSON.stringify({ key, ...(fields ?? rest) }));
    }
  }
  return { rows, sent, removals, repeated: [...times.values()].filter((count) => count > 1).length };
}

/** How many rows came, without reading them: each names its key once. */
function countRows(): number {
  const mark = Buffer.from('"cus_');
  let found = 0;
  for (const body of bodies)
    for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + mark.length)) found += 1;
  return found;
}

function writeRows(path: string): unknown {
  const { rows, sent, removals, repeated } = held();
  const file = openSync(path, 'w');
  let lines: string[] = [];
  const flush = (): void => {
    if (lines.length > 0) writeSync(file, `${lines.join('\n')}\n`);
    lines = [];
  };
  for (const line of rows.values()) {
    lines.push(line);
    if (lines.length === 10_000) flush();
  }
  flush();
  closeSync(file);
  return { held: rows.size, sent, removals, repeated };
}

function control(url: string, body: Buffer): unknown {
  const given = body.length === 0 ? {} : JSON.parse(body.toString());
  if (url === '/ctl') {
    reset();
    settings = { ...QUIET, ...given };
    poison = settings.poison.map((key) => Buffer.from(key));
    return {};
  }
  return url === '/rows' ? writeRows(String(given.path)) : { ...counts, rows: countRows() };
}

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    const url = request.url ?? '';
    if (url === '/ctl' || url === '/stats' || url === '/rows') response.end(JSON.stringify(control(url, body)));
    else take(body, response, request);
  });
});
server.on('connection', () => {
  counts.connections += 1;
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('listening\n'));
// Ends with whoever started it.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
