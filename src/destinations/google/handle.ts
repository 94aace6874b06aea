/** What a later process needs to ask for a request and to read the answer. Written into the handle of the job. */
export interface RequestHandle {
  readonly requestId: string;
  /** When it was taken: milliseconds since the epoch. */
  readonly at: number;
  /** Rows of the batch that were left out of the request, since Google would not take them: place in the batch, code. */
  readonly left: readonly (readonly [index: number, code: string])[];
  /** Every row that was sent is one item of the request, so that places in it are those of rows. */
  readonly aligned: boolean;
}

/** The contract's bound. */
export const HANDLE_LENGTH_MAX = 1_000;

export function writeHandle({ requestId, at, left, aligned }: RequestHandle): string {
  return JSON.stringify([requestId, at, aligned ? 1 : 0, ...left]);
}

/** null: not a handle of ours. */
export function readHandle(text: string): RequestHandle | null {
  const [requestId, at, aligned, ...left] = parse(text);
  if (typeof requestId !== 'string' || typeof at !== 'number') return null;
  return {
    requestId,
    at,
    aligned: aligned === 1,
    left: left.flatMap((pair) =>
      Array.isArray(pair) && typeof pair[0] === 'number' && typeof pair[1] === 'string'
        ? [[pair[0], pair[1]] as const]
        : [],
    ),
  };
}

function parse(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
