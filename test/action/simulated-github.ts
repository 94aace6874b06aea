import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Comment {
  readonly id: number;
  body: string;
  readonly user: { readonly login: string; readonly type: 'Bot' | 'User' };
}

/** What it does to the next requests: answers otherwise, does what is asked and fails, or nothing. */
export type Trouble =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: 'done-then-500' }
  | 'let-pass';

const TOKENS: Readonly<Record<string, 'write' | 'read'>> = { 'token-that-writes': 'write', 'token-that-reads': 'read' };

/**
 * GitHub's comments of pull request 7 of `shop/dbt`, by its rules (REST 2022-11-28): a token in the header, pages of 30 or
 * `per_page` with a Link header, a read-only token may list and not write, a body of 65,536 characters at most.
 */
export class SimulatedGithub {
  readonly comments: Comment[] = [];
  readonly requests: string[] = [];
  readonly troubles: Trouble[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #ids = 100;

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  /** With a path, as GitHub Enterprise has one. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v3`; // it listens on a port
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  add(body: string, type: 'Bot' | 'User' = 'User'): Comment {
    const comment = { id: this.#ids++, body, user: { login: type === 'Bot' ? 'github-actions[bot]' : 'ann', type } };
    this.comments.push(comment);
    return comment;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    this.requests.push(`${request.method} ${request.url}`);
    const send = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers });
      response.end(JSON.stringify(body));
    };
    const next = this.troubles.shift();
    const trouble = next === 'let-pass' ? undefined : next;
    if (trouble !== undefined && trouble.status !== 'done-then-500')
      return send(trouble.status, { message: 'trouble' }, trouble.headers);
    const may = TOKENS[(request.headers.authorization ?? '').replace(/^Bearer /, '')];
    if (may === undefined) return send(401, { message: 'Bad credentials' });
    if (request.headers['x-github-api-version'] !== '2022-11-28') return send(400, { message: 'version' });
    const url = new URL(request.url ?? '', this.url);
    const list = /^\/api\/v3\/repos\/shop\/dbt\/issues\/7\/comments$/.test(url.pathname);
    const one = /^\/api\/v3\/repos\/shop\/dbt\/issues\/comments\/(\d+)$/.exec(url.pathname);
    if (list && request.method === 'GET') return this.#page(url, send);
    if (!list && one === null) return send(404, { message: 'Not Found' });
    if (may === 'read') return send(403, { message: 'Resource not accessible by integration' });
    const { body } = JSON.parse(text) as { body: string };
    if (body.length > 65_536) return send(422, { message: 'Validation Failed' });
    if (list && request.method === 'POST') {
      const made = this.add(body, 'Bot');
      return trouble?.status === 'done-then-500' ? send(500, {}) : send(201, made);
    }
    const comment = this.comments.find(({ id }) => String(id) === one?.[1]);
    if (comment === undefined || request.method !== 'PATCH') return send(404, { message: 'Not Found' });
    comment.body = body;
    send(200, comment);
  }

  #page(url: URL, send: (status: number, body: unknown, headers?: Readonly<Record<string, string>>) => void): void {
    const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 30));
    const page = Number(url.searchParams.get('page') ?? 1);
    const rows = this.comments.slice((page - 1) * size, page * size);
    const next = `${this.url}/repos/shop/dbt/issues/7/comments?per_page=${size}&page=${page + 1}`;
    send(200, rows, page * size < this.comments.length ? { link: `<${next}>; rel="next", <${next}>; rel="last"` } : {});
  }
}
