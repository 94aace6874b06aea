import { type HttpClient, type HttpRequest, TransportError } from '../../src/destinations/http.ts';
import { makeResponse } from '../destinations/rows.ts';
import { JsonMutator } from './mutate.ts';
import type { Dice } from './seeded.ts';
import { type SoundAnswer, soundAnswer } from './sound-platform.ts';

/**
 * How an answer was made. `sound`: as it ought to be. `forged`: 2xx and JSON, with something in it that ought not to be
 * there. `foreign`: nothing that could acknowledge anything.
 */
export type Making = 'sound' | 'forged' | 'foreign';

export interface Exchanged {
  readonly request: HttpRequest;
  readonly making: Making;
  readonly status: number;
  readonly body: string;
  readonly aboutRows: boolean;
}

/** No service needs as many requests for one batch of a few rows; more of them is a loop. */
const REQUESTS_MAX = 700;

const STATUSES: readonly number[] = [
  ...[100, 101, 199, 300, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 423],
  ...[425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 511, 520, 599, 600, 999, 0, -1],
];

const RETRY_AFTER: readonly string[] = [
  ...['-1', '0', '0.5', '1e9', 'Infinity', 'NaN', '99999999999999999999', 'soon', '', ' ', '0x10', '1,2', '🕐'],
  ...['Wed, 21 Oct 1015 07:28:00 GMT', 'Wed, 21 Oct 2015 07:28:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', '-5', '2026'],
];

const USAGE: readonly string[] = [
  ...['{', '[]', 'null', '{"1":1}', '{"1":[{"call_count":"NaN"}]}', '{"1":[{"call_count":1e999}]}', '{"1":[null]}'],
  ...['{"1":[{"call_count":{"toString":1}}]}', '{"1":[{"call_count":100,"estimated_time_to_regain_access":-5}]}'],
  '{"1":[{"call_count":100,"estimated_time_to_regain_access":1e300}]}',
  `{"1":[{"call_count":${'['.repeat(9_000)}${']'.repeat(9_000)}}]}`,
];

/** Plays a platform whose answers are wrong in every way that a dice comes upon. */
export class BrokenHttp implements HttpClient {
  readonly exchanges: Exchanged[] = [];
  readonly #platform: string;
  readonly #dice: Dice;

  constructor(platform: string, dice: Dice) {
    this.#platform = platform;
    this.#dice = dice;
  }

  async request(request: HttpRequest): ReturnType<HttpClient['request']> {
    if (this.exchanges.length >= REQUESTS_MAX) throw new Error('LOOP: far more requests than the rows need');
    const sound = soundAnswer(this.#platform, request);
    const { making, status, body } = this.#break(sound, request);
    this.exchanges.push({ request, making, status, body, aboutRows: sound.aboutRows });
    if (status === -1) throw new TransportError('ECONNRESET', 'The connection broke (ECONNRESET)', 'maybe');
    return makeResponse({ status, body, headers: this.#headers() });
  }

  #break(sound: SoundAnswer, request: HttpRequest): { making: Making; status: number; body: string } {
    const dice = this.#dice;
    // Keys are broken, too: what has none is no seed.
    const seed = sound.body.includes('":') ? sound.body : '{"status":"COMPLETE"}';
    const foreign = (status: number, body: string) => ({ making: 'foreign', status, body }) as const;
    // The opening has to succeed most of the time, or no batch is ever sent.
    if (dice.below(sound.aboutRows ? 4 : 3) < (sound.aboutRows ? 1 : 2)) return { ...sound, making: 'sound' };
    switch (dice.below(9)) {
      case 0:
        return foreign(dice.of([200, 201, 202]), seed.slice(0, dice.below(seed.length)) || '{');
      case 1:
        return foreign(dice.of([200, 502]), `<!doctype html><title>${this.#echo(request)}</title>`);
      case 2:
        return foreign(dice.of(STATUSES), dice.of(['', seed, 'no', '<html>', this.#complaint(request)]));
      case 3:
        return foreign(dice.of(STATUSES), this.#complaint(request));
      case 4:
        return foreign(200, dice.of(['{"\ufffd', '[1,', '"half', '{"a":1}}', '\u0000{}', '{"rejected":']));
      case 5:
        return { making: 'forged', status: 200, body: this.#complaint(request) };
      default: {
        const body = new JsonMutator(seed).mutate(dice);
        return { making: isJson(body) ? 'forged' : 'foreign', status: dice.of([200, 201, 207]), body };
      }
    }
  }

  /** An error in the platform's own form, which repeats what it was sent. */
  #complaint(request: HttpRequest): string {
    const { of } = { of: this.#dice.of.bind(this.#dice) };
    const said = this.#echo(request);
    const category = of(['VALIDATION_ERROR', 'RATE_LIMITS', 'CONFLICT', 'OBJECT_NOT_FOUND', said, '']);
    return of([
      JSON.stringify({ status: 'error', message: said, category, context: { objectWriteTraceId: ['row-1'] } }),
      JSON.stringify({
        error: { message: said, code: of([1, 2, 4, 100, 190, 613, 803, 2650, 80_003, -1, 1e99, said]) },
      }),
      JSON.stringify({
        error: { message: { toString: 1 }, code: { valueOf: 1, toString: 1 }, error_user_msg: [said] },
      }),
      JSON.stringify({ message: said, rejected: [{ key: said, code: said, message: said }] }),
      JSON.stringify({ errors: [{ message: said, category, context: { objectWriteTraceId: [{ toString: 1 }] } }] }),
      `{"message":${'['.repeat(9_000)}${']'.repeat(9_000)},"category":{"toString":null},"policyName":[[1]]}`,
      JSON.stringify({ message: `${said} `.repeat(2_000), error: { message: said.repeat(500) } }),
    ]);
  }

  /** Something of the request, as a platform might repeat it. */
  #echo({ body = '', headers = {} }: HttpRequest): string {
    const texts = [...String(body).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text);
    const text = this.#dice.of(texts.length === 0 ? ['nothing'] : texts);
    const token = headers['authorization'] ?? headers['x-apikey'] ?? headers['x-dinmo-signature'] ?? '';
    return this.#dice.of([
      text,
      `Invalid value "${text}" for ${texts.at(-1)}`,
      encodeURIComponent(text),
      text.toUpperCase(),
      `with ${token}`,
      `${text}${token}`,
    ]);
  }

  #headers(): Record<string, string> {
    const dice = this.#dice;
    return {
      ...(dice.below(2) === 0 ? { 'retry-after': dice.of(RETRY_AFTER) } : {}),
      ...(dice.below(3) === 0 ? { 'x-business-use-case-usage': dice.of(USAGE) } : {}),
      ...(dice.below(3) === 0 ? { 'x-hubspot-ratelimit-daily-remaining': dice.of(RETRY_AFTER) } : {}),
      'content-type': dice.of(['application/json', 'text/html', 'image/png', 'application/json; charset=latin1', '']),
    };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
