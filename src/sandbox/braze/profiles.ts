import { z } from 'zod';
import type { AudienceState, ObjectSetState } from '../sandbox-state.ts';

export interface Profile {
  readonly brazeId: string;
  readonly externalId: string | null;
  /** Label → name. */
  readonly aliases: Map<string, string>;
  /** Standard fields and custom attributes. */
  readonly fields: Map<string, unknown>;
  /** Grows with every write of any profile: the most recently updated one has the highest. */
  updated: number;
}

/** How an object of a request names a person; the first that is there counts. */
export type ProfileName =
  | { readonly kind: 'external_id' | 'braze_id' | 'email' | 'phone'; readonly value: string }
  | { readonly kind: 'user_alias'; readonly label: string; readonly value: string };

interface Membership {
  added: number;
  removed: number;
  readonly members: Set<string>;
}

const savedMembership = z.tuple([
  z.string(),
  z.object({ added: z.number(), removed: z.number(), members: z.array(z.string()) }),
]);
export const savedProfiles = z.object({
  ...{ next: z.number(), created: z.number(), updated: z.number(), deleted: z.number() },
  // What was saved before they were counted has none.
  dataPoints: z.number().default(0),
  profiles: z.array(
    z.object({
      ...{ brazeId: z.string(), externalId: z.string().nullable(), updated: z.number() },
      ...{ aliases: z.array(z.tuple([z.string(), z.string()])), fields: z.array(z.tuple([z.string(), z.unknown()])) },
    }),
  ),
  flags: z.array(savedMembership),
  groups: z.array(savedMembership),
});

/** The people of one workspace. True attributes and subscription groups are counted as they change. */
export class Profiles {
  readonly #profiles = new Map<string, Profile>();
  /** Names that only one profile has: `external_id`, `braze_id`, `user_alias <label>`. */
  readonly #unique = new Map<string, Profile>();
  /** E-mail addresses and phone numbers, which several may share. */
  readonly #shared = new Map<string, Set<Profile>>();
  readonly #flags = new Map<string, Membership>();
  readonly #groups = new Map<string, Membership>();
  #next = 1;
  #created = 0;
  #updated = 0;
  #deleted = 0;
  #dataPoints = 0;

  /** By e-mail address or phone: one with an external id before one without, then the most recently updated. */
  find(name: ProfileName): Profile | null {
    if (name.kind !== 'email' && name.kind !== 'phone') return this.#unique.get(nameKey(name)) ?? null;
    return this.sharing(name)[0] ?? null;
  }

  sharing(name: ProfileName): readonly Profile[] {
    const rank = (profile: Profile): number => (profile.externalId === null ? 0 : 1);
    const found = [...(this.#shared.get(nameKey(name)) ?? [])];
    return found.sort((a, b) => rank(b) - rank(a) || b.updated - a.updated);
  }

  create(name: ProfileName): Profile {
    const number = this.#next++;
    const profile: Profile = {
      brazeId: number.toString(16).padStart(24, '0'),
      externalId: name.kind === 'external_id' ? name.value : null,
      aliases: new Map(name.kind === 'user_alias' ? [[name.label, name.value]] : []),
      fields: new Map(name.kind === 'email' || name.kind === 'phone' ? [[name.kind, name.value]] : []),
      updated: number,
    };
    this.#created += 1;
    this.#keep(profile);
    return profile;
  }

  /** null clears. */
  write(profile: Profile, fields: Readonly<Record<string, unknown>>, isNew: boolean): void {
    if (!isNew) this.#updated += 1;
    this.#dataPoints += Object.keys(fields).length;
    for (const [name, value] of Object.entries(fields)) {
      this.#unlink(profile, name);
      if (value === null) profile.fields.delete(name);
      else profile.fields.set(name, value);
      this.#link(profile, name);
      if (typeof value === 'boolean') change(membershipOf(this.#flags, name), profile.brazeId, value);
      else this.#flags.get(name)?.members.delete(profile.brazeId);
    }
    profile.updated = this.#next++;
  }

  subscribe(group: string, profile: Profile, isMember: boolean): void {
    change(membershipOf(this.#groups, group), profile.brazeId, isMember);
  }

  delete(profile: Profile): void {
    for (const name of ['email', 'phone']) this.#unlink(profile, name);
    for (const key of uniqueKeys(profile)) this.#unique.delete(key);
    for (const membership of [...this.#flags.values(), ...this.#groups.values()])
      membership.members.delete(profile.brazeId);
    this.#profiles.delete(profile.brazeId);
    this.#deleted += 1;
  }

  objects(rowsMax: number): readonly ObjectSetState[] {
    const all = [...this.#profiles.values()];
    const records = all.slice(Math.max(0, all.length - rowsMax)).map((profile) => ({
      ...{ id: profile.brazeId, key: profile.externalId ?? profile.brazeId },
      fields: { ...nameOf(profile), ...Object.fromEntries(profile.fields) },
    }));
    const counts = {
      created: this.#created,
      updated: this.#updated,
      deleted: this.#deleted,
      dataPoints: this.#dataPoints,
    };
    return [{ type: 'users', size: all.length, ...counts, records }];
  }

  audiences(rowsMax: number): readonly AudienceState[] {
    const state =
      (owner: string) =>
      ([id, { added, removed, members }]: readonly [string, Membership]): AudienceState => ({
        ...{ id, name: id, owner, size: members.size, added, removed },
        members: [...members].slice(Math.max(0, members.size - rowsMax)).map((brazeId) => {
          const profile = this.#profiles.get(brazeId);
          return profile === undefined ? {} : namesOf(profile);
        }),
      });
    return [...[...this.#flags].map(state('attribute')), ...[...this.#groups].map(state('subscription_group'))];
  }

  save(): z.infer<typeof savedProfiles> {
    const memberships = (of: ReadonlyMap<string, Membership>) =>
      [...of].map(([id, one]): z.infer<typeof savedMembership> => [id, { ...one, members: [...one.members] }]);
    return {
      ...{ next: this.#next, created: this.#created, updated: this.#updated, deleted: this.#deleted },
      dataPoints: this.#dataPoints,
      profiles: [...this.#profiles.values()].map((profile) => ({
        ...profile,
        aliases: [...profile.aliases],
        fields: [...profile.fields],
      })),
      flags: memberships(this.#flags),
      groups: memberships(this.#groups),
    };
  }

  restore(saved: z.infer<typeof savedProfiles>): void {
    for (const one of saved.profiles)
      this.#keep({ ...one, aliases: new Map(one.aliases), fields: new Map(one.fields) });
    for (const [id, one] of saved.flags) this.#flags.set(id, { ...one, members: new Set(one.members) });
    for (const [id, one] of saved.groups) this.#groups.set(id, { ...one, members: new Set(one.members) });
    this.#next = saved.next;
    this.#created = saved.created;
    this.#updated = saved.updated;
    this.#deleted = saved.deleted;
    this.#dataPoints = saved.dataPoints;
  }

  #keep(profile: Profile): void {
    this.#profiles.set(profile.brazeId, profile);
    for (const key of uniqueKeys(profile)) this.#unique.set(key, profile);
    for (const name of ['email', 'phone']) this.#link(profile, name);
  }

  #link(profile: Profile, name: string): void {
    const value = profile.fields.get(name);
    if ((name !== 'email' && name !== 'phone') || typeof value !== 'string') return;
    const key = nameKey({ kind: name, value });
    const holders = this.#shared.get(key);
    if (holders === undefined) this.#shared.set(key, new Set([profile]));
    else holders.add(profile);
  }

  #unlink(profile: Profile, name: string): void {
    const value = profile.fields.get(name);
    if ((name !== 'email' && name !== 'phone') || typeof value !== 'string') return;
    this.#shared.get(nameKey({ kind: name, value }))?.delete(profile);
  }
}

function membershipOf(of: Map<string, Membership>, id: string): Membership {
  const known = of.get(id) ?? { added: 0, removed: 0, members: new Set() };
  of.set(id, known);
  return known;
}

function change(membership: Membership, brazeId: string, isMember: boolean): void {
  if (membership.members.has(brazeId) === isMember) return;
  if (isMember) membership.members.add(brazeId);
  else membership.members.delete(brazeId);
  membership[isMember ? 'added' : 'removed'] += 1;
}

function nameKey(name: ProfileName): string {
  if (name.kind === 'user_alias') return `user_alias ${JSON.stringify([name.label, name.value])}`;
  return `${name.kind} ${name.kind === 'email' ? name.value.toLowerCase() : name.value}`;
}

function uniqueKeys(profile: Profile): readonly string[] {
  return [
    nameKey({ kind: 'braze_id', value: profile.brazeId }),
    ...(profile.externalId === null ? [] : [nameKey({ kind: 'external_id', value: profile.externalId })]),
    ...[...profile.aliases].map(([label, value]) => nameKey({ kind: 'user_alias', label, value })),
  ];
}

function nameOf(profile: Profile): Readonly<Record<string, unknown>> {
  return {
    ...(profile.externalId === null ? {} : { external_id: profile.externalId }),
    ...(profile.aliases.size === 0 ? {} : { user_aliases: Object.fromEntries(profile.aliases) }),
  };
}

function namesOf(profile: Profile): Readonly<Record<string, readonly string[]>> {
  const email = profile.fields.get('email');
  const phone = profile.fields.get('phone');
  return {
    ...(profile.externalId === null ? {} : { external_id: [profile.externalId] }),
    ...(profile.aliases.size === 0 ? {} : { user_alias: [...profile.aliases.values()] }),
    ...(typeof email === 'string' ? { email: [email] } : {}),
    ...(typeof phone === 'string' ? { phone: [phone] } : {}),
  };
}
