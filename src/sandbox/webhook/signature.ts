import { createHmac, timingSafeEqual } from 'node:crypto';

/** What is wrong with `X-Dinmo-Signature: sha256=<hex HMAC of the body>`, or null. Without a known secret only its shape is looked at. */
export function signatureProblem(header: string | undefined, body: string, secret: string | null): string | null {
  if (header === undefined) return secret === null ? null : 'X-Dinmo-Signature is missing';
  const digest = /^sha256=([0-9a-f]{64})$/.exec(header)?.[1];
  if (digest === undefined) return 'X-Dinmo-Signature is not sha256=<64 hexadecimal digits>';
  if (secret === null) return null;
  const expected = createHmac('sha256', secret).update(body).digest();
  return timingSafeEqual(Buffer.from(digest, 'hex'), expected) ? null : 'X-Dinmo-Signature does not fit the body';
}
