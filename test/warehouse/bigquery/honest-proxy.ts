import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bigqueryState } from '../../../src/warehouse/bigquery/state-dialect.ts';

/** What a client said of a job, which the emulator forgets. */
interface Told {
  readonly labels: unknown;
  readonly location: string | undefined;
}

/** Temporary tables of a session, which the emulator keeps in one place with those of all others. */
interface OwnTables {
  readonly ending: string;
  readonly names: Set<string>;
}

interface ApiJob {
  jobReference?: { jobId?: string; location?: string };
  configuration?: { labels?: unknown; query?: ApiQuery; [name: string]: unknown };
  status?: { state?: string; errorResult?: ApiError; errors?: ApiError[] };
  statistics?: { sessionInfo?: { sessionId?: string } };
}

interface ApiQuery {
  query: string;
  createSession?: boolean;
  connectionProperties?: readonly { readonly key: string; readonly value: string }[];
  queryParameters?: readonly { readonly name: string; readonly parameterValue: { readonly value: string } }[];
}

interface ApiError {
  reason?: string;
  message?: string;
}

/** Status codes by reason: https://cloud.google.com/bigquery/docs/error-messages (API v2). */
const STATUS: Readonly<Record<string, number>> = { notFound: 404, accessDenied: 403, duplicate: 409 };

const PAGE_LENGTH = 200_000;

/**
 * Stands before the emulator and answers as BigQuery does where the emulator does not: a job is inserted as running; one that failed
 * says so by the status of the call for its results; labels and location stay with a job; an id that is taken is refused with 409;
 * the statements of a script know its parameters; a session's temporary tables are its own.
 */
export async function startHonestProxy(emulator: string): Promise<{ readonly url: string; readonly server: Server }> {
  const jobs = new Map<string, Told>();
  const sessions = new Sessions();
  const server = createServer((request, response) => {
    answer({ emulator, jobs, sessions }, request, response).catch((thrown: unknown) => {
      response.writeHead(502).end(String(thrown));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  server.unref();
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, server };
}

async function answer(
  {
    emulator,
    jobs,
    sessions,
  }: { readonly emulator: string; readonly jobs: Map<string, Told>; readonly sessions: Sessions },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '';
  if (path.startsWith('/upload/')) return upload(`${emulator}${path}`, request, response);
  const body = (await bodyOf(request)).toString('utf8');
  const inserts = request.method === 'POST' && /\/projects\/[^/]+\/jobs(\?|$)/.test(path);
  const sent: ApiJob | null = inserts ? (JSON.parse(body) as ApiJob) : null;
  const jobId = sent?.jobReference?.jobId ?? '';
  const dryRun = sent?.configuration?.['dryRun'] === true;
  if (sent && jobs.has(jobId))
    return refuse(response, 409, { reason: 'duplicate', message: `Already Exists: Job ${jobId}` });
  const passed = sent === null ? body : JSON.stringify(sessions.named(withLiterals(sent)));
  const reply = await fetch(`${emulator}${path}`, {
    method: request.method ?? 'GET',
    headers: { 'content-type': 'application/json' },
    ...(passed === '' ? {} : { body: passed }),
  });
  const text = await reply.text();
  if (sent && !dryRun) jobs.set(jobId, { labels: sent.configuration?.labels, location: sent.jobReference?.location });
  // A large page is one of rows: nothing is to be put right.
  if (!reply.ok || text === '' || text.length > PAGE_LENGTH) return respond(response, reply.status, text);
  const parsed = JSON.parse(text) as ApiJob & { errors?: ApiError[] };
  sessions.hear(parsed);
  if (inserts && !dryRun) parsed.status = { state: 'RUNNING' };
  // A failed query says so by its status.
  if (/\/queries\//.test(path) && parsed.errors?.[0])
    return refuse(response, statusOf(parsed.errors[0]), parsed.errors[0]);
  restore(parsed, jobs);
  respond(response, reply.status, JSON.stringify(parsed));
}

/** The emulator gives parameters to single statements only. */
function withLiterals(job: ApiJob): ApiJob {
  const query = job.configuration?.query;
  if (query?.queryParameters === undefined || !query.query.includes(';\n')) return job;
  let sql = query.query;
  for (const { name, parameterValue } of query.queryParameters)
    sql = sql.replaceAll(`@${name})`, () => `${bigqueryState.text(parameterValue.value)})`);
  const { queryParameters: _, ...rest } = query;
  return { ...job, configuration: { ...job.configuration, query: { ...rest, query: sql } } };
}

/** Gives the temporary tables of each session names that no other session has. */
class Sessions {
  readonly #byJob = new Map<string, OwnTables>();
  readonly #byId = new Map<string, OwnTables>();

  named(job: ApiJob): ApiJob {
    const query = job.configuration?.query;
    const own = query === undefined ? undefined : this.#tablesOf(query, job.jobReference?.jobId ?? '');
    if (query === undefined || own === undefined) return job;
    for (const [, name = ''] of query.query.matchAll(/create (?:or replace )?temp table `?(\w+)`?/g))
      own.names.add(name);
    const tables = new RegExp(`(?<![.\\w\`])(\`?)(${[...own.names].join('|')})\\1(?![\\w\`])`, 'g');
    const sql = own.names.size === 0 ? query.query : query.query.replaceAll(tables, `\`$2${own.ending}\``);
    return { ...job, configuration: { ...job.configuration, query: { ...query, query: sql } } };
  }

  /** What is answered of a job says which session it made. */
  hear({ jobReference, statistics }: ApiJob): void {
    const made = this.#byJob.get(jobReference?.jobId ?? '');
    const id = statistics?.sessionInfo?.sessionId;
    if (made !== undefined && id !== undefined) this.#byId.set(id, made);
  }

  #tablesOf({ createSession, connectionProperties }: ApiQuery, jobId: string): OwnTables | undefined {
    const id = connectionProperties?.find(({ key }) => key === 'session_id')?.value;
    if (id !== undefined) return this.#byId.get(id);
    if (createSession !== true) return undefined;
    const made = { ending: `_of_${this.#byJob.size + 1}`, names: new Set<string>() };
    this.#byJob.set(jobId, made);
    return made;
  }
}

function restore(job: ApiJob, jobs: ReadonlyMap<string, Told>): void {
  const told = jobs.get(job.jobReference?.jobId ?? '');
  if (told === undefined || job.jobReference === undefined) return;
  if (told.location !== undefined) job.jobReference.location = told.location;
  if (told.labels !== undefined) job.configuration = { ...job.configuration, labels: told.labels };
}

function statusOf(error: ApiError): number {
  return STATUS[error.reason ?? ''] ?? 400;
}

function refuse(response: ServerResponse, status: number, error: ApiError): void {
  respond(response, status, JSON.stringify({ error: { code: status, message: error.message, errors: [error] } }));
}

function respond(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

/** The parts of a file, as dbt sends those of a seed: nothing is to be put right. */
async function upload(url: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
    /^(content-(type|range)|x-upload-.*|x-goog-.*)$/.test(name) && typeof value === 'string' ? [[name, value]] : [],
  );
  const reply = await fetch(url, {
    method: request.method ?? 'POST',
    headers,
    body: new Uint8Array(await bodyOf(request)),
    redirect: 'manual',
  });
  const told = ['content-type', 'location', 'range', 'x-goog-upload-status'];
  response.writeHead(
    reply.status,
    told
      .flatMap((name): [string, string][] => {
        const value = reply.headers.get(name);
        return value === null ? [] : [[name, value]];
      })
      .flat(),
  );
  response.end(Buffer.from(await reply.arrayBuffer()));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
