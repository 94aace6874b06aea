import { describe, expect, test } from 'vitest';
import type { Operation, ServiceKind } from '../../src/artifacts/annotation.ts';
import type { Batch, BatchOutcome, OutgoingRow, Service, ServiceContext } from '../../src/destinations/destination.ts';
import { findService } from '../../src/destinations/registry.ts';
import { DinmoError, messageOf } from '../../src/errors.ts';
import { registerSecret, scrub } from '../../src/log.ts';
import { fieldsOf, identify, makeBatch, makeContext, makeRow, NOON, recordingLogger } from '../destinations/rows.ts';
import { BrokenHttp, type Exchanged } from './broken-http.ts';
import { Dice, fuzzRuns, SEED } from './seeded.ts';

/** Whatever a platform answers: an outcome by the contract, nothing accepted that was not acknowledged, nothing repeated. */

const TOKEN = 's3cr3t-token-of-the-fuzzer';
registerSecret(TOKEN);

const person = (n: number) => ({
  email: `person.${n}@shop.example`,
  phone: `+336${10_000_000 + n}`,
  name: `Zebulon${n}`,
});

interface FuzzedService {
  readonly platform: string;
  readonly service: ServiceKind;
  readonly config: ServiceContext['config'];
  readonly operations: readonly Operation[];
  row(service: Service, seq: number, operation: Operation): OutgoingRow;
  /** How many rows of the batch the answers acknowledge, at most; and which, where the platform names them. */
  acknowledged(
    exchanges: readonly Exchanged[],
    batch: Batch,
  ): { readonly most: number; readonly names?: (row: OutgoingRow) => boolean };
}

function matched(service: Service, seq: number, operation: Operation): OutgoingRow {
  const { email, phone, name } = person(seq);
  if (service.normaliser === null)
    return makeRow({ seq, operation, key: email, fieldsJson: fieldsOf({ firstname: name }) });
  const raw = [['email', email], ...(service.facts.platform === 'meta' ? [['phone', phone]] : [])] as const;
  const identifiers = identify(service.normaliser, raw as Parameters<typeof identify>[1]);
  const eventTime = service.facts.service === 'events' ? new Date(NOON - seq * 1000).toISOString() : null;
  return makeRow({
    seq,
    operation,
    key: name,
    identifiers,
    eventTime,
    fieldsJson: fieldsOf({ value: '1.50', label: name }),
  });
}

const count = (value: unknown): number => {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
};

/** Braze refuses objects by their index; a row is one object here. */
const tracked: FuzzedService['acknowledged'] = (exchanges, { operation, rows }) => {
  const answer = parse(exchanges.at(-1)?.body);
  const isCounted = operation === 'delete' && answer['message'] === undefined && count(answer['deleted']) >= 0;
  const isTaken = answer['message'] === 'success' || answer['message'] === 'queued' || isCounted;
  const errors = listOf(answer['errors']).map(membersOf);
  const names = (row: OutgoingRow) => !errors.some(({ index }) => count(index) === rows.indexOf(row));
  return { most: isTaken ? rows.length - errors.length : 0, ...(operation === 'delete' ? {} : { names }) };
};
const BRAZE = { rest_endpoint: 'rest.fra-01.braze.eu', id_field: 'email', delete_existing: true };

const GOOGLE = {
  ...{ customer_id: '123', account_type: 'GOOGLE_ADS', list_type: 'contact', encoding: 'HEX', confirm: 'taken' },
  ...{ conversion_action_id: '9', consent_ad_user_data: 'granted', consent_ad_personalization: 'granted' },
};
/** Google takes a request whole, and says so by its number. */
const numbered: FuzzedService['acknowledged'] = (exchanges, { rows }) => ({
  most: textOf(parse(exchanges.at(-1)?.body)['requestId']) === '' ? 0 : rows.length,
});

/** Whatever was taken is accepted only by what its processing came to. */
const processed: FuzzedService['acknowledged'] = (exchanges, { rows }) => {
  const [status] = listOf(parse(exchanges.at(-1)?.body)['requestStatusPerDestination']).map(membersOf);
  const isEnded = ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILED'].includes(textOf(status?.['requestStatus']));
  return { most: isEnded ? rows.length : 0 };
};

const SERVICES: readonly FuzzedService[] = [
  {
    ...{ platform: 'google', service: 'audiences', config: { ...GOOGLE, confirm: 'processed' } },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: processed },
  },
  {
    ...{ platform: 'google', service: 'events', config: { ...GOOGLE, currency: 'EUR' } },
    ...{ operations: ['insert'], row: matched, acknowledged: numbered },
  },
  {
    ...{ platform: 'braze', service: 'objects', config: BRAZE },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: tracked },
  },
  {
    ...{ platform: 'braze', service: 'events', config: { ...BRAZE, event_name: 'ordered' } },
    ...{ operations: ['insert'], row: matched, acknowledged: tracked },
  },
  {
    platform: 'webhook',
    service: 'objects',
    config: { url: 'https://hooks.example/in', batch_size: 100 },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) => {
      const rejected = listOf(parse(exchanges.at(-1)?.body)['rejected']).map((entry) => membersOf(entry)['key']);
      return { most: batch.rows.length, names: (row) => !rejected.includes(row.key) };
    },
  },
  {
    platform: 'salesforce',
    service: 'objects',
    config: {
      ...{ instance_url: 'https://acme.my.salesforce.com', object: 'Contact', external_id_field: 'Email' },
      ...{ api: 'collections', write: 'upsert', api_percent_max: 95 },
    },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) =>
      batch.operation === 'delete' ? queried(exchanges, batch) : upserted(exchanges, batch),
  },
  {
    ...{ platform: 'klaviyo', service: 'events', config: { metric: 'Placed Order', backfill: false } },
    ...{ operations: ['insert'], row: matched },
    acknowledged: (exchanges, { rows }) => ({ most: exchanges.at(-1)?.status === 202 ? rows.length : 0 }),
  },
  {
    platform: 'meta',
    service: 'audiences',
    config: { ad_account_id: '1234567890' },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) => {
      const answer = parse(exchanges.at(-1)?.body);
      const invalid = answer['num_invalid_entries'] == null ? 0 : count(answer['num_invalid_entries']);
      const taken = Math.min(count(answer['num_received']), batch.rows.length) - invalid;
      return { most: Number.isNaN(taken) ? 0 : Math.max(0, taken) };
    },
  },
  {
    platform: 'meta',
    service: 'events',
    config: { dataset_id: '987654321', event_name: 'Lead', action_source: 'system_generated' },
    operations: ['insert'],
    row: matched,
    acknowledged: (exchanges) => ({ most: count(parse(exchanges.at(-1)?.body)['events_received']) || 0 }),
  },
  {
    platform: 'hubspot',
    service: 'objects',
    config: { object_type: 'contacts', id_property: 'email', delete_existing: false },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) =>
      batch.operation === 'delete' ? found(exchanges, batch) : written(exchanges, batch, (row) => row.key),
  },
  {
    platform: 'hubspot',
    service: 'audiences',
    config: {},
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) =>
      batch.operation === 'delete'
        ? found(exchanges, batch)
        : written(exchanges, batch, (row) => row.identifiers[0]?.value ?? ''),
  },
];

/** HubSpot names each record that it wrote; one that stands among the errors too was not. */
function written(exchanges: readonly Exchanged[], batch: Batch, emailOf: (row: OutgoingRow) => string) {
  const answers = exchanges.filter(({ request }) => request.url.includes('/batch/')).map(({ body }) => parse(body));
  const traceOf = (row: OutgoingRow) =>
    exchanges
      .filter(({ request }) => /upsert|update/.test(request.url))
      .flatMap(({ request }) => listOf(parse(String(request.body))['inputs']).map(membersOf))
      .filter((input) => textOf(input['id']).toLowerCase() === emailOf(row))
      .map((input) => input['objectWriteTraceId']);
  const names = (row: OutgoingRow) => {
    const traces = traceOf(row);
    const isMine = (result: Json) =>
      traces.includes(result['objectWriteTraceId']) ||
      textOf(membersOf(result['properties'])['email']).toLowerCase() === emailOf(row) ||
      // One input and one result: its id says nothing else.
      textOf(result['id']).toLowerCase() === emailOf(row);
    return answers.some((answer) =>
      listOf(answer['results'])
        .map(membersOf)
        .some((result) => isMine(result) && ['string', 'number'].includes(typeof result['id'])),
    );
  };
  return { most: batch.rows.length, names };
}

/** Who is not in the results of a lookup counts as gone, so the lookup has to be a whole one. */
function found(exchanges: readonly Exchanged[], batch: Batch) {
  const lookups = exchanges.filter(({ request }) => request.url.endsWith('/batch/read')).map(({ body }) => parse(body));
  const isWhole = lookups.every(
    (answer) =>
      Array.isArray(answer['results']) &&
      listOf(answer['results']).every((item) => ['string', 'number'].includes(typeof membersOf(item)['id'])),
  );
  return { most: isWhole ? batch.rows.length : 0 };
}

/** Salesforce answers by the order of the records, and says of each that it succeeded. */
function upserted(exchanges: readonly Exchanged[], batch: Batch) {
  const writes = exchanges.filter(({ request }) => request.url.includes('/composite/sobjects/'));
  const names = (row: OutgoingRow) =>
    writes.some(({ request, body }) => {
      const records = listOf(parse(String(request.body))['records']).map(membersOf);
      const results = listOf(parseAny(body)).map(membersOf);
      const { success, id } = results[records.findIndex(({ Email }) => Email === row.key)] ?? {};
      return success === true && textOf(id) !== '' && results.length === records.length;
    });
  return { most: batch.rows.length, names };
}

/** Who is not in the answer to a query counts as gone. */
function queried(exchanges: readonly Exchanged[], batch: Batch) {
  const queries = exchanges.filter(({ request }) => request.url.includes('/query'));
  const isWhole = queries.some(({ body }) => Array.isArray(parse(body)['records']) && parse(body)['done'] === true);
  return { most: isWhole ? batch.rows.length : 0 };
}

type Json = Readonly<Record<string, unknown>>;
const membersOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
function parse(text: string | undefined): Json {
  return membersOf(parseAny(text));
}
function parseAny(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}

const FIFTEEN_MINUTES = 15 * 60_000;
const CANARY = /person\.\d+(@|%40)|zebulon\d|\+336\d{8}|s3cr3t|[0-9a-f]{32}/i;

describe.each(SERVICES)('$platform $service', (given) => {
  test('gives an outcome by the contract for any answer', async () => {
    const service = await findService(given.platform, given.service);
    const kinds = new Map<string, number>();
    for (let seed = SEED; seed < SEED + fuzzRuns(400); seed++) {
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
    for (const kind of ['accepted', 'retry', 'refused', 'narrow']) {
      expect(kinds.get(kind) ?? 0, JSON.stringify([...kinds])).toBeGreaterThan(3);
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
    },
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
  expect(foreign).toEqual([]);
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
  // Klaviyo: 202 says nothing else, and a repeated unique_id is told by a refusal.
  if (platform === 'klaviyo') return (status === 202 && body.trim() === '') || /unique_id|duplicate/i.test(body);
  // An endpoint of the user's own may acknowledge with nothing, or with a word.
  return platform === 'webhook' && status >= 200 && status < 300 && !/^\s*["[{<]/.test(body);
}

function accepted(outcome: BatchOutcome, batch: Batch): number {
  if (outcome.kind === 'accepted') return batch.rows.length;
  if (outcome.kind === 'counted') return Math.min(outcome.accepted, batch.rows.length);
  return outcome.kind === 'receipts' ? outcome.receipts.filter(({ status }) => status === 'accepted').length : 0;
}
