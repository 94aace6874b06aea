import { describe, expect, it } from 'vitest';
import type { ImpactChange, ImpactReport } from '../../src/index.ts';
import { impactJson } from '../../src/report/impact-json.ts';
import { renderImpactMarkdown } from '../../src/report/impact-markdown.ts';
import { comparedLines } from '../../src/report/impact-order.ts';
import { renderImpact } from '../../src/report/impact-text.ts';
import { plainStyle } from '../../src/report/style.ts';

const EMPTY: ImpactReport = {
  base: { kind: 'project', generatedAt: '2026-01-02T03:04:05Z', dbtVersion: '1.12.6' },
  target: null,
  changes: [],
  segments: [],
  activations: [],
  notCompared: [],
  error: null,
  exitCode: 0,
};

function change(rest: Partial<ImpactChange> = {}): ImpactChange {
  return {
    code: 'filter-changed',
    severity: 'attention',
    subject: { kind: 'segment', name: 'vip' },
    column: null,
    message: 'The rule of vip changed.',
    effect: 'Members leave.',
    before: ['country eq FR'],
    after: ['country eq BE'],
    guess: false,
    segments: ['vip'],
    activations: ['vip.list'],
    location: { file: 'dinmo/vip.yml', line: 3, column: 1 },
    ...rest,
  };
}

describe('the report of an impact', () => {
  it('is one line where nothing is touched', () => {
    expect(renderImpact(EMPTY, plainStyle)).toBe('No segment, mapping or activation is touched.');
    expect(renderImpactMarkdown(EMPTY)).toBe('### dinmo impact: No segment, mapping or activation is touched.');
  });

  it('has one table, what to look at first, and the rest folded', () => {
    const report: ImpactReport = {
      ...EMPTY,
      target: 'ci',
      changes: [change()],
      segments: [
        {
          segment: 'vip',
          entity: 'customer',
          status: 'changed',
          size: { before: 1200, after: 900, entering: 10, leaving: 310 },
          note: null,
        },
      ],
      activations: [
        {
          activation: 'vip.list',
          was: null,
          segment: 'vip',
          destination: 'meta',
          status: 'affected',
          plan: {
            activation: 'vip.list',
            mode: 'delta',
            status: 'blocked',
            planned: { insert: 10, update: 0, delete: 310 },
            accepted: null,
            rejected: null,
            deferred: null,
            unknown: null,
            invalid: 2,
            unchanged: 890,
            reason: 'guard delete-percent: 310 of 1200 rows',
          },
          today: { insert: 1, update: 0, delete: 0 },
          note: null,
        },
      ],
    };
    const markdown = renderImpactMarkdown(report);
    expect(markdown).toContain(
      '| `vip.list` | affected, **blocked** | 10 | 0 | 310 | 1,200 → 900 (\\+10, −310) |'.replace('\\+', '+'),
    );
    expect(markdown).toMatch(
      /\*\*Look at first\*\*\n\n- vip\.list would be stopped: guard delete-percent[\s\S]*- 310 members of vip would leave\./,
    );
    expect(markdown).toContain('```diff\n- country eq FR\n+ country eq BE\n```');
    expect(markdown).toContain('without this change: 1 inserts');
    expect(Object.keys(impactJson(report))).toEqual([
      'base',
      'target',
      'changes',
      'segments',
      'activations',
      'not_compared',
      'error',
    ]);
  });

  it('shows hostile names as they are, and lets them do nothing', () => {
    const hostile =
      '`x` | <img src=x onerror=alert(1)> @everyone #1 [a](https://evil.example) \u202egnp\n```\n</details>';
    const markdown = renderImpactMarkdown({
      ...EMPTY,
      changes: [
        change({
          subject: { kind: 'activation', name: hostile },
          message: hostile,
          before: [hostile],
          activations: [hostile],
        }),
      ],
      segments: [{ segment: hostile, entity: null, status: 'changed', size: null, note: hostile }],
    });
    const outside = markdown
      .replaceAll(/(`{3,})diff\n[\s\S]*?\n\1(?=\n|$)/g, '')
      .replaceAll(/(?<!`)(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, '');
    expect(outside).not.toMatch(/<img|@everyone|[^&]#1\b|(?<!\\)\]\(|https:\/\/evil|\u202e/);
    expect(outside.match(/<details>/g)?.length).toBe(outside.match(/<\/details>/g)?.length);
    // In the block of code a longer fence holds the three backticks of the name.
    expect(markdown).toContain('````diff');
  });

  it('fits into a comment of GitHub, says what is left out, and closes what it opened', () => {
    const many = Array.from({ length: 3_000 }, (_, index) =>
      change({ message: `The rule of segment_${index} changed.` }),
    );
    const markdown = renderImpactMarkdown({ ...EMPTY, changes: many });
    expect(markdown.length).toBeLessThan(65_536);
    expect(markdown.length).toBeGreaterThan(50_000);
    expect(markdown).toMatch(/… [\d,]+ more changes left out/);
    expect(markdown.match(/<details>/g)?.length).toBe(markdown.match(/<\/details>/g)?.length);
  });

  it('compares rules line by line', () => {
    expect(comparedLines(['all of', '  a', '  b'], ['all of', '  b', '  c'])).toEqual([
      '  all of',
      '-   a',
      '    b',
      '+   c',
    ]);
    expect(comparedLines(null, ['new'])).toEqual(['+ new']);
  });
});
