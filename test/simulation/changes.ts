import type { Member } from './member.ts';
import type { Random } from './random.ts';

/** What can happen to the people of a segment. */
export const CHANGES = [
  'join',
  'leave',
  'change an attribute',
  'change an identifier',
  'lose an identifier',
  'gain an identifier',
  'share an identifier',
  'swap identifiers',
  'write an identifier differently',
  'break an identifier',
  'turn to poison',
  'duplicate a key',
  'lose a key',
  'heal',
] as const;
export type ChangeKind = (typeof CHANGES)[number];

/** Ids of a group: from here, less than ten of them. */
export const GROUP_SIZE = 10;
const IDS = [1, 2, 3, 4, 5, 6];
/** The id that a webhook never takes. */
const POISON_ID = 9;
const NAMES = ['Ada', 'Bob', 'Cy', null];

export function emailsOf(group: number): readonly string[] {
  return ['a', 'b', 'c', 'd', 'e'].map((letter) => `${letter}${group}@x.test`);
}

export function phonesOf(group: number): readonly string[] {
  return ['1', '2', '3'].map((digit) => `+3361${String(group).padStart(4, '0')}00${digit}`);
}

/** What no platform takes. */
export function poisonEmail(group: number): string {
  return `poison${group}@x.test`;
}

interface Scene {
  readonly group: number;
  readonly random: Random;
  /** Whether rows are poison by their key and not by an identifier. */
  readonly byKey: boolean;
}

/** The rows after one change; null where there is nothing that could change so. */
export function applyChange(rows: readonly Member[], kind: ChangeKind, scene: Scene): readonly Member[] | null {
  const { group, random } = scene;
  const anyone = rows.length === 0 ? null : random.pick(rows);
  const replace = (one: Member, change: Partial<Member>): readonly Member[] =>
    rows.map((row) => (row === one ? { ...row, ...change } : row));
  if (kind === 'join') return join(rows, scene);
  if (kind === 'heal') return isSound(rows) ? null : heal(rows);
  if (anyone === null) return null;
  const other = rows.filter((row) => row !== anyone);
  switch (kind) {
    case 'leave':
      return other;
    case 'change an attribute':
      return replace(anyone, { name: random.pick(NAMES.filter((name) => name !== anyone.name)) });
    case 'change an identifier':
      return random.chance(0.6)
        ? replace(anyone, { email: random.pick(emailsOf(group).filter((email) => email !== anyone.email)) })
        : replace(anyone, { phone: random.pick(phonesOf(group).filter((phone) => phone !== anyone.phone)) });
    case 'lose an identifier':
      return replace(anyone, random.chance(0.5) ? { email: null } : { phone: null });
    case 'gain an identifier':
      return anyone.email !== null && anyone.phone !== null
        ? null
        : replace(anyone, {
            email: anyone.email ?? random.pick(emailsOf(group)),
            phone: anyone.phone ?? random.pick(phonesOf(group)),
          });
    case 'share an identifier':
      if (other.length === 0) return null;
      return random.chance(0.5)
        ? replace(anyone, { email: random.pick(other).email })
        : replace(anyone, { phone: random.pick(other).phone });
    case 'swap identifiers':
      return other.length === 0 ? null : swap(rows, anyone, random.pick(other));
    case 'write an identifier differently':
      return anyone.email === null ? null : replace(anyone, { email: ` ${anyone.email.toUpperCase()}` });
    case 'break an identifier':
      return replace(anyone, random.pick([{ email: 'nonsense' }, { email: '' }, { phone: 'no number' }]));
    case 'turn to poison':
      return scene.byKey
        ? [...rows.filter(({ id }) => id !== group * GROUP_SIZE + POISON_ID), poisonRow(scene)]
        : replace(anyone, { email: poisonEmail(group) });
    case 'duplicate a key':
      return [...rows, { ...anyone, ...random.pick([{}, { name: 'Twin' }, { email: random.pick(emailsOf(group)) }]) }];
    case 'lose a key':
      return random.chance(0.5) ? replace(anyone, { id: null }) : [...rows, { ...anyone, id: null }];
  }
}

function join(rows: readonly Member[], { group, random }: Scene): readonly Member[] | null {
  const free = IDS.map((id) => group * GROUP_SIZE + id).filter((id) => !rows.some((row) => row.id === id));
  if (free.length === 0 || rows.length > 5) return null;
  const newcomer: Member = {
    id: random.pick(free),
    email: random.mostly(random.pick(emailsOf(group)), [null], 0.1),
    phone: random.chance(0.5) ? random.pick(phonesOf(group)) : null,
    name: random.pick(NAMES),
  };
  return [...rows, newcomer];
}

function poisonRow({ group, random }: Scene): Member {
  const id = group * GROUP_SIZE + POISON_ID;
  return { id, email: random.pick(emailsOf(group)), phone: null, name: random.pick(NAMES) };
}

function swap(rows: readonly Member[], one: Member, other: Member): readonly Member[] {
  return rows.map((row) => {
    if (row === one) return { ...row, email: other.email, phone: other.phone };
    return row === other ? { ...row, email: one.email, phone: one.phone } : row;
  });
}

/** Whether every key is there, and there once. */
export function isSound(rows: readonly Member[]): boolean {
  return rows.every(({ id }) => id !== null) && new Set(rows.map(({ id }) => id)).size === rows.length;
}

/** Of the rows that share a key the first stays; rows without one go. */
export function heal(rows: readonly Member[]): readonly Member[] {
  return rows.filter(({ id }, index) => id !== null && rows.findIndex((row) => row.id === id) === index);
}
