import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { AudienceState } from '../sandbox-state.ts';
import { googleError, invalidField } from './google-answer.ts';
import type { KeyType, Member } from './member-rules.ts';

/** One who is in a list: each identifier is matched by itself. */
interface Held {
  readonly member: Member;
  /** When it was last added, in milliseconds. */
  addedAt: number;
}

export interface UserList {
  readonly id: string;
  readonly account: string;
  displayName: string;
  readonly keyType: KeyType;
  readonly membershipDays: number;
  added: number;
  removed: number;
  readonly members: Map<string, Held>;
  /** Members by each of their identifiers. */
  readonly holders: Map<string, Set<string>>;
}

const source = z.enum(['DATA_SOURCE_TYPE_FIRST_PARTY', 'DATA_SOURCE_TYPE_THIRD_PARTY_PARTNER_DATA']);
const listShape = z.strictObject({
  displayName: z.string().min(1).max(255),
  description: z.string().optional(),
  integrationCode: z.string().optional(),
  membershipDuration: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
  membershipStatus: z.literal('OPEN').optional(),
  ingestedUserListInfo: z.strictObject({
    uploadKeyTypes: z.array(z.enum(['CONTACT_ID', 'MOBILE_ID', 'USER_ID'])).length(1),
    contactIdInfo: z.strictObject({ dataSourceType: source }).optional(),
    mobileIdInfo: z
      .strictObject({ dataSourceType: source, appId: z.string().min(1), keySpace: z.enum(['IOS', 'ANDROID']) })
      .optional(),
    userIdInfo: z.strictObject({ dataSourceType: source }).optional(),
  }),
});
const INFO: Readonly<Record<KeyType, 'contactIdInfo' | 'mobileIdInfo' | 'userIdInfo'>> = {
  CONTACT_ID: 'contactIdInfo',
  MOBILE_ID: 'mobileIdInfo',
  USER_ID: 'userIdInfo',
};

const savedList = z.object({
  ...{ id: z.string(), account: z.string(), displayName: z.string(), added: z.number(), removed: z.number() },
  keyType: z.enum(['CONTACT_ID', 'MOBILE_ID', 'USER_ID']),
  membershipDays: z.number(),
  members: z.array(z.object({ member: z.record(z.string(), z.array(z.string())), addedAt: z.number() })),
});
export const savedLists = z.object({ nextId: z.number(), lists: z.array(savedList) });

const DAY_MS = 86_400_000;

/** The Customer Match lists of all accounts (`accountTypes/…/accounts/…/userLists`, Data Manager API v1). */
export class Lists {
  readonly #lists = new Map<string, UserList>();
  /** 0 before the first list. */
  #nextId = 0;

  find(account: string, id: string): UserList | undefined {
    const list = this.#lists.get(id);
    return list?.account === account ? list : undefined;
  }

  create(account: string, request: SandboxRequest, context: RequestContext): Answer {
    const wanted = listShape.safeParse(readJson(request));
    if (!wanted.success) return this.#wrong(context, String(wanted.error.issues[0]?.path.join('.') ?? ''));
    const { displayName, ingestedUserListInfo, membershipDuration } = wanted.data;
    const keyType = ingestedUserListInfo.uploadKeyTypes[0] ?? 'CONTACT_ID';
    if (ingestedUserListInfo[INFO[keyType]] === undefined) return this.#wrong(context, 'ingested_user_list_info');
    const seconds = Number((membershipDuration ?? `${540 * 86_400}s`).slice(0, -1));
    if (seconds % 86_400 !== 0 || seconds < 86_400 || seconds > 540 * 86_400) {
      return this.#wrong(context, 'membership_duration');
    }
    if ([...this.#lists.values()].some((list) => list.account === account && list.displayName === displayName)) {
      const message = 'A user list of this name exists already.';
      return googleError(context, { status: 'ALREADY_EXISTS', message, reason: 'DUPLICATE_USER_LIST_NAME' });
    }
    if (request.query.get('validateOnly') === 'true') return jsonAnswer(200, {});
    // Ids are Google's own, so no two destinations of one account may come upon the same.
    if (this.#nextId === 0) this.#nextId = firstId(context.destination);
    const id = String(this.#nextId++);
    const list: UserList = {
      ...{ id, account, displayName, keyType, membershipDays: seconds / 86_400, added: 0, removed: 0 },
      members: new Map(),
      holders: new Map(),
    };
    this.#lists.set(id, list);
    return jsonAnswer(200, describe(list));
  }

  #wrong(context: RequestContext, field: string): Answer {
    context.violate('user-list', `a user list with a wrong ${field}`);
    return invalidField(context, { field: `user_list.${field}`, reason: 'INVALID_FORMAT', message: 'Invalid value.' });
  }

  list(account: string, request: SandboxRequest, context: RequestContext): Answer {
    const filter = request.query.get('filter');
    const [, quoted] = /^display_name = "((?:[^"\\]|\\.)*)"$/.exec(filter ?? '') ?? [];
    if (filter !== null && quoted === undefined) {
      return invalidField(context, {
        field: 'filter',
        reason: 'INVALID_ARGUMENT',
        message: 'The filter is not valid.',
      });
    }
    const name = quoted?.replace(/\\(.)/g, '$1');
    const size = Math.min(Number(request.query.get('pageSize') ?? 50) || 50, 1000);
    const start = Number(request.query.get('pageToken') ?? 0);
    const found = [...this.#lists.values()].filter(
      (list) => list.account === account && (name === undefined || list.displayName === name),
    );
    const more = found.length > start + size ? { nextPageToken: String(start + size) } : {};
    return jsonAnswer(200, { userLists: found.slice(start, start + size).map(describe), ...more });
  }

  read(list: UserList): Answer {
    return jsonAnswer(200, describe(list));
  }

  rename(list: UserList, request: SandboxRequest, context: RequestContext): Answer {
    const wanted = z
      .strictObject({ displayName: z.string().min(1), name: z.string().optional() })
      .safeParse(readJson(request));
    if (!wanted.success || request.query.get('updateMask') !== 'displayName')
      return this.#wrong(context, 'display_name');
    list.displayName = wanted.data.displayName;
    return jsonAnswer(200, describe(list));
  }

  remove(list: UserList): Answer {
    this.#lists.delete(list.id);
    return jsonAnswer(200, {});
  }

  holdings(rowsMax: number, now: number): readonly AudienceState[] {
    return [...this.#lists.values()].map((list) => {
      const living = [...list.members.values()].filter((held) => now - held.addedAt < list.membershipDays * DAY_MS);
      return {
        ...{ id: list.id, name: list.displayName, owner: list.account, size: living.length },
        ...{ added: list.added, removed: list.removed },
        members: living.slice(Math.max(0, living.length - rowsMax)).map(({ member }) => member),
      };
    });
  }

  save(): z.infer<typeof savedLists> {
    const lists = [...this.#lists.values()].map(({ members, holders: _holders, ...list }) => ({
      ...list,
      members: [...members.values()].map(({ member, addedAt }) => ({ member: copyOf(member), addedAt })),
    }));
    return { nextId: this.#nextId, lists };
  }

  restore(saved: z.infer<typeof savedLists>): void {
    this.#nextId = saved.nextId;
    for (const { members, ...list } of saved.lists) {
      const restored: UserList = { ...list, members: new Map(), holders: new Map() };
      for (const { member, addedAt } of members) put(restored, member, addedAt);
      this.#lists.set(list.id, restored);
    }
  }
}

function firstId(destination: string): number {
  return 9_000_000_001 + createHash('sha256').update(destination).digest().readUIntBE(0, 3) * 1_000;
}

/** Adding somebody again only renews the membership. */
export function addMember(list: UserList, member: Member, now: number): void {
  if (put(list, member, now)) list.added += 1;
}

function put(list: UserList, member: Member, now: number): boolean {
  const id = identifiersOf(member).join('\n');
  const isNew = !list.members.has(id);
  list.members.set(id, { member, addedAt: now });
  for (const identifier of identifiersOf(member)) {
    const holders = list.holders.get(identifier) ?? new Set();
    list.holders.set(identifier, holders.add(id));
  }
  return isNew;
}

/** Whoever has any of the identifiers leaves. */
export function removeMember(list: UserList, member: Member): void {
  const leaving = new Set(identifiersOf(member).flatMap((identifier) => [...(list.holders.get(identifier) ?? [])]));
  for (const id of leaving) drop(list, id);
}

/** Everybody who was last added before then. */
export function removeBefore(list: UserList, time: number): void {
  for (const [id, { addedAt }] of list.members) if (addedAt < time) drop(list, id);
}

function drop(list: UserList, id: string): void {
  for (const identifier of identifiersOf(list.members.get(id)?.member ?? {})) list.holders.get(identifier)?.delete(id);
  if (list.members.delete(id)) list.removed += 1;
}

function identifiersOf(member: Member): readonly string[] {
  return Object.entries(member)
    .flatMap(([kind, values]) => values.map((value) => `${kind}:${value}`))
    .sort();
}

function copyOf(member: Member): Record<string, string[]> {
  return Object.fromEntries(Object.entries(member).map(([key, values]) => [key, [...values]]));
}

function describe(list: UserList): Readonly<Record<string, unknown>> {
  return {
    name: `${list.account}/userLists/${list.id}`,
    id: list.id,
    displayName: list.displayName,
    membershipDuration: `${list.membershipDays * 86_400}s`,
    membershipStatus: 'OPEN',
    accessReason: 'OWNED',
    readOnly: false,
    ingestedUserListInfo: {
      uploadKeyTypes: [list.keyType],
      [INFO[list.keyType]]: { dataSourceType: 'DATA_SOURCE_TYPE_FIRST_PARTY' },
    },
  };
}
