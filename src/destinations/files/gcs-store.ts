import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { DinmoError } from '../../errors.ts';
import { foreignOutcome, notAnAcknowledgement, readObject, readText, statusOutcome } from '../answer.ts';
import type { BatchOutcome } from '../destination.ts';
import type { HttpRequest, HttpResponse } from '../http.ts';
import { type Step, untilSettled } from '../opening.ts';
import { contentType, readPart } from './file-parts.ts';
import { gcsRequests, type Requests } from './gcs-account.ts';
import { nameIn, type Place, placeText } from './place.ts';
import type { OwnNames, Store, StoreContext, WrittenFile } from './store.ts';
import { accessDenied, credentialsRefused, placeMissing, settingsRefused, storeUnavailable } from './store-failure.ts';
import { WorkingFolder } from './working-folder.ts';

type GcsPlace = Extract<Place, { kind: 's3' | 'gcs' }>;

const BASE_URL = 'https://storage.googleapis.com';
/** JSON API v1, "Resumable uploads": pieces are multiples of 256 KiB, but for the last. */
const PIECE_BYTES = 16 * 1024 * 1024;
/** "Quotas & limits": 5 TiB an object. */
const OBJECT_BYTES_MAX = 5 * 1024 ** 4;
const PIECE_TIMEOUT_MS = 300_000;
/** What the API answers to a session that was given up ("Cancel an upload"), beside 2xx. */
const CANCELLED = 499;
const SESSIONS_MAX = 3;

/** Google Cloud Storage by its JSON API v1. Throws DinmoError `invalid-setting`. */
export function openGcsStore(place: GcsPlace, context: StoreContext): Store {
  return new GcsStore(place, context);
}

class GcsStore implements Store {
  readonly title: string;
  readonly #place: GcsPlace;
  readonly #context: StoreContext;
  readonly #request: Requests;
  readonly #baseUrl: string;
  readonly #working: WorkingFolder;

  constructor(place: GcsPlace, context: StoreContext) {
    this.title = placeText(place);
    this.#place = place;
    this.#context = context;
    this.#request = gcsRequests(place, context);
    this.#baseUrl = (context.baseUrl ?? BASE_URL).replace(/\/+$/, '');
    this.#working = new WorkingFolder(`${context.projectDir} ${this.title}`);
  }

  /** Uploads that a run which died has begun are not seen by anybody, not billed, and end after a week. */
  async prepare(own: OwnNames): Promise<void> {
    await this.#working.open(own.changes);
    await this.#proveRights(nameIn(this.#place.prefix, `${own.changes}/.rights`));
  }

  workingPath(name: string, kind: 'spool' | 'tmp'): string {
    return this.#working.pathOf(name, kind);
  }

  async put(name: string, file: WrittenFile): Promise<void> {
    if (file.bytes > OBJECT_BYTES_MAX)
      throw settingsRefused(
        this.title,
        `${name} would be larger than 5 TiB, which no object may be`,
        'Make the segment smaller, or use compression: gzip.',
      );
    const md5Hash = await md5Of(file.path);
    const handle = await open(file.path, 'r');
    try {
      for (let attempt = 1; ; attempt++) {
        const session = await this.#begin(nameIn(this.#place.prefix, name), { md5Hash });
        try {
          return await this.#sendPieces(session, handle, file.bytes);
        } catch (thrown) {
          await this.#giveUp(session);
          if (!(thrown instanceof LostSession)) throw thrown;
          if (attempt === SESSIONS_MAX) throw storeUnavailable({ title: this.title, said: thrown.message });
          this.#context.logger.debug('destination.retried', { what: this.title, attempt, code: 'session-lost' });
        }
      }
    } finally {
      await handle.close();
    }
  }

  async verify(): Promise<string> {
    await this.#proveRights(nameIn(this.#place.prefix, '.dinmo-doctor'));
    return `${this.title} can be written (an upload was begun and given up; nothing was made)`;
  }

  async close(): Promise<void> {
    await this.#working.close();
  }

  /** Begins an upload: the address of its session, a secret of its own. Google compares the bytes with the MD5 at the end. */
  async #begin(name: string, metadata: { readonly md5Hash?: string }): Promise<string> {
    const url = `${this.#baseUrl}/upload/storage/v1/b/${this.#place.bucket}/o?uploadType=resumable&name=${encodeURIComponent(name)}`;
    const headers = { 'content-type': 'application/json; charset=utf-8', 'x-upload-content-type': contentType(name) };
    const body = JSON.stringify({ name, contentType: contentType(name), ...metadata });
    const response = await this.#ask({ method: 'POST', url, headers, body }, (answer) => answer.status === 200);
    const location = response.headers['location'] ?? '';
    if (location === '' || !URL.canParse(location, this.#baseUrl))
      throw storeUnavailable({ title: this.title, said: 'an upload without an address' });
    // The place that was configured, whatever name it gives itself.
    const { pathname, search } = new URL(location, this.#baseUrl);
    return `${new URL(this.#baseUrl).origin}${pathname}${search}`;
  }

  async #sendPieces(session: string, handle: FileHandle, bytes: number): Promise<void> {
    let from = 0;
    for (let isFirst = true; from < bytes || isFirst; isFirst = false) {
      const piece = await readPart(handle, from, Math.min(PIECE_BYTES, bytes - from));
      from = await this.#sendPiece(session, { piece, from, bytes });
    }
  }

  /** Sends a piece until the session has it or more; where the answer is lost, the session is asked how far it is. */
  async #sendPiece(
    session: string,
    { piece, from, bytes }: { readonly piece: Buffer; readonly from: number; readonly bytes: number },
  ): Promise<number> {
    const to = from + piece.length;
    let asks = false;
    let held = from;
    return await untilSettled(this.#context, this.title, async (): Promise<Step<number>> => {
      if (asks) {
        const step = await this.#sendRange(session, new Uint8Array(), `bytes */${bytes}`);
        const known = step.kind === 'value' ? readHeld(step.value, bytes) : null;
        if (step.kind === 'outcome') return step;
        if (known === null || known < from) throw new LostSession();
        held = known;
        if (held >= to) return { kind: 'value', value: held };
      }
      asks = true;
      const rest = piece.subarray(held - from);
      const range = rest.length === 0 ? `bytes */${bytes}` : `bytes ${held}-${to - 1}/${bytes}`;
      const step = await this.#sendRange(session, rest, range);
      if (step.kind === 'outcome') return step;
      const known = readHeld(step.value, bytes);
      if (known !== null && known >= to) return { kind: 'value', value: known };
      return { kind: 'outcome', outcome: { ...RETRY, message: 'a piece arrived in part' } };
    });
  }

  async #sendRange(session: string, body: Uint8Array, range: string): Promise<Step<HttpResponse>> {
    const headers = { 'content-range': range };
    const sent = await this.#request({ method: 'PUT', url: session, headers, body, timeoutMs: PIECE_TIMEOUT_MS });
    if (sent.kind === 'outcome') return this.#stepOf(sent.outcome);
    const { response } = sent;
    const { status } = response;
    if (status === 404 || status === 410) throw new LostSession();
    if (status === 308) return { kind: 'value', value: response };
    if (status !== 200 && status !== 201) return this.#stepOf(this.#outcomeOf(response));
    // Something on the way can answer 200 to everything: only the object that was made is proof.
    const isAsked = body.length === 0 && response.body === '';
    const isWhole = readText(readObject(response.json())?.['size']) === range.split('/').at(-1);
    if (isAsked || isWhole) return { kind: 'value', value: response };
    return this.#stepOf(notAnAcknowledgement('The answer does not name the object that was made'));
  }

  async #giveUp(session: string): Promise<void> {
    await this.#request({ method: 'DELETE', url: session, headers: { 'content-length': '0' } }).catch(() => {
      // It ends by itself, and nobody sees it.
    });
  }

  /** Begins an upload and gives it up: needs `storage.objects.create`, and makes nothing. */
  async #proveRights(name: string): Promise<void> {
    const session = await this.#begin(name, {});
    const ended = await this.#request({ method: 'DELETE', url: session });
    if (ended.kind === 'answer' && ended.response.status >= 400 && ended.response.status !== CANCELLED)
      this.#context.logger.debug('destination.retried', { what: this.title, code: `http-${ended.response.status}` });
  }

  async #ask(request: HttpRequest, isDone: (response: HttpResponse) => boolean): Promise<HttpResponse> {
    return await untilSettled<HttpResponse>(this.#context, this.title, async () => {
      const sent = await this.#request(request);
      if (sent.kind === 'outcome') return this.#stepOf(sent.outcome);
      return isDone(sent.response)
        ? { kind: 'value', value: sent.response }
        : this.#stepOf(this.#outcomeOf(sent.response));
    });
  }

  #stepOf(outcome: BatchOutcome): Step<never> {
    return { kind: 'outcome', outcome };
  }

  /** What may be tried again, as an outcome. Throws what may not. */
  #outcomeOf(response: HttpResponse): BatchOutcome {
    const outcome =
      statusOutcome(response, this.#context.clock.now()) ?? foreignOutcome(response, this.#context.clock.now());
    if (outcome.kind === 'retry') return outcome;
    throw gcsError(this.title, response);
  }
}

/** JSON API v1, "Resumable uploads": a session that is not known any more (404, 410) is begun anew, from the first byte. */
class LostSession extends Error {
  constructor() {
    super('the upload’s session was lost');
    this.name = 'LostSession';
  }
}

const RETRY = { kind: 'retry', applied: 'no', throttled: false, afterMs: null, code: 'partly-sent' } as const;

/** JSON API v1, "HTTP status and error codes". */
function gcsError(title: string, response: HttpResponse): DinmoError {
  const error = readObject(readObject(response.json())?.['error']);
  const said = readText(error?.['message']) ?? `the answer was ${response.status}`;
  const failure = { title, said };
  if (response.status === 401) return credentialsRefused(failure);
  if (response.status === 403) return accessDenied(failure);
  if (response.status === 404) return placeMissing(failure);
  return storeUnavailable(failure);
}

/** How many bytes the session has: all of them, or up to the end of `Range`. */
function readHeld(response: HttpResponse, bytes: number): number | null {
  if (response.status !== 308) return bytes;
  const range = response.headers['range'];
  if (range === undefined) return 0;
  const end = /^bytes=0-(\d{1,15})$/.exec(range)?.[1];
  return end === undefined ? null : Number(end) + 1;
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('base64');
}
