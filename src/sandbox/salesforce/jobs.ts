import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import { printTable, readTable } from './csv-table.ts';
import type { Org } from './org.ts';
import { notFound, salesforceError } from './salesforce-answer.ts';

const KEPT_MS = 7 * 24 * 3_600_000;
const UPLOAD_BYTES_MAX = 100_000_000;
const FIELD_CHARACTERS_MAX = 32_000;
const RECORD_CHARACTERS_MAX = 400_000;

const wantedJob = z.strictObject({
  object: z.string(),
  operation: z.enum(['insert', 'update', 'upsert', 'delete']),
  externalIdFieldName: z.string().optional(),
  contentType: z.literal('CSV'),
  lineEnding: z.enum(['LF', 'CRLF']).default('LF'),
  columnDelimiter: z.literal('COMMA').default('COMMA'),
});

const table = z.array(z.array(z.string()));
const savedJob = z.object({
  ...{ id: z.string(), wanted: wantedJob, createdAt: z.number(), state: z.string(), polls: z.number() },
  ...{ csv: z.string().nullable(), errorMessage: z.string(), processed: z.number(), failedCount: z.number() },
  ...{ successful: table, failed: table, unprocessed: table },
});
export const savedJobs = z.object({ nextId: z.number(), jobs: z.array(savedJob) });
type Job = z.infer<typeof savedJob>;

/**
 * Ingest jobs of Bulk API 2.0 (67.0). A job's rows are applied when its upload is complete, all at once; that it ended is said only
 * when it was asked `pollsBefore` times. Jobs are gone seven days later.
 */
export class Jobs {
  readonly #org: Org;
  readonly #jobs = new Map<string, Job>();
  #nextId = 1;
  /** How often a job is still in progress when it is asked for. */
  pollsBefore = 1;

  constructor(org: Org) {
    this.#org = org;
  }

  /** Everything under `jobs/ingest`. */
  handle(parts: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
    const [id, what, ...more] = parts;
    if (id === undefined) return request.method === 'POST' ? this.#create(request, context) : notFound();
    const job = this.#jobs.get(id);
    if (!job || more.length > 0 || context.now - job.createdAt > KEPT_MS) return notFound();
    if (what === 'batches' && request.method === 'PUT') return upload(job, request, context);
    if (what === undefined && request.method === 'PATCH') return this.#change(job, request, context);
    if (request.method !== 'GET') return notFound();
    if (what === undefined) return this.#info(job);
    if (!['JobComplete', 'Failed', 'Aborted'].includes(job.state)) {
      context.violate('results-too-early', `the job is ${job.state}`);
      return salesforceError(400, 'INVALIDJOBSTATE', 'Results are there when the job has ended');
    }
    if (what === 'successfulResults') return csvAnswer(job.successful);
    if (what === 'failedResults') return csvAnswer(job.failed);
    return what === 'unprocessedrecords' ? csvAnswer(job.unprocessed) : notFound();
  }

  save(): z.infer<typeof savedJobs> {
    return { nextId: this.#nextId, jobs: [...this.#jobs.values()] };
  }

  restore(saved: z.infer<typeof savedJobs>): void {
    this.#nextId = saved.nextId;
    for (const job of saved.jobs) this.#jobs.set(job.id, job);
  }

  #create(request: SandboxRequest, context: RequestContext): Answer {
    const wanted = wantedJob.safeParse(readJson(request));
    if (!wanted.success) {
      context.violate('job-shape', wanted.error.issues[0]?.path.join('.') || 'body');
      return salesforceError(400, 'INVALIDJOB', 'The job cannot be read');
    }
    const { object, operation, externalIdFieldName: key } = wanted.data;
    if (this.#org.schema.prefix(object) === null)
      return salesforceError(400, 'INVALIDENTITY', `Unable to find object: ${object}`);
    const keyed =
      key !== undefined && this.#org.schema.field(object, key) === key && this.#org.schema.isExternalId(object, key);
    if (operation === 'upsert' && !keyed)
      return salesforceError(400, 'INVALIDJOB', 'InvalidJob : External ID field is missing or is no external id');
    const job: Job = {
      id: `750${(this.#nextId++).toString(36).toUpperCase().padStart(12, '0')}AAA`,
      ...{ wanted: wanted.data, createdAt: context.now, state: 'Open', polls: 0, csv: null, errorMessage: '' },
      ...{ processed: 0, failedCount: 0, successful: [], failed: [], unprocessed: [] },
    };
    this.#jobs.set(job.id, job);
    return jsonAnswer(200, describe(job));
  }

  #change(job: Job, request: SandboxRequest, context: RequestContext): Answer {
    const change = z.strictObject({ state: z.enum(['UploadComplete', 'Aborted']) }).safeParse(readJson(request));
    if (!change.success) return salesforceError(400, 'INVALIDJOB', 'state is UploadComplete or Aborted');
    if (job.state !== 'Open') return salesforceError(400, 'INVALIDJOBSTATE', `The job is ${job.state}`);
    job.state = change.data.state;
    if (job.state === 'UploadComplete') process(this.#org, job, context);
    return jsonAnswer(200, describe({ ...job, state: change.data.state }), {
      rows: job.processed,
      rejected: job.failedCount,
    });
  }

  #info(job: Job): Answer {
    if (job.state === 'UploadComplete' || job.state === 'InProgress') {
      job.polls += 1;
      const isDone = job.polls > this.pollsBefore;
      job.state = !isDone ? 'InProgress' : job.errorMessage === '' ? 'JobComplete' : 'Failed';
    }
    const isDone = job.state === 'JobComplete' || job.state === 'Failed';
    const counts = isDone ? { numberRecordsProcessed: job.processed, numberRecordsFailed: job.failedCount } : {};
    const error = isDone && job.errorMessage !== '' ? { errorMessage: job.errorMessage } : {};
    return jsonAnswer(200, { ...describe(job), jobType: 'V2Ingest', retries: 0, ...counts, ...error });
  }
}

function describe(job: Job): Readonly<Record<string, unknown>> {
  const { id, state, wanted, createdAt } = job;
  return {
    ...{ id, ...wanted, state, createdDate: new Date(createdAt).toISOString().replace('Z', '+0000') },
    ...{ concurrencyMode: 'Parallel', apiVersion: 67, contentUrl: `services/data/v67.0/jobs/ingest/${id}/batches` },
  };
}

function csvAnswer(rows: readonly (readonly string[])[]): Answer {
  return { status: 200, headers: { 'content-type': 'text/csv' }, body: printTable(rows), rows: 0, rejected: 0 };
}

/** Once, while the job is open. */
function upload(job: Job, request: SandboxRequest, context: RequestContext): Answer {
  if (!/^text\/csv\b/i.test(request.headers['content-type'] ?? '')) {
    context.violate('upload-type', 'the upload is not text/csv');
    return salesforceError(400, 'INVALIDBATCH', 'The content type is text/csv');
  }
  if (Buffer.byteLength(request.body) > UPLOAD_BYTES_MAX) {
    context.violate('upload-too-large', 'more than 100 MB');
    return salesforceError(413, 'REQUEST_ENTITY_TOO_LARGE', 'The upload is larger than 150 MB as base64');
  }
  if (job.state !== 'Open' || job.csv !== null) return salesforceError(400, 'INVALIDJOBSTATE', 'The job has its data');
  job.csv = request.body;
  return { ...jsonAnswer(201, undefined), headers: {} };
}

/** Fails the job as a whole, or gives each row its place in one of the three files; in an order of their own. */
function process(org: Org, job: Job, context: RequestContext): void {
  const { wanted } = job;
  const [header = [], ...rows] = readTable(job.csv ?? '') ?? [];
  const problem = fileProblem(org, job, header);
  job.csv = '';
  job.unprocessed = [[...header]];
  if (problem !== null) {
    job.errorMessage = problem;
    job.unprocessed.push(...rows.map((row) => [...row]));
    if (problem.startsWith('ClientInputError')) context.violate('csv', problem);
    return;
  }
  job.successful = [['sf__Id', 'sf__Created', ...header]];
  job.failed = [['sf__Id', 'sf__Error', ...header]];
  const taken = new Set<string>();
  for (const row of [...rows].reverse()) {
    const tooLong =
      row.some((cell) => cell.length > FIELD_CHARACTERS_MAX) || row.join('').length > RECORD_CHARACTERS_MAX;
    if (row.length !== header.length || tooLong)
      context.violate('csv-row', 'a row of another length than its header, or too long');
    const fields = new Map(
      header.flatMap((name, index) => {
        const cell = row[index] ?? '';
        return cell === '' ? [] : [[name, cell === '#N/A' ? null : cell] as const];
      }),
    );
    const written = write(org, job, { fields, taken, context });
    if ('error' in written) {
      const { statusCode, message, fields: named = [] } = written.error;
      job.failed.push([fields.get('Id') ?? '', `${statusCode}:${message}:${named.join(',')} --`, ...row]);
    } else job.successful.push([written.id, String(written.created), ...row]);
  }
  job.processed = rows.length;
  job.failedCount = job.failed.length - 1;
  if (wanted.operation === 'delete') job.processed = rows.length;
}

function write(
  org: Org,
  { wanted }: Job,
  given: {
    readonly fields: ReadonlyMap<string, string | null>;
    readonly taken: Set<string>;
    readonly context: RequestContext;
  },
): ReturnType<Org['write']> {
  const { object, operation: verb, externalIdFieldName: keyField = null } = wanted;
  if (verb !== 'delete')
    return org.write({ object, verb, keyField, fields: given.fields, taken: given.taken }, given.context);
  const id = given.fields.get('Id') ?? '';
  const error = org.delete(id);
  return error === null ? { id, created: false } : { error };
}

/** What is wrong with the file; names in its header compare with case. */
function fileProblem(org: Org, { csv, wanted }: Job, header: readonly string[]): string | null {
  const text = csv ?? '';
  if (text === '') return 'InvalidBatch : The job has no data';
  if (wanted.lineEnding === 'LF' && text.includes('\r'))
    return 'ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF';
  if (readTable(text) === null) return 'ClientInputError : The CSV cannot be read';
  if (wanted.operation === 'delete' && (header.length !== 1 || header[0] !== 'Id'))
    return 'InvalidBatch : delete batch must contain only ids';
  const unknown = header.find((name) => !name.includes('.') && org.schema.field(wanted.object, name) !== name);
  return unknown === undefined ? null : `InvalidBatch : Field name not found : ${unknown}`;
}
