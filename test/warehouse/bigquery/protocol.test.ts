import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/clock.ts';
import { DinmoError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/log.ts';
import { openBigquery } from '../../../src/warehouse/bigquery/connection.ts';
import type { BigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';
import { bigqueryState } from '../../../src/warehouse/bigquery/state-dialect.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import { type ApiReply, type ApiRequest, apiError, apiJob, ScriptedApi } from './scripted-api.ts';

/** What an emulator cannot show: states, errors and pages as https://cloud.google.com/bigquery/docs/reference/rest/v2 describes them. */
let api: ScriptedApi;
let pauses: number[];
const clock: Clock = {
  now: () => Date.parse('2026-03-01T12:00:00Z'),
  sleep: (milliseconds) => {
    pauses.push(milliseconds);
    return Promise.resolve();
  },
};
beforeEach(async () => {
  api = new ScriptedApi();
  pauses = [];
  await api.open();
});
afterEach(() => api.close());

const open = (settings: Partial<BigqueryPlace> = {}): Promise<Warehouse> =>
  openBigquery({ place: api.place(settings), clock, logger: silentLogger });

function jobIdOf({ body, path }: ApiRequest): string {
  const { jobId } = (body['jobReference'] ?? {}) as { readonly jobId?: string };
  return jobId ?? path.split('/')[2] ?? '';
}

const fields = [{ name: 'n', type: 'INTEGER' }];
const page = (from: number, size: number, more: object): ApiReply => ({
  body: {
    jobComplete: true,
    schema: { fields },
    rows: Array.from({ length: size }, (_, index) => ({ f: [{ v: String(from + index) }] })),
    ...more,
  },
});

/** Jobs that end at once, unless a test says otherwise. */
function answering(how: {
  readonly insert?: (request: ApiRequest) => ApiReply | null;
  readonly get?: (request: ApiRequest) => ApiReply | null;
  readonly results?: (request: ApiRequest) => ApiReply | null;
}): void {
  api.answer = (request) => {
    const id = jobIdOf(request);
    if (request.method === 'POST' && request.path === '/jobs') return how.insert?.(request) ?? apiJob(id, 'RUNNING');
    if (request.path.startsWith('/jobs/')) return how.get?.(request) ?? apiJob(id, 'DONE');
    if (request.path.startsWith('/queries/')) return how.results?.(request) ?? page(1, 1, { totalRows: '1' });
    return { status: 404 };
  };
}

async function failureOf(work: Promise<unknown>): Promise<DinmoError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (thrown instanceof DinmoError) return thrown;
  throw new Error(`not an error of ours: ${String(thrown)}`);
}

describe('a job', () => {
  it('is waited for, whatever its states, and tells labels, place and limits', async () => {
    const states = ['PENDING', 'RUNNING', 'RUNNING'] as const;
    let asked = 0;
    answering({
      get: (request) => {
        const state = states[asked++];
        return state === undefined
          ? apiJob(jobIdOf(request), 'DONE', { type: 'UPDATE', changed: '7' })
          : apiJob(jobIdOf(request), state);
      },
      results: () => ({ body: { jobComplete: asked > 2, ...(asked > 2 ? { totalRows: '0' } : {}) } }),
    });
    const warehouse = await open({ maximumBytesBilled: '1000', jobTimeoutMs: 60_000, priority: 'BATCH' });
    warehouse.tag?.({ activation: 'VIP France.meta_customers', run: '20260301T120000-ab' });
    expect(await warehouse.run('update t set n = 1 where true')).toBe(7);
    const [insert] = api.asked('POST', /^\/jobs$/);
    expect(insert?.body).toMatchObject({
      jobReference: { projectId: 'p', jobId: expect.stringMatching(/^dinmo_[\w-]{36}$/), location: 'EU' },
      configuration: {
        jobTimeoutMs: '60000',
        labels: { tool: 'dinmo', activation: 'vip_france_meta_customers', run: '20260301t120000-ab' },
        query: { maximumBytesBilled: '1000', priority: 'BATCH', useLegacySql: false },
      },
    });
    expect(api.asked('GET', /^\/jobs\//).every(({ query }) => query.get('location') === 'EU')).toBe(true);
  });

  it('that failed says how, though its insertion went well', async () => {
    const error = { reason: 'invalidQuery', message: 'Syntax error: Unexpected identifier "selec" at [1:1]' };
    answering({
      get: (request) => apiJob(jobIdOf(request), 'DONE', { error }),
      results: () => apiError(400, error.reason, error.message),
    });
    const failure = await failureOf((await open()).query('selec 1'));
    expect(failure).toMatchObject({ kind: 'warehouse', code: 'statement-failed' });
    expect(failure.message).toContain('Unexpected identifier "selec"');
    expect(api.asked('POST', /^\/jobs$/)).toHaveLength(1);
  });

  it('is not begun twice when the answer to its insertion was lost', async () => {
    const known = new Set<string>();
    answering({
      insert: (request) => {
        const id = jobIdOf(request);
        if (known.has(id)) return apiError(409, 'duplicate', `Already Exists: Job p:EU.${id}`);
        known.add(id);
        return { lost: true };
      },
    });
    expect(await (await open()).query('select 1 as n')).toEqual([{ n: 1n }]);
    expect(known.size).toBe(1);
    expect(api.asked('POST', /^\/jobs$/)).toHaveLength(2);
  });

  it('is tried again where the pace or the service was at fault, with pauses that grow', async () => {
    let attempts = 0;
    answering({
      insert: () => {
        attempts++;
        if (attempts === 1) return apiError(403, 'rateLimitExceeded', 'Exceeded rate limits: too many api requests');
        return attempts === 2 ? apiError(503, 'backendError', 'Backend error') : null;
      },
    });
    expect(await (await open()).query('select 1 as n')).toEqual([{ n: 1n }]);
    expect(new Set(api.asked('POST', /^\/jobs$/).map(jobIdOf)).size).toBe(1);
    expect(pauses[1]).toBeGreaterThan(pauses[0] ?? 0);
  });

  it('that broke inside the service is made anew, under another id, as often as the profile says', async () => {
    const error = { reason: 'backendError', message: 'Retrying the job may solve the problem.' };
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { error }) });
    const failure = await failureOf((await open({ retries: 2 })).query('select 1 as n'));
    expect(failure.code).toBe('bigquery-busy');
    expect(new Set(api.asked('POST', /^\/jobs$/).map(jobIdOf)).size).toBe(3);
  });

  it('is cancelled on interrupt', async () => {
    let cancelled = false;
    let running: () => void = () => {};
    const runs = new Promise<void>((done) => {
      running = done;
    });
    api.answer = (request) => {
      const id = jobIdOf(request);
      if (request.path.endsWith('/cancel')) {
        cancelled = true;
        return { body: {} };
      }
      if (request.path === '/jobs') return apiJob(id, 'RUNNING');
      running();
      const error = { reason: 'stopped', message: 'Job execution was cancelled: User requested cancellation' };
      if (request.path.startsWith('/jobs/')) return cancelled ? apiJob(id, 'DONE', { error }) : apiJob(id, 'RUNNING');
      return { body: { jobComplete: false } };
    };
    const warehouse = await open();
    const failure = failureOf(warehouse.query('select 1 as n'));
    await runs;
    warehouse.interrupt();
    expect(await failure).toMatchObject({ code: 'statement-cancelled' });
    expect(api.asked('POST', /\/cancel$/)[0]?.query.get('location')).toBe('EU');
  });
});

describe('an interruption', () => {
  it('meets a job whose insertion is under way, and no later one', async () => {
    let arrived: () => void = () => {};
    const inserted = new Promise<void>((done) => {
      arrived = done;
    });
    let answer: () => void = () => {};
    const released = new Promise<void>((done) => {
      answer = done;
    });
    const cancelled = new Set<string>();
    let first: string | null = null;
    api.answer = async (request) => {
      const id = jobIdOf(request);
      if (request.path.endsWith('/cancel')) {
        cancelled.add(id);
        return { body: {} };
      }
      if (request.path === '/jobs') {
        arrived();
        await released;
        return apiJob(id, 'RUNNING');
      }
      const error = { reason: 'stopped', message: 'Job execution was cancelled: User requested cancellation' };
      first ??= id;
      const runs = id === first && !cancelled.has(id);
      if (request.path.startsWith('/jobs/'))
        return runs ? apiJob(id, 'RUNNING') : apiJob(id, 'DONE', id === first ? { error } : {});
      return runs ? { body: { jobComplete: false } } : page(1, 1, { totalRows: '1' });
    };
    const warehouse = await open();
    const failure = failureOf(warehouse.query('select 1 as n'));
    await inserted;
    warehouse.interrupt();
    answer();
    expect(await failure).toMatchObject({ code: 'statement-cancelled' });
    expect(cancelled.size).toBe(1);
    // What settles a run that was interrupted is not cancelled in its turn.
    expect(await warehouse.query('select 1 as n')).toEqual([{ n: 1n }]);
    expect(cancelled.size).toBe(1);
  });
});

describe('an answer', () => {
  it('comes in pages, all of them', async () => {
    answering({
      results: ({ query }) => {
        if (query.get('maxResults') === '0') return { body: { jobComplete: true, totalRows: '5' } };
        const from = Number(query.get('pageToken') ?? 1);
        return page(from, Math.min(2, 6 - from), {
          totalRows: '5',
          ...(from < 5 ? { pageToken: String(from + 2) } : {}),
        });
      },
    });
    const warehouse = await open();
    expect((await warehouse.query('select n from t')).map(({ n }) => n)).toEqual([1n, 2n, 3n, 4n, 5n]);
    const sizes: number[] = [];
    for await (const rows of warehouse.stream('select n from t')) sizes.push(rows.length);
    expect(sizes).toEqual([2, 2, 1]);
  });

  it.each([
    ['has no number of rows', () => page(1, 0, {})],
    ['has fewer rows than it says', () => page(1, 1, { totalRows: '2' })],
    ['is of a job that is not complete', () => ({ body: { jobComplete: false } })],
    ['is empty', () => ({ body: {} })],
  ])('that %s is an error, and never an empty result', async (_, results) => {
    answering({ results });
    expect((await failureOf((await open()).query('select n from t'))).code).toBe('bigquery-incomplete-answer');
  });

  it('of a job without statistics is an error, and of a change without its number', async () => {
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { statistics: {} }) });
    expect((await failureOf((await open()).query('select 1'))).code).toBe('bigquery-incomplete-answer');
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { type: 'DELETE' }) });
    expect((await failureOf((await open()).run('delete from t where true'))).code).toBe('bigquery-incomplete-answer');
  });

  it('keeps what JavaScript cannot hold, and is UTC', async () => {
    const types = ['INTEGER', 'NUMERIC', 'TIMESTAMP', 'TIMESTAMP', 'BOOLEAN', 'FLOAT', 'STRING', 'BYTES'];
    const values = [
      '9007199254740993',
      '12345678901234567890.123456789',
      '1767225601250000',
      '-1',
      'true',
      'NaN',
      null,
      'AAH/',
    ];
    answering({
      results: () => ({
        body: {
          jobComplete: true,
          totalRows: '1',
          schema: {
            fields: [
              ...types.map((type, index) => ({ name: `c${index}`, type })),
              { name: 'list', type: 'INTEGER', mode: 'REPEATED' },
            ],
          },
          rows: [{ f: [...values.map((v) => ({ v })), { v: [{ v: '1' }, { v: '9007199254740993' }] }] }],
        },
      }),
    });
    const [row] = await (await open()).query('select * from t');
    expect(Object.values(row ?? {})).toEqual([
      ...[
        9007199254740993n,
        '12345678901234567890.123456789',
        '2026-01-01T00:00:01.250Z',
        '1969-12-31T23:59:59.999999Z',
      ],
      ...[true, Number.NaN, null, 'AAH/', '["1","9007199254740993"]'],
    ]);
  });
});

describe('a refusal', () => {
  it.each([
    [
      'bigquery.jobs.create',
      'Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.',
      'roles/bigquery.user',
    ],
    [
      'bigquery.tables.getData',
      'Access Denied: Table p:shop.customers: User does not have permission to query table p:shop.customers, bigquery.tables.getData',
      'grant `roles/bigquery.dataViewer` on schema `p`.`shop`',
    ],
    [
      'bigquery.tables.create',
      'Access Denied: Dataset p:DELTA: Permission bigquery.tables.create denied on dataset p:DELTA',
      'grant `roles/bigquery.dataEditor` on schema `p`.`DELTA`',
    ],
  ])('for want of %s says what an administrator runs', async (_, message, fix) => {
    answering({ insert: () => apiError(403, 'accessDenied', message) });
    const failure = await failureOf((await open()).query('select 1'));
    expect(failure).toMatchObject({ kind: 'warehouse', code: 'grant-missing' });
    expect(failure.fix).toContain(fix);
    expect(failure.message).toContain(message);
    expect(api.asked('POST', /^\/jobs$/)).toHaveLength(1);
  });

  it('because of a location names it', async () => {
    answering({ insert: () => apiError(404, 'notFound', 'Not found: Dataset p:shop was not found in location US') });
    const failure = await failureOf((await open()).query('select * from `shop`.`customers`'));
    expect(failure).toMatchObject({ code: 'relation-missing' });
    expect(failure.fix).toMatch(/ran in US.*`location:`/);
  });

  it('of a value does not show it', async () => {
    const error = { reason: 'invalidQuery', message: 'Bad int64 value: jane@example.com' };
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { error }) });
    expect((await failureOf((await open()).query('select 1'))).message).not.toContain('jane');
  });

  it('for too many bytes says where the limit is', async () => {
    const error = {
      reason: 'bytesBilledLimitExceeded',
      message: 'Query exceeded limit for bytes billed: 1000. 20971520 or higher required.',
    };
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { error }) });
    expect(await failureOf((await open()).query('select 1'))).toMatchObject({ code: 'bytes-limit' });
  });
});

describe('a dry run', () => {
  it('says the types and the bytes, and runs nothing', async () => {
    const query = {
      totalBytesProcessed: '123456789012',
      schema: { fields: [{ name: 'ids', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'a', type: 'FLOAT' }] }] },
    };
    answering({
      insert: (request) => ({
        body: {
          jobReference: { jobId: jobIdOf(request), location: 'EU' },
          status: { state: 'DONE' },
          statistics: { query },
        },
      }),
    });
    const warehouse = await open();
    expect(await warehouse.estimate?.('select * from t')).toBe(123_456_789_012);
    expect(await warehouse.describe('select * from t')).toEqual([
      { name: 'ids', dataType: 'ARRAY<STRUCT<a FLOAT64>>' },
    ]);
    expect(api.requests.every(({ body }) => (body['configuration'] as { dryRun?: boolean }).dryRun === true)).toBe(
      true,
    );
  });
});

describe('a transaction', () => {
  const conflict = {
    reason: 'invalidQuery',
    message: 'Transaction is aborted due to concurrent update against table p:DELTA.runs',
  };
  const scripts = (): unknown[] =>
    api
      .asked('POST', /^\/jobs$/)
      .map(({ body }) => (body['configuration'] as { query: { query: string } }).query.query);

  it('is one script, made again when another one changed the same tables', async () => {
    let attempts = 0;
    answering({
      get: (request) =>
        attempts++ === 0
          ? apiJob(jobIdOf(request), 'DONE', { error: conflict })
          : apiJob(jobIdOf(request), 'DONE', { type: 'SCRIPT' }),
    });
    const warehouse = await open();
    await warehouse.transaction(async () => {
      expect(warehouse.require?.('select 1 from `DELTA`.`runs` where true')).toBe(true);
      await warehouse.run('delete from `DELTA`.`sends` where true');
      await warehouse.run("update `DELTA`.`runs` set `status` = 'done' where true");
      expect(api.requests).toEqual([]);
    });
    expect(scripts()).toHaveLength(2);
    expect(scripts()[0]).toBe(scripts()[1]);
    expect(String(scripts()[0]).split(';\n')).toEqual([
      'begin transaction',
      "select if(exists (select 1 from `DELTA`.`runs` where true), 1, error('dinmo: a condition of this transaction does not hold'))",
      'delete from `DELTA`.`sends` where true',
      "update `DELTA`.`runs` set `status` = 'done' where true",
      'commit transaction',
    ]);
  });

  it('of which nothing was done says that another process took over', async () => {
    const error = { reason: 'invalidQuery', message: 'dinmo: a condition of this transaction does not hold' };
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { error }) });
    const warehouse = await open();
    const work = warehouse.transaction(async () => {
      warehouse.require?.('select 1 from `DELTA`.`runs` where false');
      await warehouse.run('delete from `DELTA`.`runs` where true');
    });
    expect(await failureOf(work)).toMatchObject({ kind: 'stopped', code: 'changed-meanwhile' });
  });

  it('sends nothing when its work fails, and refuses to read what it has changed', async () => {
    answering({});
    const warehouse = await open();
    const work = warehouse.transaction(async () => {
      await warehouse.run('delete from `DELTA`.`runs` where true');
      await warehouse.query('select * from `DELTA`.`runs`');
    });
    await expect(work).rejects.toThrow('read before the transaction that changes it: `DELTA`.`runs`');
    expect(api.requests).toEqual([]);
  });
});

describe('statements that nobody waits for', () => {
  const scripts = (): string[] =>
    api
      .asked('POST', /^\/jobs$/)
      .map(({ body }) => (body['configuration'] as { query: { query: string } }).query.query);
  const temporary = { database: null, schema: null, name: 'made' };
  const make = bigqueryState.createTemporary('made', 'select 1 as n');

  it('go out as one job with the next that has an answer, in a session', async () => {
    answering({
      get: (request) => apiJob(jobIdOf(request), 'DONE', { type: 'SCRIPT' }),
      results: () => page(7, 1, { totalRows: '1' }),
    });
    const warehouse = await open();
    await warehouse.run(make);
    await warehouse.append(temporary, ['bigint'], [[2]]);
    await warehouse.append(temporary, ['bigint'], [[3]]);
    expect(api.requests).toEqual([]);
    expect(await warehouse.query('select n from `made`')).toEqual([{ n: 7n }]);
    expect(scripts()).toHaveLength(1);
    expect(
      scripts()[0]
        ?.split(';\n')
        .map((sql) => sql.split(' ')[0]),
    ).toEqual(['create', 'insert', 'insert', 'select']);
    const [job] = api.asked('POST', /^\/jobs$/);
    const { query } = (job?.body['configuration'] ?? {}) as {
      readonly query: {
        readonly createSession: boolean;
        readonly connectionProperties: readonly object[];
        readonly queryParameters: readonly { readonly name: string; readonly parameterValue: object }[];
      };
    };
    expect(query.createSession).toBe(true);
    // Whatever the project's own zone is.
    expect(query.connectionProperties).toEqual([{ key: 'time_zone', value: 'UTC' }]);
    expect(query.queryParameters.map(({ name, parameterValue }) => [name, parameterValue])).toEqual([
      ['appended_1', { value: '[[2]]' }],
      ['appended_2', { value: '[[3]]' }],
    ]);
  });

  it('are not believed where the script failed, though the call for its results says nothing of it', async () => {
    // As https://github.com/googleapis/google-cloud-go/issues/3304 saw it: an empty answer, and no error.
    const error = { reason: 'invalidQuery', message: 'Division by zero: 1 / 0 at [2:8]' };
    answering({
      get: (request) => apiJob(jobIdOf(request), 'DONE', { error }),
      results: () => page(1, 0, { totalRows: '0' }),
    });
    const warehouse = await open();
    await warehouse.run(make);
    expect((await failureOf(warehouse.query('select n from `made`'))).code).toBe('statement-failed');
  });

  it('are not made twice where rows would be twice in a table', async () => {
    const error = { reason: 'backendError', message: 'Retrying the job may solve the problem.' };
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { error }) });
    const warehouse = await open({ retries: 3 });
    await warehouse.append(temporary, ['bigint'], [[2]]);
    expect((await failureOf(warehouse.query('select n from `made`'))).code).toBe('bigquery-busy');
    expect(scripts()).toHaveLength(1);
    await failureOf(warehouse.query('select 1'));
    expect(scripts()).toHaveLength(5);
  });

  it('are forgotten with the work that they were for, and sent before another session begins', async () => {
    answering({});
    const warehouse = await open();
    const work = warehouse.transaction(async () => {
      await warehouse.run(make);
      throw new Error('stop');
    });
    await expect(work).rejects.toThrow('stop');
    await warehouse.run('create table if not exists `DELTA`.`runs` (\n  `run_id` string\n)');
    await warehouse.another();
    expect(scripts()).toEqual(['create table if not exists `DELTA`.`runs` (\n  `run_id` string\n)']);
  });

  it('are counted alone where somebody wants to know how many rows changed', async () => {
    answering({ get: (request) => apiJob(jobIdOf(request), 'DONE', { type: 'UPDATE', changed: '1' }) });
    const warehouse = await open();
    await warehouse.run(make);
    expect(await warehouse.run('update `DELTA`.`runs` set n = 1 where true')).toBe(1);
    expect(scripts()).toHaveLength(2);
  });
});
