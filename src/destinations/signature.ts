import { createHmac } from 'node:crypto';

/** The header by which a receiver knows a body for ours: `sha256=` and the hex HMAC-SHA256 of the body. */
export const SIGNATURE_HEADER = 'x-dinmo-signature';

/** Signs the body of a request. */
export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
