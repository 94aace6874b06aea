import { createHash } from 'node:crypto';
import { poisonEmail } from './changes.ts';
import { isByKey } from './history.ts';
import type { Member } from './member.ts';

/*
 * What the platform should hold in the end, from nothing but the rows that the segment has then. This is the yardstick: it
 * knows neither runs nor faults, and is short enough to be checked by eye.
 */

/** A list: every valid identifier of every member. What poison stands in a row with may have come before the poison did. */
export function listModel(members: readonly Member[], { phones }: { readonly phones: boolean }) {
  const must = new Set<string>();
  const may = new Set<string>();
  for (const member of members) {
    const email = validEmail(member.email);
    const phone = phones && member.phone?.startsWith('+') ? `phone ${member.phone}` : null;
    if (email !== null && isPoison(email)) may.add(phone ?? '');
    else for (const one of [email && `email ${email}`, phone]) if (one) must.add(one);
  }
  return { must, may };
}

/** Objects: one per valid e-mail address, of the member with the smallest id. Poison is never taken. */
export function objectsModel(members: readonly Member[]): ReadonlyMap<string, Member> {
  const found = new Map<string, Member>();
  for (const member of [...members].sort((one, other) => Number(one.id) - Number(other.id))) {
    const email = validEmail(member.email);
    if (email !== null && !isPoison(email) && !found.has(email)) found.set(email, member);
  }
  return found;
}

/** Rows by key: every member as it is. */
export function rowsModel(members: readonly Member[]): ReadonlyMap<string, object> {
  const rows = members.filter(({ id }) => Number(id) % 10 !== 9);
  return new Map(rows.map(({ id, email, name }) => [String(id), { email, firstname: name, firstname_first: name }]));
}

/** Rows that no platform takes, by the key that they are refused under. */
export function poisonModel(members: readonly Member[], kind: string): ReadonlySet<string> {
  if (isByKey(kind)) return new Set(members.map(({ id }) => String(id)).filter((id) => id.endsWith('9')));
  const poisoned = members.filter(({ email }) => isPoison(validEmail(email) ?? ''));
  return new Set(
    poisoned.map(({ id, email }) => (kind === 'hubspot objects' ? (validEmail(email) ?? '') : String(id))),
  );
}

function validEmail(text: string | null): string | null {
  const email = text?.trim().toLowerCase() ?? '';
  return email.includes('@') ? email : null;
}

export function isPoison(email: string): boolean {
  const group = /^poison(\d+)@/.exec(email.replace(/^later\./, ''))?.[1];
  return group !== undefined && email.endsWith(poisonEmail(Number(group)));
}

/** As Meta and the sandbox know it: the SHA-256 of the address, or of the number's digits. */
export function sha256(identifier: string): string {
  return createHash('sha256').update(identifier).digest('hex');
}
