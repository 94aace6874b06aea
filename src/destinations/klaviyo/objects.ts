import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type {
  Batch,
  BatchOutcome,
  Job,
  OutgoingRow,
  Receipt,
  Service,
  ServiceContext,
  Session,
} from '../destination.ts';
import { oneByOne, type RowEnd, type Steps } from '../one-by-one.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type KlaviyoApi, readAccount, verifyRead } from './api.ts';
import { DELETION_SPACING_MS, eraseProfiles, requestDeletion } from './deletion.ts';
import { readImport, submitImport } from './import-jobs.ts';
import { type FoundProfile, findProfiles, type Lookup } from './lookup.ts';
import { clearsAttribute, renderProfile, validateProfile } from './profile.ts';
import { duplicateOf, importProfile, rowEnd, SINGLES_MAX, SPACING_MS } from './single-imports.ts';

/** Rows of one round of deletions. */
const DELETIONS_MAX = 20;

export function createObjects(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    validate: (row, _now, config) => validateProfile(row, config),
    // What a job cannot do stands apart from what it can.
    homogeneity: (row) => (needsOwnRequest(row) ? 'single' : ''),
    async open(context) {
      const api = createApi(context);
      return hideRowValues(createSession({ api, context }, await readAccount(api, context.clock)));
    },
    erase: (context, people) => eraseProfiles(context, people, String(context.config['id_property'])),
    verify: (context) => verifyRead(context, 'profiles?page[size]=1', 'the key reads profiles'),
  };
}

/** An import job leaves out nulls, and finds profiles by their identifiers only. */
function needsOwnRequest(row: OutgoingRow): boolean {
  return row.operation !== 'delete' && (isMoved(row) || clearsAttribute(row.fields() ?? {}));
}

function isMoved(row: OutgoingRow): boolean {
  return row.previousKey !== null && row.recordId !== null;
}

interface Work {
  readonly api: KlaviyoApi;
  readonly context: ServiceContext;
}

function createSession(work: Work, account: string | null): Session {
  return {
    audienceId: null,
    account,
    send(batch, signal) {
      if (batch.operation === 'delete') return deleteRows(work, batch, signal);
      const isSmall = work.context.changes <= SINGLES_MAX;
      if (batch.rows.length <= SINGLES_MAX && (isSmall || batch.rows.some(needsOwnRequest))) {
        return writeSingles(work, batch, signal);
      }
      if (batch.rows.some(needsOwnRequest)) return Promise.resolve(tooMany(SINGLES_MAX));
      const profiles = batch.rows.map((row) => renderProfile(row, work.context.config).json);
      return submitImport(work.api, { profiles, listId: null, inRows: true, signal });
    },
    poll: (job, signal) => readJob(work, job, signal),
    finish: async () => {},
    abandon: async () => {},
  };
}

/** The engine halves the batch: nothing was sent. */
function tooMany(max: number): BatchOutcome {
  return {
    kind: 'too_large',
    code: 'too-many-single-requests',
    message: `More than ${max} rows that need a request each`,
  };
}

/**
 * A complete job names no profile: ids, by which profiles are updated in place later, and whether the job made them, are
 * looked up for rows that are new. What was made since the job was taken is ours: both times are Klaviyo's.
 */
async function readJob(work: Work, job: Job, signal: AbortSignal): Promise<BatchOutcome> {
  const end = await readImport(work.api, job, signal);
  if (end.kind === 'outcome') return end.outcome;
  if (job.operation === 'update' && end.faults.size === 0) return { kind: 'accepted' };
  const taken = job.rows.filter(({ seq }) => !end.faults.has(seq));
  const found =
    job.operation === 'insert'
      ? await findProfiles(
          lookup(work, signal),
          taken.map(({ key }) => key),
        )
      : ({ kind: 'found', profiles: new Map<string, FoundProfile>() } as const);
  if (found.kind === 'outcome') return found.outcome;
  const receipts = job.rows.map(({ seq, key }): Receipt => {
    const fault = end.faults.get(seq);
    if (fault !== undefined) return { seq, status: 'rejected', code: fault.code, message: fault.message };
    const profile = found.profiles.get(key.toLowerCase());
    if (profile === undefined) return { seq, status: 'accepted' };
    const created = isSince(profile.createdAt, end.createdAt);
    return { seq, status: 'accepted', recordId: profile.id, created, recordCreatedAt: profile.createdAt };
  });
  return { kind: 'receipts', receipts };
}

function isSince(time: string | null, start: string | null): boolean {
  return time !== null && start !== null && Date.parse(time) >= Date.parse(start);
}

function lookup({ api, context }: Work, signal: AbortSignal): Lookup {
  return { api, clock: context.clock, attribute: String(context.config['id_property']), signal };
}

function steps({ context }: Work, signal: AbortSignal, spacingMs: number): Steps {
  return { clock: context.clock, signal, spacingMs, repeatable: true };
}

function writeSingles(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  return oneByOne(batch.rows, steps(work, signal, SPACING_MS), (row) => writeSingle(work, row, signal));
}

async function writeSingle(work: Work, row: OutgoingRow, signal: AbortSignal): Promise<RowEnd> {
  const { api, context } = work;
  const id = isMoved(row) ? row.recordId : null;
  const written = await importProfile(api, renderProfile(row, context.config, id).json, signal);
  if (written.kind === 'written') return accepted(row, written);
  // The new key is another profile's, or the profile is gone: what holds the key, or a new one, takes the row.
  const goesElsewhere = id !== null && (duplicateOf(written) !== null || written.status === 404);
  if (!goesElsewhere) return rowEnd(row.seq, written);
  const other = await importProfile(api, renderProfile(row, context.config).json, signal);
  if (other.kind === 'outcome') return rowEnd(row.seq, other);
  const mayDelete = context.operations.includes('delete') && row.mayDelete !== false && other.id !== id;
  if (mayDelete && written.status !== 404) {
    const refusal = await requestDeletion(api, { id }, signal);
    if (refusal !== null) return { kind: 'outcome', outcome: refusal.outcome };
  }
  return accepted(row, other);
}

function accepted(
  { seq }: OutgoingRow,
  written: Extract<Awaited<ReturnType<typeof importProfile>>, { kind: 'written' }>,
): RowEnd {
  const { id, created, createdAt, pauseMs } = written;
  return {
    kind: 'receipt',
    receipt: { seq, status: 'accepted', recordId: id, created, recordCreatedAt: createdAt },
    pauseMs,
  };
}

/** Profiles are deleted by id, one request each; who has no profile counts as deleted. */
async function deleteRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  if (batch.rows.length > DELETIONS_MAX) return tooMany(DELETIONS_MAX);
  const unknown = batch.rows.filter((row) => row.recordId === null || row.createdSince != null);
  const looked = await findProfiles(
    lookup(work, signal),
    unknown.map((row) => row.key),
  );
  if (looked.kind === 'outcome') return looked.outcome;
  return oneByOne(batch.rows, steps(work, signal, DELETION_SPACING_MS), async (row): Promise<RowEnd> => {
    const done: RowEnd = { kind: 'receipt', receipt: { seq: row.seq, status: 'accepted' }, pauseMs: null };
    const found = looked.profiles.get(row.key.toLowerCase());
    const id = row.recordId ?? found?.id ?? null;
    // One that may have been there before us stays, if it is older than our first word of it.
    const isOlder = row.createdSince != null && found !== undefined && !isSince(found.createdAt, row.createdSince);
    if (id === null || isOlder) return done;
    const refusal = await requestDeletion(work.api, { id }, signal);
    return refusal === null ? done : rowEnd(row.seq, refusal);
  });
}
