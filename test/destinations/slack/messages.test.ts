import { describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const URL = 'https://hooks.slack.com/services/T0001/B0001/s3cr3t';
const OK: Scripted = { status: 200, body: 'ok' };

async function open(config: ServiceContext['config'], answers: readonly Scripted[], changes = 1) {
  const { http, asked } = scriptedHttp(answers);
  const context = makeContext({ config, credentials: { webhook_url: URL }, http, changes });
  const session = await (await findService('slack', 'events')).open(context);
  return {
    asked,
    clock: context.clock,
    texts: () => asked.map(({ body }) => JSON.parse(String(body)).text),
    send: (rows: readonly OutgoingRow[]): Promise<BatchOutcome> =>
      session.send(makeBatch(rows), new AbortController().signal),
  };
}

const sale = (seq: number, fields: object = {}): OutgoingRow =>
  makeRow({ seq, key: `o-${seq}`, fieldsJson: JSON.stringify({ name: `Ann ${seq}`, amount: '12.50', ...fields }) });
const sales = (count: number): readonly OutgoingRow[] => Array.from({ length: count }, (_, index) => sale(index + 1));
const statuses = (outcome: BatchOutcome): unknown =>
  outcome.kind === 'receipts' ? outcome.receipts.map(({ status }) => status) : outcome.kind;

describe('the text of a message', () => {
  it.each([
    ['{amount} by {name}', { name: '<!channel> & <@U1>' }, '12.50 by &lt;!channel&gt; &amp; &lt;@U1&gt;'],
    ['<https://x.example/{id}|{name}>', { id: 7, name: 'a|b>c' }, '<https://x.example/7|a¦b&gt;c>'],
    ['<!here> {missing}', {}, '<!here> –'],
    [undefined, { text: '<!here> *sold*' }, '&lt;!here&gt; *sold*'],
    [undefined, { name: 'Ann' }, 'name: Ann, amount: 12.50'],
  ])('%s with %j', async (template, fields, text) => {
    const { send, texts } = await open(template === undefined ? {} : { template }, [OK]);
    await send([sale(1, fields)]);
    expect(texts()).toEqual([text]);
  });

  it('is cut without leaving half a link or half an escape', async () => {
    const { send, texts } = await open({ template: `${'x'.repeat(3_980)}<https://shop.example/{name}|open>` }, [OK]);
    await send([sale(1)]);
    expect(texts()).toEqual([`${'x'.repeat(3_980)}…`]);
  });

  it('keeps every digit of its blocks', async () => {
    const { send, asked } = await open({}, [OK]);
    await send([sale(1, { blocks: '[{"type":"section","id":9007199254740993}]' })]);
    expect(String(asked[0]?.body)).toContain('9007199254740993');
  });

  it('stands beside blocks, which are sent as they are', async () => {
    const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*Hi*' } }];
    const { send, asked } = await open({}, [OK]);
    await send([sale(1, { text: 'Hi', blocks: JSON.stringify(blocks) })]);
    expect(JSON.parse(String(asked[0]?.body))).toEqual({ text: 'Hi', blocks });
    expect(asked[0]).toMatchObject({ method: 'POST', url: URL });
  });

  it.each([
    ['{"text":""}', {}, 'message-without-text'],
    ['{"blocks":"no JSON"}', {}, 'invalid-blocks'],
    ['{"blocks":[]}', {}, 'invalid-blocks'],
    ['{"text":"Hi"}', {}, null],
    ['{"blocks":"no JSON","text":"Hi"}', { messages: 'digest' }, null],
  ])('%s under %j: %s', async (fieldsJson, config, code) => {
    const service = await findService('slack', 'events');
    expect(service.validate?.(makeRow({ seq: 1, fieldsJson }), NOON, config)?.code ?? null).toBe(code);
  });
});

describe('a message each', () => {
  it('is posted once a second, up to rows_max in the whole sync; one more says how many are left', async () => {
    const { send, texts, clock } = await open(
      { messages: 'each', rows_max: 3, template: '{name}' },
      [OK, OK, OK, OK],
      5,
    );
    expect(statuses(await send(sales(2)))).toEqual(['accepted', 'accepted']);
    expect(statuses(await send(sales(5).slice(2)))).toEqual(['accepted', 'accepted', 'accepted']);
    expect(texts()).toEqual(['Ann 1', 'Ann 2', 'Ann 3', 'and 2 more']);
    expect(clock.now() - NOON).toBe(2_000);
    expect(await send([sale(6)])).toEqual({ kind: 'accepted' });
  });

  it('waits where Slack says so, parks what may have been posted, and leaves the rest for the next run', async () => {
    const { send, clock } = await open({ rows_max: 3 }, [
      OK,
      { status: 429, headers: { 'retry-after': '5' }, body: 'rate_limited' },
      OK,
      { status: 500, body: 'rollup_error' },
    ]);
    expect(await send(sales(5))).toMatchObject({
      receipts: [
        { status: 'accepted' },
        { status: 'accepted' },
        { status: 'unknown', code: 'rollup_error' },
        { status: 'deferred' },
        { status: 'deferred' },
      ],
    });
    expect(clock.now() - NOON).toBe(7_000);
  });

  it('is rejected for itself alone', async () => {
    const { send } = await open({}, [OK, { status: 400, body: 'invalid_blocks' }, OK]);
    expect(statuses(await send(sales(3)))).toEqual(['accepted', 'rejected', 'accepted']);
  });
});

describe('a digest', () => {
  const config = { messages: 'digest', rows_max: 2, template: '{name}: {note}', title: '*{count} sales*' };

  it('is one message for the sync, however many batches it has', async () => {
    const { send, texts } = await open(config, [OK], 6_000);
    expect(await send(sales(5).map((row) => ({ ...row })))).toEqual({ kind: 'accepted' });
    expect(await send([sale(6)])).toEqual({ kind: 'accepted' });
    expect(texts()).toEqual(['*6,000 sales*\n• Ann 1: –\n• Ann 2: –\nand 5,998 more']);
  });

  it('shows the lines that fit, without breaks in a line, and counts the others', async () => {
    const { send, texts } = await open({ ...config, rows_max: 30 }, [OK], 30);
    await send(Array.from({ length: 30 }, (_, index) => sale(index + 1, { note: `a\nb${'&'.repeat(300)}` })));
    const [text = ''] = texts();
    expect(text.length).toBeLessThan(4_000);
    expect(text).not.toMatch(/&(?!amp;)/);
    expect(text).toMatch(/^\*30 sales\*\n• Ann 1: a b/);
    const shown = text.split('\n').length - 2;
    expect(text.endsWith(`and ${30 - shown} more`)).toBe(true);
  });

  it('that is refused is no row’s fault, and no half of it is tried', async () => {
    const { send } = await open(config, [{ status: 400, body: 'invalid_payload' }]);
    expect(await send(sales(5))).toMatchObject({ kind: 'refused', code: 'invalid_payload' });
  });
});

describe('answers', () => {
  it.each([
    [404, 'no_service', { kind: 'refused', code: 'no_service' }],
    [403, 'invalid_token', { kind: 'refused' }],
    [403, 'action_prohibited', { kind: 'refused' }],
    [410, 'channel_is_archived', { kind: 'refused', code: 'channel_is_archived' }],
    [404, '<html>Not here</html>', { kind: 'refused', code: 'http-404' }],
    [302, '', { kind: 'refused' }],
    [500, 'rollup_error', { kind: 'retry', applied: 'maybe', code: 'rollup_error' }],
    [200, '<html>', { kind: 'retry', applied: 'maybe' }],
    [200, '', { kind: 'retry', applied: 'maybe' }],
    [429, '', { kind: 'retry', applied: 'no', throttled: true, afterMs: 30_000 }],
  ])('%i %s', async (status, body, outcome) => {
    const { send } = await open({}, [{ status, body, headers: { 'retry-after': '30' } }]);
    const answered = await send([sale(1)]);
    expect(answered).toMatchObject(outcome);
    expect(JSON.stringify(answered)).not.toContain('s3cr3t');
  });

  it('to doctor come from a webhook that refuses an empty message, and post nothing', async () => {
    const service = await findService('slack', 'events');
    const verify = async (answer: Scripted) => {
      const { http, asked } = scriptedHttp([answer]);
      const result = await service.verify(makeContext({ credentials: { webhook_url: URL }, http }));
      expect(asked[0]?.body).toBe('{}');
      return result.ok;
    };
    expect(await verify({ status: 400, body: 'no_text' })).toBe(true);
    expect(await verify({ status: 404, body: 'no_service' })).toBe(false);
  });
});
