import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Operation, ServiceKind } from '../../src/artifacts/annotation.ts';
import type {
  Batch,
  BatchOutcome,
  OutgoingRow,
  Receipt,
  Service,
  ServiceContext,
  Session,
} from '../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../src/destinations/http.ts';
import { findService } from '../../src/destinations/registry.ts';
import type { FaultKind } from '../../src/sandbox/faults.ts';
import type { DestinationSetup, RequestLimits } from '../../src/sandbox/platform.ts';
import type { DestinationState } from '../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.ts';
import type { Contract } from './published-contract.ts';
import { makeBatch, makeContext, recordingLogger, virtualClock } from './rows.ts';

/** What the suite has to know of one service. */
export interface ServiceCase {
  readonly platform: string;
  readonly service: ServiceKind;
  readonly config: ServiceContext['config'];
  readonly credentials: Readonly<Record<string, string>>;
  /** Credentials that the simulated platform does not take. */
  readonly wrongCredentials: Readonly<Record<string, string>>;
  readonly identifierKinds?: ServiceContext['identifierKinds'];
  /** A change of member `n`. Personal data in it is made of `personOf(n)`. */
  row(
    service: Service,
    change: { readonly seq: number; readonly n: number; readonly operation: Operation },
  ): OutgoingRow;
  /** What the platform holds, as the names of `heldAs`. */
  held(state: DestinationState): readonly string[];
  heldAs(service: Service, n: number): string;
  /** How the simulated platform knows the row, to be poisoned. */
  poisonOf(service: Service, n: number): string;
  /** Whether the platform can name the bad row of a request; else it counts, or refuses the whole. */
  readonly namesRows: boolean;
  /** Faults that the platform cannot show. */
  readonly without: readonly FaultKind[];
  /** Rate limits of the simulated platform, where the suite, whose clock stands still, would meet its own. */
  readonly limits?: Partial<RequestLimits>;
  /** What the simulated platform has to know before the first request: people that a service finds and does not make. */
  readonly setup?: DestinationSetup;
  /** What the vendor published of its requests: every request of the suite is held against it. */
  readonly contract?: Contract;
}

export function personOf(n: number): { readonly email: string; readonly phone: string; readonly name: string } {
  return { email: `person.${n}@shop.example`, phone: `+336${10_000_000 + n}`, name: `Zebulon${n}` };
}

const SECRETS = ['s3cr3t-good-token-of-the-suite', 's3cr3t-webhook-secret-of-the-suite'];

/** Every service that talks to a platform passes this, against the simulated platform. */
export function describeService(given: ServiceCase): void {
  describe(`${given.platform} ${given.service} keeps the contract`, () => {
    let sandbox: Sandbox;
    let http: ClosableHttpClient;
    let service: Service;
    let destinations = 0;
    const prepared = new Set<string>();
    let texts: string[] = [];

    beforeAll(async () => {
      sandbox = await startSandbox(given.limits === undefined ? {} : { limits: given.limits });
      const client = createHttpClient({ timeoutMs: 5_000 });
      http = given.contract?.watch(client) ?? client;
      service = await findService(given.platform, given.service);
    });
    afterAll(async () => {
      await http.close();
      await sandbox.close();
    });
    beforeEach(() => {
      destinations += 1;
      texts = [];
      sandbox.setFaults({ rate: 0, next: [], poison: [], poisonAnswer: 'reject' });
    });

    afterEach(() => expect(given.contract?.breaches() ?? []).toEqual([]));

    const name = (): string => `d${destinations}`;
    const openSession = async (change: Partial<ServiceContext> = {}): Promise<Session> => {
      const logger = recordingLogger();
      logger.lines.push = (...lines) => texts.push(...lines);
      const secret = given.credentials['secret'];
      if (secret !== undefined) sandbox.configure(given.platform, name(), { secret });
      if (given.setup !== undefined && !prepared.has(name())) sandbox.configure(given.platform, name(), given.setup);
      prepared.add(name());
      return service.open(
        makeContext({
          config: given.config,
          credentials: given.credentials,
          baseUrl: sandbox.baseUrl(given.platform, name()),
          audienceName: 'VIP',
          identifierKinds: given.identifierKinds ?? [],
          operations: service.facts.operations,
          clock: virtualClock(Date.now()),
          http,
          logger,
          ...change,
        }),
      );
    };
    const state = (): DestinationState => {
      const found = sandbox.state().destinations.find((one) => one.destination === name());
      if (found === undefined) throw new Error('the destination was never reached');
      return found;
    };
    const rows = (count: number, operation: Operation, firstSeq = 1): readonly OutgoingRow[] =>
      Array.from({ length: count }, (_, index) =>
        given.row(service, { seq: firstSeq + index, n: index + 1, operation }),
      );
    const send = async (session: Session, some: readonly OutgoingRow[], id?: string): Promise<BatchOutcome> => {
      const batch = makeBatch(some, id);
      const outcome = await awaitJob(session, batch, await session.send(batch, new AbortController().signal));
      noteTexts(outcome, texts);
      return outcome;
    };
    const expectHeld = (people: readonly number[]): void => {
      const wanted = people.map((n) => given.heldAs(service, n));
      expect([...given.held(state())].sort()).toEqual(wanted.sort());
      expect(state().violations.latest).toEqual([]);
    };
    const expectDiscreet = (): void => {
      const text = texts.join('\n');
      for (const secret of SECRETS) expect(text).not.toContain(secret);
      expect(text).not.toMatch(/person\.\d+@|Zebulon|\+336\d{8}/);
    };

    it('answers for every row of an insert, and the platform holds exactly them', async () => {
      const session = await openSession();
      const sent = rows(25, 'insert');
      expect(statuses(await send(session, sent), sent)).toEqual(sent.map(() => 'accepted'));
      expectHeld(sent.map((_, index) => index + 1));
    });

    it('has no further effect when a batch is sent again', async () => {
      if (!service.facts.deduplicates) return;
      if (!service.facts.deduplicates) return;
      const session = await openSession();
      const sent = rows(5, 'insert');
      await send(session, sent, 'the-batch');
      expect(statuses(await send(session, sent, 'the-batch'), sent)).toEqual(sent.map(() => 'accepted'));
      expectHeld([1, 2, 3, 4, 5]);
    });

    it('takes a full batch and no more than its limit', async () => {
      const { rowsPerRequestMax } = { ...service.facts.limits, ...service.limits?.(given.config) };
      const session = await openSession();
      const sent = rows(rowsPerRequestMax, 'insert');
      expect(statuses(await send(session, sent), sent).every((status) => status === 'accepted')).toBe(true);
      expect(state().violations.latest).toEqual([]);
    });

    it('updates and deletes where the service can, known or not', async () => {
      if (!service.facts.operations.includes('delete')) return;
      const session = await openSession();
      const receipts = receiptsOf(await send(session, rows(4, 'insert')));
      const update = rows(4, 'update', 11).slice(0, 2);
      expect(statuses(await send(session, update), update)).toEqual(['accepted', 'accepted']);
      // One by the record id that the platform gave, one without, one that was never there.
      const [, second, third] = rows(3, 'delete', 21);
      const stranger = given.row(service, { seq: 24, n: 99, operation: 'delete' });
      if (second === undefined || third === undefined) throw new Error('three rows were made');
      const leavers = [withRecordIds(second, receipts.get(2)), third, stranger];
      expect(statuses(await send(session, leavers), leavers)).toEqual(['accepted', 'accepted', 'accepted']);
      expectHeld([1, 4]);
    });

    it('stops the whole activation when the credentials are wrong', async () => {
      const refusal = await openSession({ credentials: given.wrongCredentials }).then(
        (session) => send(session, rows(3, 'insert')),
        (thrown: unknown) => thrown,
      );
      if (refusal instanceof Error) texts.push(refusal.message);
      const isRefused = refusal instanceof Error || (refusal as BatchOutcome).kind === 'refused';
      expect(isRefused).toBe(true);
      expectDiscreet();
    });

    it('does not take a connection that nobody answers for an answer', async () => {
      const session = await openSession();
      await send(session, rows(1, 'insert'));
      const lost = createHttpClient();
      const dead = {
        request: (request: Parameters<typeof http.request>[0]) =>
          lost.request({ ...request, url: moveToDeadPort(request.url) }),
      };
      const audienceId = session.audienceId;
      const opened = await openSession({ audienceId, http: dead }).then(
        (open) => send(open, rows(1, 'insert')),
        (thrown: unknown) => ({ kind: 'thrown', code: (thrown as { code?: string }).code }),
      );
      expect(opened).toMatchObject(opened.kind === 'retry' ? { applied: 'no' } : { code: 'econnrefused' });
      await lost.close();
    });

    const faults: readonly (readonly [FaultKind, 'no' | 'maybe'])[] = [
      ['throttled', 'no'],
      ['server_error', 'maybe'],
      ['unavailable', 'maybe'],
      ['reset_before', 'maybe'],
      ['reset_after', 'maybe'],
      ['timeout_after', 'maybe'],
      ['html', 'maybe'],
      ['empty', 'maybe'],
    ];
    for (const [kind, applied] of faults.filter(([fault]) => !given.without.includes(fault))) {
      it(`tries again after ${kind}, and ends with every row held`, async () => {
        const session = await openSession();
        sandbox.setFaults({ next: [{ kind, destination: name() }] });
        const sent = rows(3, 'insert');
        const outcome = await send(session, sent);
        expect(outcome).toMatchObject({ kind: 'retry', applied });
        // A platform says whom it throttles, or leaves it open.
        if (kind === 'throttled') expect(outcome).toMatchObject({ throttled: expect.toBeOneOf([true, 'request']) });
        expectDiscreet();
        // What may have arrived is parked, where a second one would count again.
        if (!service.facts.deduplicates && applied === 'maybe') return;
        const again = await sendUntilSettled(send, session, sent);
        expect(statuses(again, sent)).toEqual(['accepted', 'accepted', 'accepted']);
        expectHeld([1, 2, 3]);
        expectDiscreet();
      });
    }

    for (const poisonAnswer of ['reject', 'refuse'] as const) {
      it(`narrows down to the rows that the platform will not take (${poisonAnswer})`, async () => {
        const session = await openSession();
        sandbox.setFaults({ poison: [3, 6].map((n) => given.poisonOf(service, n)), poisonAnswer });
        const sent = rows(8, 'insert');
        const first = await send(session, sent);
        if (given.namesRows && poisonAnswer === 'reject') expect(first.kind).toBe('receipts');
        const receipts = await narrowDown(send, session, { rows: sent, outcome: first });
        const rejected = sent.filter((row) => receipts.get(row.seq) === 'rejected').map((row) => row.seq);
        expect(rejected).toEqual([3, 6]);
        expect([...receipts.values()].filter((status) => status === 'accepted')).toHaveLength(6);
        expectHeld([1, 2, 4, 5, 7, 8]);
        expectDiscreet();
      });
    }
  });
}

/** What a job ended with; an outcome that is none stays as it is. */
async function awaitJob(session: Session, batch: Batch, taken: BatchOutcome): Promise<BatchOutcome> {
  if (taken.kind !== 'submitted') return taken;
  const job = { handle: taken.handle, operation: batch.operation, rows: batch.rows };
  for (let polls = 0; polls < 20; polls++) {
    const outcome = await session.poll?.(job, new AbortController().signal);
    if (outcome !== undefined && outcome.kind !== 'submitted' && outcome.kind !== 'retry') return outcome;
  }
  throw new Error('the job never ended');
}

type Send = (session: Session, rows: readonly OutgoingRow[]) => Promise<BatchOutcome>;

async function sendUntilSettled(send: Send, session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const outcome = await send(session, rows);
    if (outcome.kind !== 'retry') return outcome;
  }
  throw new Error('the platform never settled');
}

/** What the engine does with a refused or short batch, at its simplest: halves. */
async function narrowDown(
  send: Send,
  session: Session,
  { rows, outcome }: { readonly rows: readonly OutgoingRow[]; readonly outcome: BatchOutcome },
): Promise<ReadonlyMap<number, string>> {
  const whole =
    outcome.kind === 'accepted' ||
    outcome.kind === 'receipts' ||
    (outcome.kind === 'counted' && outcome.accepted === rows.length);
  if (whole || rows.length === 1) {
    const given = whole ? statuses(outcome, rows) : rows.map(() => 'rejected');
    return new Map(rows.map((row, index) => [row.seq, given[index] ?? 'missing']));
  }
  const middle = Math.ceil(rows.length / 2);
  const found = new Map<number, string>();
  for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
    const answered = { rows: half, outcome: await send(session, half) };
    for (const [seq, status] of await narrowDown(send, session, answered)) found.set(seq, status);
  }
  return found;
}

function statuses(outcome: BatchOutcome, rows: readonly OutgoingRow[]): readonly string[] {
  if (outcome.kind === 'accepted') return rows.map(() => 'accepted');
  if (outcome.kind === 'counted') return rows.map(() => (outcome.accepted === rows.length ? 'accepted' : 'short'));
  if (outcome.kind === 'submitted') return rows.map(() => 'submitted');
  if (outcome.kind !== 'receipts') return rows.map(() => `${outcome.kind} ${outcome.code}`);
  expect(outcome.receipts).toHaveLength(rows.length);
  return rows.map((row) => outcome.receipts.find((receipt) => receipt.seq === row.seq)?.status ?? 'missing');
}

function receiptsOf(outcome: BatchOutcome): ReadonlyMap<number, Receipt> {
  return new Map(outcome.kind === 'receipts' ? outcome.receipts.map((receipt) => [receipt.seq, receipt]) : []);
}

/** The row with what its insert's receipt said of it, as the engine records it. */
function withRecordIds(row: OutgoingRow, receipt: Receipt | undefined): OutgoingRow {
  if (receipt?.status !== 'accepted') return row;
  const identifiers = row.identifiers.map((identifier) => ({
    ...identifier,
    recordId: receipt.identifierRecordIds?.[`${identifier.kind}:${identifier.value}`] ?? null,
  }));
  return { ...row, identifiers, recordId: receipt.recordId ?? null };
}

function noteTexts(outcome: BatchOutcome, texts: string[]): void {
  if ('code' in outcome) texts.push(`${outcome.code} ${outcome.message}`);
  else if (outcome.kind === 'receipts')
    for (const receipt of outcome.receipts) if ('message' in receipt) texts.push(`${receipt.code} ${receipt.message}`);
}

/** Port 1 of loopback, where nobody listens. */
function moveToDeadPort(url: string): string {
  const moved = new URL(url);
  moved.port = '1';
  return moved.href;
}
