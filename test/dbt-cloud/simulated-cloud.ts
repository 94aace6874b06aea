import { createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';

/**
 * dbt Cloud as its documentation tells of it (Admin API v2; webhooks, docs.getdbt.com/docs/deploy/webhooks), on loopback. It
 * is the other side: it imports nothing of the program.
 */

export interface SimulatedStep {
  /** ``Invoke dbt with `dbt build` `` and the like. */
  readonly name: string;
  /** 10 success, 20 error; 30 cancelled. Default 10. */
  readonly status?: number;
  /** Files that this step left. */
  readonly artifacts?: Readonly<Record<string, string | Buffer>>;
}

export interface SimulatedRun {
  /** 1 queued, 2 starting, 3 running, 10 success, 20 error, 30 cancelled. Default 10. */
  status?: number;
  jobId?: number;
  readonly steps: readonly SimulatedStep[];
}

/** What happens to a request instead of its answer; `null`: the answer. */
export type CloudFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection ends in the middle of the body. */
  | { readonly kind: 'cut' }
  /** A body that ends too early, and is said to be whole. */
  | { readonly kind: 'short' }
  /** The beginning of the body, and then nothing more. */
  | { readonly kind: 'stall' }
  /** No answer at all. */
  | { readonly kind: 'silence' }
  | null;

/** What became of a delivery. */
export interface Delivery {
  /** Of each attempt; null: no answer in time, or the connection broke. */
  readonly statuses: readonly (number | null)[];
}

export interface DeliveryOptions {
  /** Default: the webhook's own. */
  readonly secret?: string;
  /** What stands in `Authorization` instead of the signature. */
  readonly authorization?: string;
  /** Attempts in all; dbt Cloud makes one and five more. */
  readonly attempts?: number;
  /** dbt Cloud waits 10 s for an answer. */
  readonly timeoutMs?: number;
}

export class SimulatedCloud {
  readonly accountId: number;
  readonly token: string;
  readonly webhookSecret: string;
  readonly runs = new Map<number, SimulatedRun>();
  /** Paths that were asked for, with their query. */
  readonly requests: string[] = [];
  fault: (path: string) => CloudFault = () => null;
  readonly #server: Server;

  private constructor(server: Server, facts: Pick<SimulatedCloud, 'accountId' | 'token' | 'webhookSecret'>) {
    this.#server = server;
    this.accountId = facts.accountId;
    this.token = facts.token;
    this.webhookSecret = facts.webhookSecret;
  }

  static async start(facts: {
    readonly accountId?: number;
    readonly token: string;
    readonly webhookSecret: string;
  }): Promise<SimulatedCloud> {
    let cloud: SimulatedCloud | null = null;
    const server = createServer((incoming, response) => cloud?.answer(incoming, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cloud = new SimulatedCloud(server, { accountId: 4711, ...facts });
    return cloud;
  }

  /** The host of the account's access URL. */
  get host(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  get env(): Record<string, string> {
    return {
      DBT_CLOUD_ACCOUNT_ID: String(this.accountId),
      DBT_CLOUD_ACCOUNT_HOST: this.host,
      DBT_CLOUD_TOKEN: this.token,
      DBT_CLOUD_WEBHOOK_SECRET: this.webhookSecret,
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  answer(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
    this.requests.push(`${url.pathname}${url.search}`);
    const fault = this.fault(`${url.pathname}${url.search}`);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'status') return void response.writeHead(fault.status, fault.headers).end('<html>busy</html>');
    const { status, body } = this.#respond(incoming, url);
    const length = { 'content-type': 'application/json', 'content-length': body.length };
    if (fault?.kind === 'cut' || fault?.kind === 'stall') {
      response.writeHead(status, length);
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => {
        if (fault.kind === 'cut') response.destroy();
      });
      return;
    }
    const sent = fault?.kind === 'short' ? body.subarray(0, Math.floor(body.length / 2)) : body;
    response.writeHead(status, { ...length, 'content-length': sent.length }).end(sent);
  }

  #respond(incoming: IncomingMessage, url: URL): { readonly status: number; readonly body: Buffer } {
    const say = (status: number, message: string, data: unknown = null) => ({
      status,
      body: Buffer.from(
        JSON.stringify({
          status: { code: status, is_success: status === 200, user_message: message, developer_message: '' },
          data,
        }),
      ),
    });
    if (![`Token ${this.token}`, `Bearer ${this.token}`].includes(incoming.headers.authorization ?? ''))
      return say(401, 'Invalid token.');
    const [, account, id, rest = ''] = /^\/api\/v2\/accounts\/(\d+)\/runs\/(\d+)\/(.*)$/.exec(url.pathname) ?? [];
    if (Number(account) !== this.accountId) return say(403, 'You do not have permission to perform this action.');
    const run = this.runs.get(Number(id));
    if (run === undefined || incoming.method !== 'GET') return say(404, 'The requested resource was not found');
    if (rest === '') return say(200, 'Success!', this.#describe(Number(id), run, url));
    const path = rest.replace(/^artifacts\//, '');
    // Without a step: the last one's.
    const step = run.steps[Number(url.searchParams.get('step') ?? run.steps.length) - 1];
    const artifact = step?.artifacts?.[path];
    if (artifact === undefined) return say(404, 'The requested resource was not found');
    return { status: 200, body: Buffer.from(artifact) };
  }

  #describe(id: number, run: SimulatedRun, url: URL): unknown {
    const status = run.status ?? 10;
    const words: Readonly<Record<number, string>> = { 3: 'Running', 10: 'Success', 20: 'Error', 30: 'Cancelled' };
    const related = url.searchParams.get('include_related') ?? '';
    return {
      id,
      account_id: this.accountId,
      job_definition_id: run.jobId ?? 7,
      status,
      status_humanized: words[status] ?? 'Queued',
      is_complete: status >= 10,
      run_steps: !related.includes('run_steps')
        ? []
        : run.steps.map((step, index) => ({
            id: id * 100 + index,
            run_id: id,
            index: index + 1,
            name: step.name,
            status: step.status ?? 10,
            status_humanized: words[step.status ?? 10],
            logs: 'x'.repeat(1000),
          })),
    };
  }

  /** The payload of a webhook about a run. */
  event(runId: number, change: Readonly<Record<string, unknown>> = {}, data: Readonly<Record<string, unknown>> = {}) {
    const run = this.runs.get(runId);
    return {
      accountId: this.accountId,
      webhooksID: 'wsu_12345abcde',
      eventId: `wev_${randomUUID().replaceAll('-', '')}`,
      timestamp: new Date().toISOString(),
      eventType: 'job.run.completed',
      webhookName: 'sync',
      data: {
        jobId: String(run?.jobId ?? 7),
        jobName: 'Daily build',
        runId: String(runId),
        environmentId: '1',
        environmentName: 'Production',
        dbtVersion: '1.12.0',
        projectName: 'Shop',
        projectId: '9',
        runStatus: (run?.status ?? 10) === 10 ? 'Success' : 'Errored',
        runStatusCode: run?.status ?? 10,
        runStatusMessage: 'None',
        runReason: 'Scheduled',
        runStartedAt: new Date().toISOString(),
        runFinishedAt: new Date().toISOString(),
        ...data,
      },
      ...change,
    };
  }

  /** Sends a webhook as often as it takes to be answered with 2xx. */
  async deliver(url: string, event: unknown, options: DeliveryOptions = {}): Promise<Delivery> {
    const body = JSON.stringify(event);
    const statuses: (number | null)[] = [];
    for (let attempt = 0; attempt < (options.attempts ?? 6); attempt++) {
      const status = await this.#post(url, body, options);
      statuses.push(status);
      if (status !== null && status >= 200 && status < 300) break;
    }
    return { statuses };
  }

  #post(url: string, body: string, options: DeliveryOptions): Promise<number | null> {
    const secret = options.secret ?? this.webhookSecret;
    const authorization = options.authorization ?? createHmac('sha256', secret).update(body).digest('hex');
    return new Promise((resolve) => {
      const sent = request(
        url,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization, 'content-length': Buffer.byteLength(body) },
          signal: AbortSignal.timeout(options.timeoutMs ?? 10_000),
        },
        (answer) => {
          answer.resume();
          answer.once('end', () => resolve(answer.statusCode ?? null));
          answer.once('error', () => resolve(null));
        },
      );
      sent.once('error', () => resolve(null));
      sent.end(body);
    });
  }
}
