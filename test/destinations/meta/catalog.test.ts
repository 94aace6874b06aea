import { describe, expect, it } from 'vitest';
import type {
  BatchOutcome,
  FieldValue,
  Job,
  OutgoingRow,
  ServiceContext,
} from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { secret } from '../../privacy/canaries.ts';
import { fieldsOf, makeBatch, makeContext, makeRow, type Scripted, scriptedHttp } from '../rows.ts';

const CONFIG = { catalog_id: '42', item_type: 'PRODUCT_ITEM', id_field: 'id', delete_existing: true };
const SIGNAL = new AbortController().signal;
const GRAPH = 'https://graph.facebook.com/v26.0/42';

async function open(answers: readonly Scripted[], part: Partial<ServiceContext> = {}) {
  const { http, asked } = scriptedHttp(answers);
  const context = makeContext({ config: CONFIG, credentials: { access_token: secret('meta') }, http, ...part });
  return { session: await (await findService('meta', 'objects')).open(context), asked };
}

const item = (seq: number, fields: Readonly<Record<string, FieldValue>> = {}, part: Partial<OutgoingRow> = {}) =>
  makeRow({
    seq,
    key: `sku-${seq}`,
    fieldsJson: fieldsOf({ id: `sku-${seq}`, ...fields }),
    operation: part.operation ?? 'insert',
  });

const ok = (body: unknown): Scripted => ({ status: 200, body });
const status = (body: object): Scripted => ok({ data: [{ handle: 'h1', status: 'finished', ...body }] });

async function send(rows: readonly OutgoingRow[], answer: Scripted, config = CONFIG) {
  const { session, asked } = await open([answer], { config });
  const outcome = await session.send(makeBatch(rows), SIGNAL);
  return { outcome, url: asked[0]?.url, body: JSON.parse(String(asked[0]?.body)) };
}

async function poll(rows: readonly OutgoingRow[], answers: readonly Scripted[], handle = 'h1') {
  const { session, asked } = await open(answers);
  const job: Job = { handle, operation: rows[0]?.operation ?? 'insert', rows };
  const outcome = (await session.poll?.(job, SIGNAL)) ?? null;
  return { outcome, asked };
}

const told = (outcome: BatchOutcome | null): readonly string[] =>
  outcome?.kind === 'receipts'
    ? outcome.receipts.map((one) => ('code' in one ? `${one.status} ${one.code}` : one.status))
    : [`${outcome?.kind}`];

describe('a batch of items', () => {
  it('upserts by the id, unsets a field with an empty text, and writes prices and listed values as Meta does', async () => {
    const fields = {
      price: '9.90',
      sale_price: '8.5 usd',
      availability: ' In Stock',
      brand: null,
      rating: 4.5,
      id: 'else',
    };
    const { outcome, url, body } = await send([item(1, fields)], ok({ handles: ['h1'] }), {
      ...CONFIG,
      currency: 'eur',
    } as never);
    expect(url).toBe(`${GRAPH}/items_batch`);
    expect(body).toEqual({
      ...{ item_type: 'PRODUCT_ITEM', allow_upsert: true },
      requests: [
        {
          method: 'UPDATE',
          data: {
            ...{
              id: 'sku-1',
              price: '9.90 EUR',
              sale_price: '8.5 USD',
              availability: 'in stock',
              brand: '',
              rating: 4.5,
            },
          },
        },
      ],
    });
    expect(outcome).toMatchObject({ kind: 'submitted', handle: 'h1' });
  });

  it('deletes by the id alone; other types of items have other id fields, and their values are left alone', async () => {
    const removal = await send([item(1, {}, { operation: 'delete' })], ok({ handles: ['h1'] }));
    expect(removal.body.requests).toEqual([{ method: 'DELETE', data: { id: 'sku-1' } }]);
    const hotels = { ...CONFIG, item_type: 'HOTEL', id_field: 'hotel_id' };
    const { body } = await send([item(1, { price: 12 })], ok({ handles: ['h1'] }), hotels);
    expect(body).toMatchObject({ item_type: 'HOTEL', requests: [{ data: { hotel_id: 'sku-1', price: 12 } }] });
  });

  it.each<[string, Scripted, readonly string[]]>([
    [
      'refused at once, the others queued',
      ok({ handles: ['h1'], validation_status: [{ retailer_id: 'sku-2', errors: [{ message: 'no' }] }] }),
      ['submitted'],
    ],
    [
      'nothing queued for the sake of one',
      ok({ handles: [], validation_status: [{ retailer_id: 'sku-2', errors: [{ message: 'no' }] }] }),
      ['deferred not-queued', 'rejected item-refused'],
    ],
    [
      'a warning only, and no handle',
      ok({ validation_status: [{ retailer_id: 'sku-2', errors: [], warnings: [{ message: 'hm' }] }] }),
      ['retry'],
    ],
    ['a handle that is none', ok({ handles: ['a:b c'] }), ['retry']],
    ['too many calls', { status: 400, body: { error: { code: 80_014, message: 'wait' } } }, ['retry']],
    [
      'too much data',
      { status: 500, body: { error: { code: 1, message: 'Please reduce the amount of data you ask for' } } },
      ['too_large'],
    ],
  ])('is answered: %s', async (_name, answer, expected) => {
    expect(told((await send([item(1), item(2)], answer)).outcome)).toEqual(expected);
  });

  it('keeps the places of items that were refused at once in the handle', async () => {
    const refusal = {
      handles: ['h1', 'h2'],
      validation_status: [{ retailer_id: 'sku-2', errors: [{ message: 'no' }] }],
    };
    const { outcome } = await send([item(1), item(2)], ok(refusal));
    expect(outcome).toMatchObject({ handle: 'h1.h2:1' });
    const { outcome: end } = await poll([item(1), item(2)], [status({}), status({})], 'h1.h2:1');
    expect(told(end)).toEqual(['accepted', 'rejected item-refused']);
  });
});

describe('a job of items', () => {
  const rows = [item(1), item(2), item(3)];
  const error = (id: string, message = 'Invalid value') => ({ line: 0, id, message });

  it.each<[string, Scripted, readonly string[]]>([
    ['going on', status({ status: 'Started' }), ['submitted']],
    ['over', status({ errors_total_count: 0 }), ['accepted', 'accepted', 'accepted']],
    [
      'errors by item, of which Meta shows some',
      status({ errors: [error('sku-1')], errors_total_count: 2, ids_of_invalid_requests: ['sku-1', 'sku-3'] }),
      ['rejected item-refused', 'accepted', 'rejected item-refused'],
    ],
    ['errors that name no item of ours', status({ errors: [error('else')], errors_total_count: 1 }), ['narrow']],
    [
      'more errors than it shows, and no ids of theirs',
      status({ errors: [error('sku-1')], errors_total_count: 3 }),
      ['narrow'],
    ],
    ['an error of an item beside one of none', status({ errors: [error('sku-1'), { message: 'no' }] }), ['narrow']],
    [
      'two errors of one item',
      status({ errors: [error('sku-1'), error('sku-1')], errors_total_count: '2' }),
      ['rejected item-refused', 'accepted', 'accepted'],
    ],
    ['warnings', status({ warnings: [error('sku-1')], warnings_total_count: 1 }), ['accepted', 'accepted', 'accepted']],
    [
      'broken off: some items are there, others not',
      status({ status: 'error', errors: [error('sku-2')] }),
      ['unknown job-failed', 'rejected item-refused', 'unknown job-failed'],
    ],
    ['canceled', status({ status: 'canceled' }), ['unknown job-failed', 'unknown job-failed', 'unknown job-failed']],
    ['forgotten', ok({ data: [] }), ['unknown job-expired', 'unknown job-expired', 'unknown job-expired']],
    [
      'not known',
      { status: 400, body: { error: { code: 100, message: 'Invalid batch handle' } } },
      ['unknown job-expired', 'unknown job-expired', 'unknown job-expired'],
    ],
    ['no right to ask', { status: 403, body: { error: { code: 200, message: 'no' } } }, ['refused']],
    ['HTML', { status: 200, body: '<html>' }, ['retry']],
  ])('is %s', async (_name, answer, expected) => {
    const { outcome, asked } = await poll(rows, [answer]);
    expect(told(outcome)).toEqual(expected);
    expect(asked[0]?.url).toContain(`${GRAPH}/check_batch_request_status?handle=h1&load_ids_of_invalid_requests=true`);
  });

  it('takes an item that is not there as deleted, and one that cannot be deleted as kept', async () => {
    const removals = [1, 2].map((seq) => item(seq, {}, { operation: 'delete' }));
    const errors = [error('sku-1', 'Item with id sku-1 does not exist'), error('sku-2', 'Locked')];
    expect(told((await poll(removals, [status({ errors })])).outcome)).toEqual(['accepted', 'rejected item-refused']);
  });
});

describe('an item that Meta would refuse', () => {
  const check = async (fields: Readonly<Record<string, FieldValue>>, config: object = {}, key = 'sku-1') => {
    const { validate } = await findService('meta', 'objects');
    const row = makeRow({ seq: 1, key, fieldsJson: fieldsOf(fields) });
    return validate?.(row, 0, { ...CONFIG, ...config })?.code ?? null;
  };

  it.each<[Readonly<Record<string, FieldValue>>, string | null]>([
    [{ price: '9.99 EUR', sale_price: '9 eur', availability: 'preorder', link: 'http://a.example/ü' }, null],
    [{ price: null, availability: null, link: '' }, null],
    [{ price: 9.99 }, 'price-without-currency'],
    [{ price: 'EUR 9.99' }, 'invalid-price'],
    [{ price: '9,99 EUR' }, 'invalid-price'],
    [{ sale_price: '-1 EUR' }, 'invalid-price'],
    [{ availability: 'in_stock' }, 'invalid-availability'],
    [{ condition: 'old' }, 'invalid-condition'],
    [{ age_group: 'all ages' }, null],
    [{ link: 'shop.example/p' }, 'invalid-link'],
    [{ image_link: 'javascript:alert(1)' }, 'invalid-link'],
    [{ image_link: ['https://a.example/1'] }, 'invalid-link'],
    [{ additional_image_link: ['https://a.example/1', 'https://a.example/2'] }, null],
    [{ additional_image_link: Array.from({ length: 21 }, () => 'https://a.example/1') }, 'too-many-images'],
    [{ quantity_to_sell_on_facebook: -1 }, 'invalid-quantity'],
    [{ title: 'é'.repeat(200) }, null],
    [{ title: 'é'.repeat(201) }, 'text-too-long'],
  ])('%j is %s', async (fields, code) => {
    expect(await check(fields)).toBe(code);
  });

  it('hangs on the settings and the id', async () => {
    expect(await check({ price: 9.99 }, { currency: 'EUR' })).toBeNull();
    expect(await check({ price: 9.99 }, { item_type: 'HOTEL' })).toBeNull();
    expect(await check({}, {}, 'x'.repeat(101))).toBe('invalid-id');
  });
});

it('deletes nothing without delete_existing, for Meta does not say what was there before', async () => {
  const config = { ...CONFIG, delete_existing: false };
  await expect(open([], { config })).rejects.toMatchObject({ code: 'delete-needs-delete-existing' });
});
