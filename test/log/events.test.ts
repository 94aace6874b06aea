import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSources } from '../../scripts/docs-errors.mjs';
import { LOG_EVENTS, type LogEventDoc, SUBJECT_KEYS } from '../../src/log/events.ts';
import { people, Shop } from '../rules/shop.ts';

type Line = Readonly<Record<string, unknown>> & { readonly event: string; readonly level: string };

const TABLE = new Map(LOG_EVENTS.flatMap(({ events }) => events).map((doc) => [doc.event, doc] as const));

/** What is wrong with a line of the log: the table has no such event, level or key. */
function faultOf(line: Line): string | null {
  const doc: LogEventDoc | undefined = TABLE.get(line.event);
  if (doc === undefined) return `${line.event} is not in the table`;
  if (doc.level !== line.level) return `${line.event} is ${doc.level} in the table, and ${line.level} here`;
  const known = ['time', 'level', 'event', ...Object.keys(SUBJECT_KEYS), ...Object.keys(doc.keys)];
  const unknown = Object.keys(line).filter((key) => !known.includes(key));
  return unknown.length === 0 ? null : `${line.event} has ${unknown.join(', ')}, which the table lacks`;
}

/** stderr of a command with --log-format json: each line is an object. */
function linesOf(stderr: string): readonly Line[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line); // whatever is not JSON fails here
}

describe('the log of real commands', () => {
  let shop: Shop;
  const seen: Line[] = [];
  beforeEach(async () => {
    shop = await Shop.open();
    await shop.hold(people(1, 10));
  });
  afterEach(() => shop.close());

  async function log(...args: readonly string[]): Promise<readonly Line[]> {
    const { stderr } = await shop.workspace.dinmo(...args, '--log-format', 'json');
    const lines = linesOf(stderr);
    seen.push(...lines);
    return lines;
  }

  test('is one line of JSON for each event, as the table has them, from the first to the last', async () => {
    shop.hook.poison.add('3');
    const first = await log('sync', '--debug');
    expect(first.map(({ event }) => event)).toEqual([
      ...['command.started', 'project.read', 'models.stale', 'warehouse.connected', 'activation.started'],
      ...['gate.judged', 'plan.computed', 'delivery.started', 'batch.delivered', 'delivery.finished', 'run.settled'],
      ...['activation.finished', 'command.finished'],
    ]);
    const settled = first.find(({ event }) => event === 'run.settled');
    expect(settled).toMatchObject({ activation: 'vip.hook', destination: 'hook', accepted_insert: 9, rejected: 1 });
    const [run] = await shop.rowsOf(shop.stored('runs'));
    expect(settled).toMatchObject({ run_id: run?.['run_id'], sync_id: run?.['sync_id'] });
    expect(first.at(-2)).toMatchObject({ status: 'partial', exit_code: 1, planned_insert: 10, segment_rows: 10 });
    expect(first.at(-1)).toMatchObject({ command: 'sync', exit_code: 1, duration_ms: expect.any(Number) });

    await shop.hold(people(11, 20));
    const quiet = await log('plan');
    expect(quiet.map(({ level }) => level)).not.toContain('debug');
    expect(quiet.find(({ event }) => event === 'activation.finished')).toMatchObject({ status: 'planned' });

    let asked = 0;
    shop.fault = () => (++asked === 1 ? { status: 429, headers: { 'retry-after': '0' } } : null);
    const guarded = 'hook: {to: hook, guards: {max_delete_percent: 20, min_delete_rows: 1}}';
    shop.configure({ vip: `      ${guarded}\n      again: {to: hook}` });
    await log('sync', '--allow-deletes', '--allow-key-churn');
    shop.workspace.env['ALERT_URL'] = 'http://127.0.0.1:9/';
    shop.configure({
      settings: `alerts: {team: {type: webhook, url: "{{ env_var('ALERT_URL') }}"}}`,
      vip: '      hook: {to: nowhere}',
    });
    expect((await log('sync', '--debug')).map(({ event }) => event)).toEqual(
      expect.arrayContaining(['command.stopped', 'alert.failed', 'command.failed', 'command.finished']),
    );
    expect((await log('check', '--nonsense')).map(({ event }) => event)).toEqual(['command.failed']);

    expect(seen.map(faultOf).filter((fault) => fault !== null)).toEqual([]);
    const usual = [...TABLE.values()].filter(({ rare }) => rare !== true).map(({ event }) => event);
    const elsewhere = ['note.printed', 'problem.printed', 'alert.sent', 'alert.withheld'];
    const missing = usual.filter((event) => !seen.some((line) => line.event === event) && !elsewhere.includes(event));
    expect(missing).toEqual([]);
  });
});

test('every event that the sources name stands in the table, with its level, and every one of the table is named', () => {
  const said = /\.(debug|info|warn)\(\s*'([^']+)'|\bevent\(\s*'(debug|info|warn)',\s*'([^']+)'/g;
  const uses = readSources().flatMap(({ path, text }) =>
    [...text.matchAll(said)].map(([, level, event, spoken, name]) => ({
      path,
      level: level ?? spoken,
      event: event ?? name ?? '',
    })),
  );
  const wrong = uses.filter(({ event, level }) => TABLE.get(event)?.level !== level);
  expect(wrong).toEqual([]);
  const sources = readSources().filter(({ path }) => !path.startsWith('log/'));
  const unnamed = [...TABLE.keys()].filter((event) => !sources.some(({ text }) => text.includes(`'${event}'`)));
  expect(unnamed).toEqual([]);
  const badNames = [...TABLE.keys()].filter((event) => !/^[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*$/.test(event));
  expect(badNames).toEqual([]);
});
