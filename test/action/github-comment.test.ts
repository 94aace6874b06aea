import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { comment } from '../../scripts/github-comment.mjs';
import { SimulatedGithub, type Trouble } from './simulated-github.ts';

const MARKER = '<!-- dinmo impact -->';

describe('the comment on a pull request', () => {
  let github: SimulatedGithub;
  let folder: string;
  let said: string[];
  let waits: number[];

  beforeEach(async () => {
    github = new SimulatedGithub();
    await github.start();
    folder = mkdtempSync(join(tmpdir(), 'dinmo-action-'));
    said = [];
    waits = [];
  });
  afterEach(async () => {
    await github.stop();
    rmSync(folder, { recursive: true });
  });

  function post(
    markdown: string,
    { token = 'token-that-writes', key = '', event = { pull_request: { number: 7 } } }: Wish = {},
  ): ReturnType<typeof comment> {
    writeFileSync(join(folder, 'event.json'), JSON.stringify(event));
    const env = {
      GITHUB_API_URL: github.url,
      GITHUB_REPOSITORY: 'shop/dbt',
      GITHUB_EVENT_PATH: join(folder, 'event.json'),
      GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
      ...(token === null ? {} : { GITHUB_TOKEN: token }),
    };
    return comment(markdown, key, {
      env,
      say: (text) => said.push(text),
      sleep: async (ms) => waits.push(ms),
    });
  }
  const summary = (): string =>
    existsSync(join(folder, 'summary.md')) ? readFileSync(join(folder, 'summary.md'), 'utf8') : '';

  it('is made once, and takes its own place afterwards, on whatever page it stands', async () => {
    for (let index = 0; index < 230; index++) github.add(`${index}: looks good`);
    expect(await post('first')).toBe('posted');
    for (let index = 0; index < 120; index++) github.add('more talk');
    expect(await post('second')).toBe('updated');
    expect(github.comments.filter(({ body }) => body.startsWith(MARKER)).map(({ body }) => body)).toEqual([
      `${MARKER}\nsecond`,
    ]);
    expect(github.requests.filter((request) => request.startsWith('GET')).length).toBe(3 + 4);
    expect(summary()).toBe('');
  });

  it('does not take the place of who quotes it, nor of another project’s', async () => {
    const quote = github.add(`> ${MARKER}\n> first\n\nWhy?`);
    const copied = github.add(`${MARKER}\nfirst`, 'User');
    const own = github.add(`${MARKER}\nfirst`, 'Bot');
    expect(await post('of a project', { key: 'dbt/other' })).toBe('posted');
    expect(await post('of the root')).toBe('updated');
    expect(own.body).toContain('of the root');
    expect([quote.body, copied.body].join()).not.toContain('of the root');
  });

  it('goes to the summary where the token may not comment, and says why', async () => {
    const event = { pull_request: { number: 7, head: { repo: { full_name: 'fork/dbt' } } } };
    expect(await post('of a fork', { token: 'token-that-reads', event })).toBe('summary');
    expect(said.join()).toMatch(
      /403: Resource not accessible by integration\).*comes from a fork.*pull-requests: write/,
    );
    expect(summary()).toBe('of a fork\n');
    expect(github.comments).toEqual([]);
  });

  it.each([
    ['a token that is wrong', { token: 'token-of-somebody' }],
    ['no token', { token: null }],
    ['no pull request', { event: { ref: 'refs/heads/main' } }],
  ] as const)('goes to the summary with %s', async (_, wish) => {
    expect(await post('the result', wish)).toBe('summary');
    expect(summary()).toBe('the result\n');
    expect(waits).toEqual([]);
  });

  it.each<[string, readonly Trouble[], readonly number[]]>([
    ['GitHub is down', [{ status: 502 }, { status: 503 }], [1000, 2000]],
    ['a secondary rate limit says how long', [{ status: 403, headers: { 'retry-after': '7' } }], [7000]],
    [
      'a rate limit is spent',
      [{ status: 429, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0' } }],
      [0],
    ],
  ])('waits where %s, and goes on', async (_, troubles, expected) => {
    github.troubles.push(...troubles);
    expect(await post('patience')).toBe('posted');
    expect(waits).toEqual(expected);
  });

  it('makes no second comment where the first one was made and the answer lost', async () => {
    github.troubles.push('let-pass', { status: 'done-then-500' });
    expect(['posted', 'updated']).toContain(await post('once'));
    expect(github.comments.length).toBe(1);
  });

  it('gives up on a GitHub that stays down, and on a wait that is too long', async () => {
    github.troubles.push(...Array.from({ length: 5 }, () => ({ status: 500 })));
    await expect(post('never')).rejects.toThrow('GitHub answered 500');
    github.troubles.push({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(post('never')).rejects.toThrow('GitHub answered 429');
  });

  it('never sends more than GitHub takes', async () => {
    expect(await post('x'.repeat(100_000))).toBe('posted');
    expect(github.comments[0]?.body.length).toBe(65_536);
    expect(github.comments[0]?.body).toMatch(/cut, since a comment of GitHub holds no more\.$/);
  });
});

interface Wish {
  readonly token?: string | null;
  readonly key?: string;
  readonly event?: object;
}
