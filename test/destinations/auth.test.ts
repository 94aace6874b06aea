import { createHash, createVerify, generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type ClientStrategy,
  createTokens,
  type RefreshStrategy,
  type TokenResult,
  type TokenStrategy,
} from '../../src/destinations/auth.ts';
import { type ClosableHttpClient, createHttpClient } from '../../src/destinations/http.ts';
import { mask } from '../../src/log.ts';
import { secret } from '../privacy/canaries.ts';
import { NOON, virtualClock } from './rows.ts';

const REFRESH = secret('refresh-token-of-the-test');
const CLIENT = secret('client-secret-of-the-test');
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

/** A token endpoint, and a resource that takes the newest token only. */
class TokenServer {
  readonly asked: URLSearchParams[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  readonly used: string[] = [];
  lifetime: number | null = 3600;
  rotates = false;
  refusal: { readonly status: number; readonly body: string } | null = null;
  date: string | null = null;
  valid = '';
  #server: Server | null = null;
  #made = 0;

  async start(): Promise<string> {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (piece) => {
        text += String(piece);
      });
      request.on('end', () => {
        const answer = request.url === '/token' ? this.#token(request, text) : this.#resource(request);
        if (this.date !== null) response.setHeader('date', this.date);
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
      });
    });
    await new Promise<void>((done) => this.#server?.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.close();
  }

  #token(request: IncomingMessage, text: string): { readonly status: number; readonly body: string } {
    this.asked.push(new URLSearchParams(text));
    this.headers.push(request.headers);
    if (this.refusal !== null) return this.refusal;
    this.valid = `access-${createHash('sha256')
      .update(`token ${++this.#made}`)
      .digest('base64url')}`;
    const body = {
      access_token: this.valid,
      token_type: 'Bearer',
      instance_url: 'https://shop.example',
      ...(this.lifetime === null ? {} : { expires_in: this.lifetime }),
      ...(this.rotates ? { refresh_token: `another-${this.#made}` } : {}),
    };
    return { status: 200, body: JSON.stringify(body) };
  }

  #resource({ headers }: IncomingMessage): { readonly status: number; readonly body: string } {
    const token = String(headers.authorization).replace('Bearer ', '');
    this.used.push(token);
    return { status: token === this.valid ? 200 : 401, body: '{}' };
  }
}

let server = new TokenServer();
let origin = '';
let http: ClosableHttpClient;
beforeAll(() => {
  http = createHttpClient();
});
afterAll(() => http.close());
beforeEach(async () => {
  server = new TokenServer();
  origin = await server.start();
  return () => server.stop();
});

const refresh = (): RefreshStrategy => ({
  ...{ kind: 'refresh', url: `${origin}/token`, refreshToken: REFRESH, clientId: 'app', clientSecret: CLIENT },
});
const jwt = (more: object = {}): TokenStrategy => ({
  kind: 'jwt_bearer',
  url: `${origin}/token`,
  privateKey,
  claims: { iss: 'app', sub: 'ada', aud: 'https://login.example' },
  ...more,
});
const tokensOf = (strategy: TokenStrategy, clock = virtualClock(NOON)) => createTokens({ http, clock }, strategy);
const had = (result: TokenResult) => (result.kind === 'token' ? result.token.value : result.outcome);

it('a token is fetched once for all who ask, shared, and renewed before it ends', async () => {
  const clock = virtualClock(NOON);
  const tokens = tokensOf(refresh(), clock);
  const first = await Promise.all(Array.from({ length: 5 }, () => tokens.take()));
  expect(new Set(first.map(had))).toEqual(new Set([server.valid]));
  expect(Object.fromEntries(server.asked[0] ?? [])).toEqual({
    ...{ grant_type: 'refresh_token', refresh_token: REFRESH, client_id: 'app', client_secret: CLIENT },
  });
  await clock.sleep(3_500_000);
  expect(had(await tokens.take())).toBe(had(first[0] as TokenResult));
  await clock.sleep(50_000);
  expect(had(await tokens.take())).not.toBe(had(first[0] as TokenResult));
  expect(server.asked).toHaveLength(2);
});

it('an answer without a lifetime is taken for good for a while; a short life is used for two thirds', async () => {
  for (const [lifetime, good, spent] of [
    [null, 13 * 60_000, 14 * 60_000],
    [60, 39_000, 41_000],
  ] as const) {
    const clock = virtualClock(NOON);
    server.lifetime = lifetime;
    server.asked.length = 0;
    const tokens = tokensOf(refresh(), clock);
    await tokens.take();
    await clock.sleep(good);
    await tokens.take();
    expect(server.asked).toHaveLength(1);
    await clock.sleep(spent - good);
    await tokens.take();
    expect(server.asked).toHaveLength(2);
  }
});

it('401 renews once, however many requests meet it, and a second 401 is the caller’s', async () => {
  const strategy: ClientStrategy = {
    ...{ kind: 'client_credentials', url: `${origin}/token`, clientId: 'app', clientSecret: CLIENT },
  };
  const tokens = tokensOf(strategy);
  const get = () => tokens.request({ method: 'GET', url: `${origin}/things` });
  expect(await get()).toMatchObject({ response: { status: 200 } });
  server.valid = 'withdrawn';
  const answers = await Promise.all([get(), get(), get()]);
  expect(answers.map((answer) => answer.kind === 'answer' && answer.response.status)).toEqual([200, 200, 200]);
  expect(server.asked).toHaveLength(2);
  const stubborn = tokens.request((token) => {
    server.valid = 'none';
    return { method: 'GET', url: `${origin}/${token.answer['instance_url'] === 'https://shop.example'}` };
  });
  expect(await stubborn).toMatchObject({ response: { status: 401 } });
  expect(server.asked).toHaveLength(3);
});

it('an assertion is signed with RS256, a little before now, and ends within the platform’s limit', async () => {
  await tokensOf(jwt({ keyId: 'k1', privateKey: privateKey.replaceAll('\n', '\\n') })).take();
  const form = server.asked[0] ?? new URLSearchParams();
  expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
  const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  expect(read(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
  const iat = NOON / 1000 - 10;
  expect(read(claims)).toEqual({ iss: 'app', sub: 'ada', aud: 'https://login.example', iat, exp: iat + 180 });
  const verifier = createVerify('RSA-SHA256').update(`${header}.${claims}`);
  expect(verifier.verify(publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
});

it('the client may be told as HTTP Basic, form-encoded first', async () => {
  const strategy = { ...refresh(), kind: 'client_credentials', clientId: 'a b', clientAuth: 'basic' } as const;
  await tokensOf({ ...strategy, clientSecret: 'p:w%', form: { scope: 'things' } }).take();
  expect(Object.fromEntries(server.asked[0] ?? [])).toEqual({ grant_type: 'client_credentials', scope: 'things' });
  const basic = Buffer.from(String(server.headers[0]?.authorization).replace('Basic ', ''), 'base64').toString();
  expect(basic).toBe('a+b:p%3Aw%25');
  // An answer that repeats the header tells nobody the secret in it.
  expect(mask(String(server.headers[0]?.authorization))).toBe('Basic ***');
});

it('a platform that rotates refresh tokens is refused with the reason', async () => {
  server.rotates = true;
  expect(had(await tokensOf(refresh()).take())).toMatchObject({ kind: 'refused', code: 'refresh-token-rotated' });
});

it.each([
  { what: 'an expired grant', code: 'invalid_grant', said: 'expired or revoked', text: /expired or was withdrawn/ },
  { what: 'a wrong key', signs: true, code: 'invalid_grant', text: /assertion was refused/ },
  { what: 'a clock', signs: true, aheadMs: 600_000, code: 'invalid_grant', text: /clock is 600 seconds ahead/ },
  { what: 'a wrong client', code: 'invalid_client', text: /does not accept the client/ },
])('$what is told as what it is', async ({ signs = false, aheadMs = 0, code, said = 'no', text }) => {
  server.refusal = { status: 400, body: JSON.stringify({ error: code, error_description: said }) };
  server.date = new Date(NOON - aheadMs).toUTCString();
  expect(had(await tokensOf(signs ? jwt() : refresh()).take())).toMatchObject({
    ...{ kind: 'refused', code: `token-${code.replace('_', '-')}`, message: expect.stringMatching(text) },
  });
});

it('no text carries a secret, whatever the platform repeats', async () => {
  const quoted = `refused: ${REFRESH} ${CLIENT} eyJhbGciOiJSUzI1NiJ9abcdef.eyJpc3MiOiJhcHAifQabcdef.c2lnbmF0dXJl`;
  for (const strategy of [refresh(), jwt()]) {
    server.refusal = { status: 400, body: JSON.stringify({ error: REFRESH, error_description: quoted }) };
    const text = JSON.stringify(had(await tokensOf(strategy).take()));
    if (strategy.kind === 'refresh') for (const value of [REFRESH, CLIENT]) expect(text).not.toContain(value);
    expect(text).not.toContain('eyJhbGci');
  }
  const unreadable = had(await tokensOf(jwt({ privateKey: `-----BEGIN ${CLIENT}` })).take());
  expect(unreadable).toMatchObject({ kind: 'refused', code: 'private-key-unreadable' });
  expect(JSON.stringify(unreadable)).not.toContain(CLIENT);
});

it('trouble of the endpoint is tried again, and no batch went out by then', async () => {
  for (const status of [500, 503, 429]) {
    server.refusal = { status, body: '<html>busy</html>' };
    expect(had(await tokensOf(refresh()).take())).toMatchObject({ kind: 'retry', applied: 'no' });
  }
  server.refusal = { status: 200, body: '<html>welcome</html>' };
  expect(had(await tokensOf(refresh()).take())).toMatchObject({ kind: 'retry', applied: 'no' });
  const tokens = tokensOf(refresh());
  await tokens.take();
  server.refusal = null;
  expect(await tokens.take()).toMatchObject({ kind: 'token' });
});
