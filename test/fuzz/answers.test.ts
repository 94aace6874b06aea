import { describe, expect, test } from 'vitest';
import type { Batch, BatchOutcome, Service } from '../../src/destinations/destination.ts';
import { findService } from '../../src/destinations/registry.ts';
import { DinmoError, messageOf } from '../../src/errors.ts';
import { registerSecret, scrub } from '../../src/log.ts';
import { makeBatch, makeContext, recordingLogger } from '../destinations/rows.ts';
import { BATCH_SERVICES } from './batch-services.ts';
import { BrokenHttp, type Exchanged } from './broken-http.ts';
import type { FuzzedService } from './fuzzed-service.ts';
import { Dice, fuzzRuns, SEED } from './seeded.ts';
import { STEP_SERVICES } from './step-services.ts';

/** Whatever a platform answers: an outcome by the contract, nothing accepted that was not acknowledged, nothing repeated. */

const TOKEN = 's3cr3t-token-of-the-fuzzer';
registerSecret(TOKEN);

const SERVICES: readonly FuzzedService[] = [...BATCH_SERVICES, ...STEP_SERVICES];
/** Of all services together: a further one takes its cases from the others. */
const CASES = 4_400;
const FIFTEEN_MINUTES = 15 * 60_000;
const CANARY = /person\.\d+(@|%40)|zebulon\d|\+336\d{8}|s3cr3t|[0-9a-f]{32}/i;

describe.each(SERVICES)('$platform $service', (given) => {
  test('gives an outcome by the contract for any answer', async () => {
    const service = await findService(given.platform, given.service);
    const kinds = new Map<string, number>();
    for (let seed = SEED; seed < SEED + fuzzRuns(Math.ceil(CASES / SERVICES.length)); seed++) {
      const dice = new Dice(seed);
      const operation = dice.of(given.operations);
      const first = 1 + dice.below(50);
      const rows = Array.from({ length: 1 + dice.below(4) }, (_, index) =>
        given.row(service, first + index, operation),
      );
      const http = new BrokenHttp(given.platform, dice);
      const kind = await fuzz({ given, service, http, seed }, makeBatch(rows));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    // The dice must have come upon every kind of end, or they prove little.
    const ends = ['accepted', 'retry', 'refused', ...(given.oneByOne ? [] : ['narrow'])];
    for (const kind of ends) {
      expect(kinds.get(kind) ?? 0, JSON.stringify([...kinds])).toBeGreaterThan(1);
    }
  });
});

interface Fuzzing {
  readonly given: FuzzedService;
  readonly service: Service;
  readonly http: BrokenHttp;
  readonly seed: number;
}

async function fuzz({ given, service, http, seed }: Fuzzing, batch: Batch): Promise<string> {
  const logger = recordingLogger();
  const texts: string[] = logger.lines;
  const context = makeContext({
    config: given.config,
    credentials: {
      access_token: TOKEN,
      secret: TOKEN,
      client_id: 'the-app',
      client_secret: TOKEN,
      refresh_token: TOKEN,
      ...{ api_key: TOKEN, api_secret: TOKEN, webhook_url: `https://hooks.slack.com/services/T0/B0/${TOKEN}` },
    },
    changes: given.changes ?? 1,
    audienceName: 'VIP',
    operations: service.facts.operations,
    identifierKinds: service.facts.service === 'audiences' ? [{ kind: 'email', rank: 1 }] : [],
    http,
    logger,
  });
  const where = `DINMO_FUZZ_SEED=${seed}`;
  const opened = await service.open(context).catch((thrown: unknown) => thrown);
  if (opened instanceof Error) {
    expect(opened, `${where} ${opened.stack}`).toBeInstanceOf(DinmoError);
    expect(opened.message, where).not.toMatch(CANARY);
    return 'not opened';
  }
  const session = opened as Awaited<ReturnType<Service['open']>>;
  const before = http.exchanges.length;
  const { signal } = new AbortController();
  const asked = async (): Promise<BatchOutcome> => {
    const sent = await session.send(batch, signal);
    if (sent.kind !== 'submitted' || session.poll === undefined) return sent;
    expect(sent.handle.length).toBeLessThanOrEqual(1_000);
    return await session.poll({ handle: sent.handle, operation: batch.operation, rows: batch.rows }, signal);
  };
  const outcome = await asked().catch((thrown: unknown) => {
    throw new Error(`${where}: send or poll threw`, { cause: thrown });
  });
  const exchanges = http.exchanges.slice(before);
  try {
    expectContract(outcome, batch);
    texts.push(JSON.stringify(outcome.kind === 'receipts' ? outcome.receipts.map(saidOf) : saidOf(outcome)));
    expect(texts.join('\n').match(CANARY)?.[0]).toBeUndefined();
    expectAcknowledged(given, { exchanges, outcome, batch });
  } catch (cause) {
    const story = JSON.stringify({ outcome, exchanges }).slice(0, 3_000);
    throw new Error(`${where}: ${messageOf(cause)}\n${story}`, { cause });
  }
  const ended = await service.verify({ ...context, baseUrl: null }).catch((thrown: unknown) => thrown);
  expect(ended, `${where}: verify`).toMatchObject({ ok: expect.any(Boolean), detail: expect.any(String) });
  if (outcome.kind === 'receipts') return accepted(outcome, batch) > 0 ? 'accepted' : 'not accepted';
  if (outcome.kind === 'counted') return outcome.accepted > 0 ? 'accepted' : 'not accepted';
  return outcome.kind;
}

function saidOf(said: object): object {
  return 'code' in said && 'message' in said ? { code: said.code, message: said.message } : {};
}

function expectContract(outcome: BatchOutcome, batch: Batch): void {
  if (outcome.kind === 'receipts') {
    expect(outcome.receipts.map(({ seq }) => seq).sort()).toEqual(batch.rows.map(({ seq }) => seq).sort());
    for (const receipt of outcome.receipts) expectSaid(receipt);
    return;
  }
  expectSaid(outcome);
  if (outcome.kind === 'counted') {
    expect(Number.isSafeInteger(outcome.accepted)).toBe(true);
    expect(outcome.accepted).toBeGreaterThanOrEqual(0);
    expect(outcome.accepted).toBeLessThanOrEqual(batch.rows.length);
  }
  if (outcome.kind === 'retry' && outcome.afterMs !== null) {
    expect(outcome.afterMs).toBeGreaterThanOrEqual(0);
    expect(outcome.afterMs).toBeLessThanOrEqual(FIFTEEN_MINUTES);
  }
  if (outcome.kind === 'refused') expect(outcome.fix).not.toBe('');
}

/** Codes and messages are stored and shown: short, of one line's making, and scrubbed already. */
function expectSaid(said: object): void {
  if (!('message' in said) || !('code' in said)) return;
  const { message, code } = said as { readonly message: unknown; readonly code: unknown };
  expect(typeof message === 'string' && message.length <= 400 && typeof code === 'string').toBe(true);
  expect(String(code)).toMatch(/^[\w.:-]{0,64}$/);
  expect(scrub(String(message))).toBe(message);
}

function expectAcknowledged(
  given: FuzzedService,
  { exchanges, outcome, batch }: { exchanges: readonly Exchanged[]; outcome: BatchOutcome; batch: Batch },
): void {
  const taken = accepted(outcome, batch);
  if (taken === 0) return;
  const about = exchanges.filter(({ aboutRows }) => aboutRows);
  const foreign = about.filter((one) => one.making === 'foreign' && !isTolerated(given.platform, one));
  if (!given.oneByOne) expect(foreign).toEqual([]);
  const { most, names } = given.acknowledged(about, batch);
  expect(taken).toBeLessThanOrEqual(most);
  if (outcome.kind !== 'receipts' || names === undefined) return;
  for (const receipt of outcome.receipts) {
    const row = batch.rows.find(({ seq }) => seq === receipt.seq);
    if (receipt.status === 'accepted' && row) expect(names(row)).toBe(true);
  }
}

/** What the platforms' own documentation counts as an answer, though it is none of the usual ones. */
function isTolerated(platform: string, { request, status, body }: Exchanged): boolean {
  // HubSpot: the one record to be archived is gone already.
  if (platform === 'hubspot') return request.url.endsWith('/archive') && [204, 404].includes(status);
  // The session had ended, and the request went out once more with a new token.
  if (platform === 'salesforce' || platform === 'google') return status === 401;
  // Klaviyo: a page that was told to wait is asked for again.
  if (platform === 'klaviyo' && request.method === 'GET' && status === 429) return true;
  // 202 says nothing else, and a repeated unique_id is told by a refusal.
  if (platform === 'klaviyo') return (status === 202 && body.trim() === '') || /unique_id|duplicate/i.test(body);
  // An endpoint of the user's own may acknowledge with nothing, or with a word.
  return platform === 'webhook' && status >= 200 && status < 300 && !/^\s*["[{<]/.test(body);
}

function accepted(outcome: BatchOutcome, batch: Batch): number {
  if (outcome.kind === 'accepted') return batch.rows.length;
  if (outcome.kind === 'counted') return Math.min(outcome.accepted, batch.rows.length);
  return outcome.kind === 'receipts' ? outcome.receipts.filter(({ status }) => status === 'accepted').length : 0;
}
