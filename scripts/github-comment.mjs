// @ts-check
// Posts a file of Markdown as one comment on the pull request of this workflow, or takes the place of the one posted before.
// Where the token may not comment (a fork's pull request), or there is no pull request, it goes to the job's summary. Used by
// action.yml; needs nothing but Node.
//
//   node github-comment.mjs <file> [key]      key: tells the comments of several projects apart

import { appendFileSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** GitHub refuses longer comments. */
const COMMENT_CHARACTERS_MAX = 65_536;
const ATTEMPTS_MAX = 5;
const WAIT_MS_MAX = 60_000;
const REQUEST_MS_MAX = 30_000;

/**
 * @typedef {Readonly<Record<string, string | undefined>>} Environment
 * @typedef {{readonly env: Environment, readonly say: (text: string) => void, readonly sleep: (ms: number) => Promise<unknown>}} Surroundings
 * @typedef {{readonly status: number, readonly body: unknown, readonly next: string | null}} Answer
 * @typedef {{readonly id: number, readonly body?: string | null, readonly user?: {readonly type?: string} | null}} Comment
 */

/** GitHub said no, for good. */
class Refused extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Nobody knows whether GitHub did it. */
class Unsure extends Error {}

/**
 * Where it went: `posted`, `updated`, or `summary` with the reason said.
 * @param {string} markdown @param {string} key @param {Surroundings} surroundings
 * @returns {Promise<'posted' | 'updated' | 'summary'>}
 */
export async function comment(markdown, key, { env, say, sleep }) {
  const summarise = (/** @type {string} */ why) => {
    say(why);
    if (env['GITHUB_STEP_SUMMARY']) appendFileSync(env['GITHUB_STEP_SUMMARY'], `${markdown}\n`);
    return /** @type {const} */ ('summary');
  };
  const number = pullRequest(env);
  if (number === null) return summarise('There is no pull request here: the result stands in the summary of this job.');
  if (!env['GITHUB_TOKEN']) return summarise('There is no github-token: the result stands in the summary of this job.');
  const github = new GitHub(env, { say, sleep });
  const path = `/repos/${env['GITHUB_REPOSITORY']}/issues`;
  const marker = `<!-- dinmo impact${key === '' ? '' : ` ${key.replaceAll(/[^\w./-]/g, '_')}`} -->`;
  const body = shortened(`${marker}\n${markdown}`);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await github.post({ path, number, marker, body });
      } catch (thrown) {
        // It may have been made: it is looked for before it is made again.
        if (!(thrown instanceof Unsure) || attempt >= ATTEMPTS_MAX) throw thrown;
        await sleep(backOff(attempt));
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof Refused && [401, 403, 404].includes(thrown.status))) throw thrown;
    const fork = isFork(env) ? ' This pull request comes from a fork, whose token may only read.' : '';
    return summarise(
      `GitHub does not let this token comment (${thrown.status}: ${thrown.message}).${fork} The job needs \`permissions: {pull-requests: write}\`. The result stands in the summary of this job.`,
    );
  }
}

/** GitHub's REST API (2022-11-28): https://docs.github.com/en/rest/issues/comments */
class GitHub {
  /** @param {Environment} env @param {Pick<Surroundings, 'say' | 'sleep'>} surroundings */
  constructor(env, { say, sleep }) {
    this.base = (env['GITHUB_API_URL'] || 'https://api.github.com').replace(/\/+$/, '');
    this.token = env['GITHUB_TOKEN'] ?? '';
    this.say = say;
    this.sleep = sleep;
  }

  /**
   * Takes the place of the comment with this marker, or makes one.
   * @param {{readonly path: string, readonly number: number, readonly marker: string, readonly body: string}} comment
   * @returns {Promise<'posted' | 'updated'>}
   */
  async post({ path, number, marker, body }) {
    for (const before of await this.commentsOf(`${path}/${number}/comments?per_page=100`, marker)) {
      try {
        await this.ask('PATCH', `${path}/comments/${before.id}`, { body });
        this.say(`The comment on pull request ${number} was updated.`);
        return 'updated';
      } catch (thrown) {
        // Somebody else's, or gone since: the next one, or a new one.
        if (!(thrown instanceof Refused && [403, 404].includes(thrown.status))) throw thrown;
      }
    }
    await this.ask('POST', `${path}/${number}/comments`, { body });
    this.say(`A comment was posted on pull request ${number}.`);
    return 'posted';
  }

  /**
   * The comments that begin with the marker, a bot's first: people may quote one.
   * @param {string} path @param {string} marker
   * @returns {Promise<readonly Comment[]>}
   */
  async commentsOf(path, marker) {
    /** @type {Comment[]} */
    const found = [];
    for (let next = /** @type {string | null} */ (`${this.base}${path}`); next !== null; ) {
      const { body, next: following } = await this.ask('GET', next);
      for (const one of Array.isArray(body) ? body : []) if (String(one.body ?? '').startsWith(marker)) found.push(one);
      next = following;
    }
    const rank = (/** @type {Comment} */ { user }) => (user?.type === 'Bot' ? 0 : 1);
    return found.sort((a, b) => rank(a) - rank(b));
  }

  /**
   * One request, repeated while GitHub is down or says to wait.
   * @param {string} method @param {string} target @param {object} [content]
   * @returns {Promise<Answer>}
   */
  async ask(method, target, content) {
    const url = target.startsWith('/') ? `${this.base}${target}` : target;
    // A token goes to the host that it is for, whatever a page says comes next.
    if (new URL(url).host !== new URL(this.base).host)
      throw new Error(`GitHub led to another host: ${new URL(url).host}`);
    for (let attempt = 1; ; attempt++) {
      const response = await this.#send(method, url, content);
      const wait = response === null ? backOff(attempt) : waitFor(response, attempt);
      if (response !== null && wait === null) return await read(response);
      const said = response === null ? 'GitHub could not be reached.' : `GitHub answered ${response.status}.`;
      if (method === 'POST' && (response === null || response.status >= 500)) throw new Unsure(said);
      if (attempt >= ATTEMPTS_MAX || (wait ?? 0) > WAIT_MS_MAX) throw new Error(`${said} That was try ${attempt}.`);
      this.say(
        `GitHub ${response === null ? 'could not be reached' : `answered ${response.status}`}: trying again in ${Math.ceil((wait ?? 0) / 1000)} s.`,
      );
      await this.sleep(wait ?? 0);
    }
  }

  /** @param {string} method @param {string} url @param {object | undefined} content */
  async #send(method, url, content) {
    try {
      return await fetch(url, {
        method,
        redirect: 'error',
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
        headers: {
          accept: 'application/vnd.github+json',
          authorization: `Bearer ${this.token}`,
          'content-type': 'application/json',
          'user-agent': 'dbt-dinmo',
          'x-github-api-version': '2022-11-28',
        },
        ...(content === undefined ? {} : { body: JSON.stringify(content) }),
      });
    } catch {
      return null;
    }
  }
}

/**
 * How long to wait before the request is repeated; null where it is not.
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 * @param {Response} response @param {number} attempt
 */
function waitFor({ status, headers }, attempt) {
  if (status >= 500) return backOff(attempt);
  if (status !== 403 && status !== 429) return null;
  const after = Number(headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(after)) return after * 1000;
  if (headers.get('x-ratelimit-remaining') === '0')
    return Math.max(0, Number(headers.get('x-ratelimit-reset')) * 1000 - Date.now());
  return status === 429 ? backOff(attempt) : null;
}

/** @param {number} attempt */
function backOff(attempt) {
  return 1000 * 2 ** (attempt - 1);
}

/** @param {Response} response @returns {Promise<Answer>} */
async function read(response) {
  const text = await response.text();
  /** @type {unknown} */
  let body = null;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    body = null;
  }
  if (!response.ok) {
    const message =
      body !== null && typeof body === 'object' && 'message' in body ? String(body.message) : response.statusText;
    throw new Refused(response.status, message);
  }
  const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1] ?? null;
  return { status: response.status, body, next };
}

/** The number of the pull request, from the event. @param {Environment} env @returns {number | null} */
function pullRequest(env) {
  const number = event(env)?.pull_request?.number;
  return typeof number === 'number' ? number : null;
}

/** @param {Environment} env */
function isFork(env) {
  const from = event(env)?.pull_request?.head?.repo?.full_name;
  return from !== undefined && from !== env['GITHUB_REPOSITORY'];
}

/** @param {Environment} env @returns {any} what GitHub writes of the event: looked at with care */
function event(env) {
  try {
    return JSON.parse(readFileSync(env['GITHUB_EVENT_PATH'] ?? '', 'utf8'));
  } catch {
    return null;
  }
}

/** @param {string} body */
function shortened(body) {
  if (body.length <= COMMENT_CHARACTERS_MAX) return body;
  const note = '\n\n… cut, since a comment of GitHub holds no more.';
  return `${body.slice(0, COMMENT_CHARACTERS_MAX - note.length)}${note}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [file = '', key = ''] = process.argv.slice(2);
  try {
    await comment(readFileSync(file, 'utf8'), key, {
      env: process.env,
      say: (text) => console.log(text),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
  } catch (thrown) {
    console.log(
      `::warning title=dinmo::The comment was not posted: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
    if (process.env['GITHUB_STEP_SUMMARY'])
      appendFileSync(process.env['GITHUB_STEP_SUMMARY'], readFileSync(file, 'utf8'));
  }
}
