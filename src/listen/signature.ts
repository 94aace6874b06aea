import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Whether the `Authorization` header is that of dbt Cloud over this body: HMAC-SHA256 of the raw bytes with the webhook's
 * secret, in hex, without a scheme before it (dbt Cloud webhooks v2, docs.getdbt.com/docs/deploy/webhooks). The comparison
 * takes as long whatever is given.
 */
export function isSigned(body: Buffer, header: string | undefined, secret: string): boolean {
  const wanted = createHmac('sha256', secret).update(body).digest();
  const isHex = /^[0-9a-f]{64}$/i.test(header ?? '');
  const given = Buffer.from(isHex ? (header ?? '') : '0'.repeat(64), 'hex');
  return timingSafeEqual(wanted, given) && isHex;
}
