import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { BatchOutcome, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { SalesforceSetup } from '../../../src/sandbox/platform.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { secret } from '../../privacy/canaries.ts';
import { makeBatch, makeContext, type Scripted, scriptedHttp } from '../rows.ts';

export const OBJECTS: ServiceContext['config'] = {
  ...{ instance_url: 'https://acme.my.salesforce.com', api_percent_max: 95 },
  ...{
    object: 'Contact',
    external_id_field: 'Customer_Id__c',
    write: 'upsert',
    api: 'collections',
    delete_existing: false,
  },
};
export const MEMBERS: ServiceContext['config'] = {
  ...{ instance_url: 'https://acme.my.salesforce.com', api_percent_max: 95 },
  ...{ member_object: 'Contact', member_field: 'Customer_Id__c' },
};
export const SECRET = { client_id: 'the-app', client_secret: 'the-secret' };
export const TOKEN: Scripted = {
  status: 200,
  body: {
    access_token: secret('salesforce-token-1'),
    instance_url: 'https://acme.my.salesforce.com',
    id: 'https://login.salesforce.com/id/00D000000000001AAA/005000000000001AAA',
  },
};

export interface Told {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** One service with the answers of a script, the first of them a token’s. */
export async function withScript(
  answers: readonly Scripted[],
  part: Partial<ServiceContext> = {},
  service: ServiceKind = 'objects',
): Promise<{ readonly session: Session; readonly told: () => readonly Told[] }> {
  const { http, asked } = scriptedHttp([TOKEN, ...answers]);
  const found = await findService('salesforce', service);
  const session = await found.open(makeContext({ config: OBJECTS, credentials: SECRET, http, ...part }));
  return {
    session,
    told: () =>
      asked.slice(1).map(({ method, url, body }) => {
        const { pathname, search } = new URL(url);
        const query = search === '' ? '' : `?${decodeURIComponent(search.slice(1))}`;
        return { method, path: `${pathname}${query}`.replace('/services/data/v67.0/', ''), body: String(body ?? '') };
      }),
  };
}

export async function send(session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> {
  return await session.send(makeBatch(rows), new AbortController().signal);
}

/** Sends, and asks for the job until it has ended. */
export async function sendAndWait(session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> {
  const outcome = await send(session, rows);
  return outcome.kind === 'submitted' ? await wait(session, outcome.handle, rows) : outcome;
}

export async function wait(session: Session, handle: string, rows: readonly OutgoingRow[]): Promise<BatchOutcome> {
  const job = { handle, operation: 'insert', rows } as const;
  for (let polls = 0; polls < 10; polls++) {
    const outcome = await session.poll?.(job, new AbortController().signal);
    if (outcome !== undefined && outcome.kind !== 'submitted') return outcome;
  }
  throw new Error('the job never ended');
}

/** What became of each row, in their order: `accepted`, or status and code. */
export function verdicts(outcome: BatchOutcome): readonly string[] {
  if (outcome.kind !== 'receipts') return ['code' in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind];
  return outcome.receipts.map((receipt) => ('code' in receipt ? `${receipt.status} ${receipt.code}` : receipt.status));
}

/** Simulated orgs, one for each test. */
export class Orgs {
  readonly sandbox: Sandbox;
  readonly http = createHttpClient();
  #count = 0;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  static async start(): Promise<Orgs> {
    return new Orgs(await startSandbox());
  }

  /** A new org, and how to open a session on it, as often as wanted. */
  make(setup: SalesforceSetup & { readonly properties?: readonly string[] } = {}): {
    readonly open: (part?: Partial<ServiceContext>, service?: ServiceKind) => Promise<Session>;
    readonly deleteAudience: (id: string) => Promise<void>;
    readonly state: () => DestinationState;
    readonly name: string;
  } {
    const name = `org${++this.#count}`;
    const { properties, ...salesforce } = setup;
    this.sandbox.configure('salesforce', name, { properties, salesforce });
    return {
      name,
      open: async (part = {}, service = 'objects') =>
        (await findService('salesforce', service)).open(
          makeContext({
            ...{
              config: service === 'objects' ? OBJECTS : MEMBERS,
              credentials: SECRET,
              http: this.http,
              audienceName: 'VIP',
            },
            baseUrl: this.sandbox.baseUrl('salesforce', name),
            ...part,
          }),
        ),
      deleteAudience: async (id) => {
        const service = await findService('salesforce', 'audiences');
        const context = makeContext({ config: MEMBERS, credentials: SECRET, http: this.http });
        await service.deleteAudience?.({ ...context, baseUrl: this.sandbox.baseUrl('salesforce', name) }, id);
      },
      state: () => {
        const found = this.sandbox.state().destinations.find((one) => one.destination === name);
        if (found === undefined) throw new Error('the org was never reached');
        return found;
      },
    };
  }

  async close(): Promise<void> {
    await this.http.close();
    await this.sandbox.close();
  }
}
