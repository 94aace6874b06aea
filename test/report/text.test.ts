import { describe, expect, test } from 'vitest';
import { parseRule } from '../../src/artifacts/parse-rule.ts';
import type { Finding } from '../../src/finding.ts';
import type { ActivationDetail, ActivationReport, SyncReport } from '../../src/report/activation-report.ts';
import { renderFindings } from '../../src/report/findings.ts';
import { renderTable, wrap } from '../../src/report/layout.ts';
import { renderProgress } from '../../src/report/progress-line.ts';
import { renderRule } from '../../src/report/rule-text.ts';
import { columnsOf, plainStyle, terminalStyle } from '../../src/report/style.ts';
import { renderPlan, renderSync, syncJson } from '../../src/report/sync.ts';

const NARROW = { ...plainStyle, width: 80 };

const ACTIVATION: ActivationReport = {
  activation: 'customers_who_bought_twice_this_year.hubspot_contacts',
  mode: 'delta',
  status: 'partial',
  planned: { insert: 12_345, update: 1, delete: 2 },
  accepted: { insert: 12_000, update: 1, delete: 2 },
  rejected: 345,
  deferred: 0,
  unknown: 0,
  invalid: 3,
  unchanged: 1_000_000,
  reason: 'some rows were rejected',
};

const DETAIL: ActivationDetail = {
  destination: 'hubspot_contacts',
  exitCode: 1,
  invalidByCode: { 'null-key': 2, 'no-identifier': 1 },
  parked: 4,
  segmentRows: 1,
  snapshotRows: 1,
  staying: 5,
  overridden: ['--no-gate'],
  durationMs: 75_000,
};

function report(activations: readonly ActivationReport[], orphans: SyncReport['orphans'] = []): SyncReport {
  return { activations, error: null, exitCode: 0, details: new Map([[ACTIVATION.activation, DETAIL]]), orphans };
}

describe('a table', () => {
  test('fits into 80 columns whatever the names, and cuts none', () => {
    const text = renderSync(report([ACTIVATION], [{ activation: 'old.one', rows: 2 }]), NARROW);
    for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(80);
    expect(text).toContain('customers_who_bought_twice_this_year.hubspot_contacts\n    partial  12,000');
    expect(text.replaceAll(/\s+/g, ' ')).toContain('345 rejected · 3 invalid (null-key 2, no-identifier 1) · 4 parked');
    expect(text).toContain('took 1 min 15 s');
    expect(text).toContain('old.one has no block any more; 2 rows stay');
    expect(text.split('\n').at(-1)).toBe('12,003 changes accepted.');
  });

  test('is aligned though cells have colour', () => {
    const style = terminalStyle(80, true);
    const columns = [
      { title: 'a', align: 'left' as const },
      { title: 'b', align: 'right' as const },
    ];
    const rows = [{ cells: [style.red('x'), '1'] }, { cells: ['long name', '22'] }];
    const lines = renderTable(columns, rows, 80).split('\n');
    expect(lines.map(columnsOf)).toEqual([13, 13, 13]);
  });
});

describe('the answer of a sync', () => {
  test('has the documented keys in their order, also what was not computed', () => {
    const blank: ActivationReport = {
      ...ACTIVATION,
      mode: null,
      planned: null,
      accepted: null,
      rejected: null,
      unchanged: null,
    };
    const text = JSON.stringify(syncJson(report([{ ...blank, status: 'skipped' }])));
    expect(text).toBe(
      '{"activations":[{"activation":"customers_who_bought_twice_this_year.hubspot_contacts","mode":null,"status":"skipped","planned":null,"accepted":null,"rejected":null,"deferred":0,"unknown":0,"invalid":3,"unchanged":null,"reason":"some rows were rejected"}],"error":null}',
    );
  });

  test.each([
    ['changes', ACTIVATION, '12,348 changes to send. Nothing was sent.'],
    [
      'no change',
      { ...ACTIVATION, planned: { insert: 0, update: 0, delete: 0 } },
      'Nothing to send. Nothing was sent.',
    ],
    ['nothing computed', { ...ACTIVATION, planned: null }, 'Nothing was sent.'],
  ])('ends a plan of %s with what it comes to', (_what, activation, last) => {
    expect(
      renderPlan(report([activation]), NARROW)
        .split('\n')
        .at(-1),
    ).toBe(last);
  });
});

test('findings stand under their place, wrapped, and are counted', () => {
  const finding: Finding = {
    code: 'unknown-property',
    severity: 'error',
    message: `The entity customer has no property emial, ${'and so on '.repeat(10).trim()}.`,
    fix: 'Did you mean email?',
    location: { file: 'models/_customers.yml', line: 12, column: 9 },
  };
  const info: Finding = { ...finding, severity: 'info', location: null, node: 'model.shop.customers' };
  const text = renderFindings([finding, info], NARROW);
  expect(text.split('\n')[0]).toBe('models/_customers.yml:12:9  error  unknown-property');
  expect(text).toContain('\n    → Did you mean email?\n');
  expect(text).toContain('model.shop.customers  info');
  expect(text.endsWith('1 error, 1 note.')).toBe(true);
  for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(80);
});

test('a filter reads as it is nested', () => {
  const { rule } = parseRule(
    {
      all: [
        { attribute: 'country', in: ['FR', 'DE'] },
        {
          not: {
            relation: 'orders',
            sum: { of: 'amount', gt: 9007199254740993n },
            during: { last: 90, unit: 'day' },
            where: { segment: 'big' },
          },
        },
        { attribute: 'created_at', between: [{ ago: 2, unit: 'year' }, 'now'] },
      ],
    },
    [],
  );
  expect(rule === null ? [] : renderRule(rule)).toEqual([
    'all of',
    '  country in [FR, DE]',
    '  not',
    '    orders: sum(amount) gt 9007199254740993, last 90 day, where',
    '      in segment big',
    '  created_at between 2 year ago and now',
  ]);
});

describe('progress', () => {
  const progress = { activation: 'vip.meta', stage: 'deliver', done: 0, total: 10, elapsedMs: 0 } as const;

  test('promises no time left before there is a rate', () => {
    expect(renderProgress(progress, 80)).toBe('vip.meta  sending  0 of 10 rows');
    expect(renderProgress({ ...progress, elapsedMs: 60_000 }, 80)).toBe('vip.meta  sending  0 of 10 rows');
  });

  test('never grows over the width of the terminal', () => {
    expect(renderProgress({ ...progress, activation: 'a'.repeat(100) }, 40)).toHaveLength(40);
  });
});

test('wrapping keeps words whole and lines short', () => {
  expect(wrap('one two three four', 9, '  ')).toBe('one two\n  three\n  four');
});

test('an error beside computed activations stays out of the JSON, which has either', () => {
  const stopped = { ...report([ACTIVATION]), error: { code: 'x', message: 'y' } };
  expect(syncJson(stopped)).toMatchObject({ error: null, activations: [{ status: 'partial' }] });
  expect(syncJson({ ...stopped, activations: [] })).toEqual({ activations: [], error: { code: 'x', message: 'y' } });
});
