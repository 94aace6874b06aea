import { randomUUID } from 'node:crypto';
import type { BigQuery, Job, Query } from '@google-cloud/bigquery';
import type { Clock } from '../../clock.ts';
import { DinmoError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { failureOf, isConflict, isDuplicate, isPassing, type JobPlace, statementError } from './errors.ts';
import type { BigqueryPlace } from './profile.ts';
import type { ApiField } from './rows.ts';

/** What every job of a session needs. */
export interface JobsOptions {
  readonly place: BigqueryPlace;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A job that ended well. */
export interface Finished {
  readonly job: Job;
  /** Rows that a DML statement changed; 0 of all others. */
  readonly rowsChanged: number;
  readonly returnsRows: boolean;
}

/** One page of a result. */
export interface Page {
  readonly fields: readonly ApiField[];
  readonly rows: readonly unknown[];
}

/** What a statement would do, without doing it. */
export interface DryRun {
  readonly fields: readonly ApiField[];
  readonly bytes: number;
}

/** The parts of a job's metadata that are read. Numbers come as text. */
interface Metadata {
  readonly status?: { readonly state?: string; readonly errorResult?: { reason?: string; message?: string } };
  readonly statistics?: {
    readonly sessionInfo?: { readonly sessionId?: string };
    readonly totalBytesProcessed?: string;
    readonly query?: {
      readonly statementType?: string;
      readonly numDmlAffectedRows?: string;
      readonly totalBytesProcessed?: string;
      readonly schema?: { readonly fields?: readonly ApiField[] };
    };
  };
  readonly jobReference?: { readonly location?: string };
}

/** The parts of an answer with rows that are read. */
interface ResultPage {
  readonly jobComplete?: boolean;
  readonly totalRows?: string;
  readonly schema?: { readonly fields?: readonly ApiField[] };
  readonly rows?: readonly unknown[];
  readonly pageToken?: string;
}

const DML = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);
const REQUEST_TRIES = 5;
const CONFLICT_TRIES = 6;
const FIRST_PAUSE_MS = 250;
const PAUSE_MS_MAX = 32_000;

/**
 * Runs statements as jobs that bear an id of ours, so that a request whose answer was lost can be made again: an id that is taken
 * (409) means that the job is there. `bigquery.query()` is never used: on a failing job it can resolve without rows. A job without
 * statistics, or a result without its number of rows, is an error and never an empty result.
 */
export class Jobs {
  readonly #client: BigQuery;
  readonly #options: JobsOptions;
  readonly #running = new Set<Job>();
  /** Aborts when what is under way is cancelled; what begins afterwards has another. */
  #cancelling = new AbortController();
  #location: string | null;
  #session: string | null = null;
  #labels: Readonly<Record<string, string>> = { tool: 'dinmo' };

  constructor(client: BigQuery, options: JobsOptions) {
    this.#client = client;
    this.#options = options;
    this.#location = options.place.location;
  }

  get session(): string | null {
    return this.#session;
  }

  /** Labels of the jobs that follow, as https://cloud.google.com/bigquery/docs/labels-intro allows: lower case, 63 characters. */
  label(labels: Readonly<Record<string, string>>): void {
    const labelText = (text: string): string =>
      text
        .toLowerCase()
        .replaceAll(/[^a-z0-9_-]/g, '_')
        .slice(0, 63);
    this.#labels = {
      tool: 'dinmo',
      ...Object.fromEntries(Object.entries(labels).map(([name, value]) => [labelText(name), labelText(value)])),
    };
  }

  /**
   * Runs one statement or script to its end, in the session where there is one. `session`: makes one where there is none. `texts` are
   * the values of its parameters. `once`: made again after a fault of the service it would do something twice.
   */
  async run(
    sql: string,
    how: {
      readonly session?: boolean;
      readonly texts?: Readonly<Record<string, string>>;
      readonly once?: boolean;
    } = {},
  ): Promise<Finished> {
    const { signal } = this.#cancelling;
    for (let attempt = 1; ; attempt++) {
      const jobId = `dinmo_${randomUUID()}`;
      try {
        return await this.#once(sql, { jobId, session: how.session === true, texts: how.texts ?? {} }, signal);
      } catch (thrown) {
        if (thrown instanceof DinmoError) throw thrown;
        const failure = failureOf(thrown);
        const again = isConflict(failure) ? CONFLICT_TRIES : isPassing(failure) ? this.#options.place.retries + 1 : 1;
        if (attempt >= (how.once === true ? 1 : again) || signal.aborted)
          throw statementError(thrown, sql, this.#placeOf(jobId));
        this.#options.logger.debug('warehouse.retried', { reason: failure.reason, attempt });
        await this.#pause(attempt, signal);
      }
    }
  }

  /** The statement's result type and the bytes that it would read. */
  async dryRun(sql: string): Promise<DryRun> {
    const jobId = `dinmo_${randomUUID()}`;
    try {
      const [job] = await this.#patiently(() =>
        this.#client.createQueryJob({ ...this.#query(sql, { jobId, session: false, texts: {} }), dryRun: true }),
      );
      const { statistics } = job.metadata as Metadata;
      const bytes = statistics?.query?.totalBytesProcessed ?? statistics?.totalBytesProcessed;
      if (bytes === undefined) throw this.#unsaid('a dry run did not say how many bytes it would read', jobId);
      return { fields: statistics?.query?.schema?.fields ?? [], bytes: Number(bytes) };
    } catch (thrown) {
      throw thrown instanceof DinmoError ? thrown : statementError(thrown, sql, this.#placeOf(jobId));
    }
  }

  /** Pages of a result, one after another. Throws when they are not as many rows as the job said. */
  async *pages({ job }: Finished, pageRows: number | null): AsyncIterable<Page> {
    let token: string | null = null;
    let read = 0;
    for (;;) {
      const pageToken: string | null = token;
      const response = await this.#guard(job, async (): Promise<ResultPage> => {
        const [, , answer] = await job.getQueryResults({
          autoPaginate: false,
          skipParsing: true,
          ...(pageRows === null ? {} : { maxResults: pageRows }),
          ...(pageToken === null ? {} : { pageToken }),
        });
        return (answer ?? {}) as ResultPage;
      });
      const total = response?.totalRows;
      if (response.jobComplete === false || total === undefined || response.schema === undefined)
        throw this.#unsaid('a result came without its number of rows', job.id ?? '');
      const rows: readonly unknown[] = response.rows ?? [];
      read += rows.length;
      token = response.pageToken ?? null;
      yield { fields: response.schema.fields ?? [], rows };
      if (token !== null) continue;
      if (String(read) !== String(total)) throw this.#unsaid(`${read} of ${total} rows of a result came`, job.id ?? '');
      return;
    }
  }

  /** Cancels what is under way, also where its request has not arrived yet. */
  cancel(): void {
    this.#cancelling.abort();
    this.#cancelling = new AbortController();
    for (const job of this.#running) job.cancel().catch(() => {});
  }

  async #once(sql: string, how: How, signal: AbortSignal): Promise<Finished> {
    const job = await this.#insert(sql, how);
    this.#running.add(job);
    try {
      if (signal.aborted) job.cancel().catch(() => {});
      const { status, statistics } = await this.#wait(job);
      if (status?.errorResult) throw status.errorResult;
      const type = statistics?.query?.statementType;
      const changed = statistics?.query?.numDmlAffectedRows;
      if (statistics?.query === undefined) throw this.#unsaid('a job ended without statistics', how.jobId);
      if (type !== undefined && DML.has(type) && changed === undefined)
        throw this.#unsaid('a job did not say how many rows it changed', how.jobId);
      if (how.session) this.#session ??= statistics.sessionInfo?.sessionId ?? null;
      return { job, rowsChanged: Number(changed ?? 0), returnsRows: type === 'SELECT' };
    } finally {
      this.#running.delete(job);
    }
  }

  async #insert(sql: string, how: How): Promise<Job> {
    const request = this.#query(sql, how);
    let again = false;
    const job = await this.#patiently(async (): Promise<Job> => {
      try {
        return (await this.#client.createQueryJob(request))[0];
      } catch (thrown) {
        if (!again || !isDuplicate(failureOf(thrown))) throw thrown;
        // The request before did arrive: its answer was lost.
        return this.#client.job(how.jobId, this.#location === null ? {} : { location: this.#location });
      } finally {
        again = true;
      }
    });
    const { jobReference } = (job.metadata ?? {}) as Metadata;
    this.#location ??= jobReference?.location ?? null;
    return job;
  }

  #query(sql: string, { jobId, session, texts }: How): Query {
    const { place } = this.#options;
    const inSession = this.#session === null ? [] : [{ key: 'session_id', value: this.#session }];
    return {
      query: sql,
      useLegacySql: false,
      jobId,
      ...(Object.keys(texts).length === 0 ? {} : { params: { ...texts } }),
      labels: { ...this.#labels },
      priority: place.priority,
      ...(this.#location === null ? {} : { location: this.#location }),
      ...(place.maximumBytesBilled === null ? {} : { maximumBytesBilled: place.maximumBytesBilled }),
      ...(place.jobTimeoutMs === null ? {} : { jobTimeoutMs: place.jobTimeoutMs }),
      ...(place.reservation === null ? {} : { reservation: place.reservation }),
      ...(this.#session === null && session ? { createSession: true } : {}),
      // A project or an organisation may have another one, and a time without a zone would be read, and written, in it
      // (ConnectionProperty, BigQuery API v2).
      connectionProperties: [{ key: 'time_zone', value: 'UTC' }, ...inSession],
    };
  }

  /** A job runs until it says that it is done: the call for its results waits on the other side. */
  async #wait(job: Job): Promise<Metadata> {
    for (let asked = 0; ; asked++) {
      const [metadata] = await this.#patiently(() => job.getMetadata());
      if ((metadata as Metadata).status?.state === 'DONE') return metadata as Metadata;
      if (asked > 0) await this.#options.clock.sleep(Math.min(FIRST_PAUSE_MS * asked, 2_000));
      // How it failed is said by its metadata.
      await this.#patiently(() => job.getQueryResults({ autoPaginate: false, maxResults: 0 })).catch(() => {});
    }
  }

  async #guard<T>(job: Job, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#patiently(work);
    } catch (thrown) {
      throw statementError(thrown, `results of ${job.id ?? ''}`, this.#placeOf(job.id ?? ''));
    }
  }

  /** Makes a request again that a passing fault hit. Only for what may be asked twice. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (thrown) {
        if (attempt >= REQUEST_TRIES || !isPassing(failureOf(thrown))) throw thrown;
        await this.#pause(attempt);
      }
    }
  }

  async #pause(attempt: number, signal?: AbortSignal): Promise<void> {
    const longest = Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** attempt);
    await this.#options.clock.sleep(longest * (0.5 + Math.random() / 2), signal);
  }

  #unsaid(what: string, jobId: string): DinmoError {
    return new DinmoError({
      kind: 'warehouse',
      code: 'bigquery-incomplete-answer',
      message: `BigQuery: ${what} (job ${jobId}). Nothing was taken from it.`,
      fix: 'Run it again; if it stays, see the job in the Google Cloud console.',
    });
  }

  #placeOf(jobId: string): JobPlace {
    const { auth, impersonate, executionProject } = this.#options.place;
    const email = auth.kind === 'key' ? auth.credentials['client_email'] : null;
    const principal = impersonate ?? (typeof email === 'string' ? email : null);
    return { jobId, location: this.#location, principal, project: executionProject };
  }
}

interface How {
  readonly jobId: string;
  readonly session: boolean;
  readonly texts: Readonly<Record<string, string>>;
}
