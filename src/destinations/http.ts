/** One request to a platform. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text of the body; objects are for the caller to serialise. */
  readonly body?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What came back. The body is text, at most 16 MiB of it. */
export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as JSON; undefined when it is not. */
  json(): unknown;
}

/** The connection failed. `applied` says whether the platform may have seen the whole request. */
export class TransportError extends Error {
  readonly applied: 'no' | 'maybe';
  readonly code: string;
  constructor(code: string, message: string, applied: 'no' | 'maybe') {
    super(message);
    this.name = 'TransportError';
    this.code = code;
    this.applied = applied;
  }
}

/** The only way for a platform to talk to the outside. Redirects are not followed. Throws TransportError only. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>;
}
