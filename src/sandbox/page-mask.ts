import { printExact } from './exact-json.ts';

const PERSONAL_NAME = /name$|^(?:fn|ln|ct|zp|db)$|mail|phone|mobile|street|address|city|zip|birth|^ip$|user_agent|url/i;
const EMAIL = /([^\s"'<>(),;:@])[^\s"'<>(),;:@]*@[^\s"'<>(),;:@]+/g;
const HASH = /\b([0-9a-f]{8})[0-9a-f]{24,}\b/g;
const PHONE = /(\+?\d{2})\d[\d .()-]{4,}\d/g;
const PLAIN_NAME = /^(?:event_name|event_time|event_id|record_id|key|.*_at|.*_id|.*date)$/;

/** A value as the page may show it: e-mail addresses `a…@…`, hashes and phone numbers cut, what is named like personal data by its first letter. */
export function maskField(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => maskField(name, one)).join(', ');
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${key}=${maskField(key, inner)}`)
      .join(' ')}}`;
  }
  const text = typeof value === 'string' ? value : printExact(value ?? null);
  const shortened = text.replace(EMAIL, '$1…@…').replace(HASH, '$1…');
  if (shortened !== text || typeof value !== 'string' || PLAIN_NAME.test(name)) return shortened;
  if (PERSONAL_NAME.test(name) && text !== '') return `${[...text][0]}…`;
  return shortened.replace(PHONE, '$1…');
}
