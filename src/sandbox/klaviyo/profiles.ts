import { z } from 'zod';
import type { ObjectSetState } from '../sandbox-state.ts';

export const IDENTIFIERS = ['email', 'phone_number', 'external_id'] as const;
export type Identifier = (typeof IDENTIFIERS)[number];

const ATTRIBUTES = new Set<string>([
  ...IDENTIFIERS,
  ...['anonymous_id', '_kx', 'first_name', 'last_name', 'organization', 'locale', 'title', 'image'],
]);
const PLACES = new Set<string>([
  ...['address1', 'address2', 'city', 'country', 'latitude', 'longitude', 'region', 'zip', 'timezone', 'ip'],
]);

const text = z.string().nullable();
export const profileInput = z.strictObject({
  type: z.literal('profile'),
  id: z.string().nullable().optional(),
  attributes: z.looseObject({
    location: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).optional(),
    properties: z.record(z.string(), z.unknown()).optional(),
  }),
  meta: z
    .strictObject({
      patch_properties: z.strictObject({ unset: z.union([z.string(), z.array(z.string())]) }).optional(),
    })
    .optional(),
});
export type ProfileInput = z.infer<typeof profileInput>;

export interface Profile {
  readonly id: string;
  readonly createdAt: number;
  updatedAt: number;
  /** Attributes, those of the location as `location.city`, and custom properties as `properties.plan`. */
  readonly values: Map<string, unknown>;
}

/** Why a profile is not taken. */
export interface ProfileFault {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** After the profile's own place. */
  readonly pointer: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

const savedProfile = z.object({
  ...{ id: z.string(), createdAt: z.number(), updatedAt: z.number() },
  values: z.array(z.tuple([z.string(), z.unknown()])),
});
export const savedProfiles = z.object({
  ...{ nextId: z.number(), created: z.number(), updated: z.number(), deleted: z.number() },
  profiles: z.array(savedProfile),
});

/** The profiles of one account: each identifier belongs to at most one. */
export class Profiles {
  readonly #profiles = new Map<string, Profile>();
  readonly #holders = new Map<string, string>();
  #nextId = 1;
  #counts = { created: 0, updated: 0, deleted: 0 };

  get(id: string): Profile | undefined {
    return this.#profiles.get(id);
  }

  find(identifier: string, value: string): Profile | undefined {
    return this.#profiles.get(this.#holders.get(holderKey(identifier, value)) ?? '');
  }

  all(): readonly Profile[] {
    return [...this.#profiles.values()];
  }

  /** What is wrong with the input, by the rules of formats and of identifiers that others hold; null when it may be written. */
  problem(input: ProfileInput): ProfileFault | null {
    const shape = shapeProblem(input);
    if (shape !== null) return shape;
    const given = identifiersOf(input);
    if (given.length === 0 && !input.id)
      return fault('invalid', 'One of email, phone_number, external_id or id is needed', '/attributes');
    if (input.id && !this.#profiles.has(input.id)) {
      return {
        ...fault('not_found', `A profile with id ${input.id} does not exist.`, '/id'),
        status: 404,
        title: 'Not found.',
      };
    }
    const target = input.id ?? this.#target(given)?.id ?? null;
    const rival = given.map(([name, value]) => this.find(name, value)).find((one) => one && one.id !== target);
    if (!rival || target === null) return null;
    return {
      ...{ status: 409, code: 'duplicate_profile', title: 'Conflict.', pointer: '/attributes' },
      detail: 'A profile already exists with one of these identifiers.',
      meta: { duplicate_profile_id: rival.id },
    };
  }

  /** Writes what has no problem. `nulls`: whether null clears, or is left out. */
  write(
    input: ProfileInput,
    now: number,
    nulls: 'clear' | 'ignore',
  ): { readonly profile: Profile; readonly isNew: boolean } {
    const known = input.id ? this.#profiles.get(input.id) : this.#target(identifiersOf(input));
    const profile = known ?? this.#create(now);
    const { location = {}, properties = {}, ...attributes } = input.attributes;
    for (const [name, value] of Object.entries(attributes)) this.#set(profile, name, { value, nulls });
    for (const [name, value] of Object.entries(location)) this.#set(profile, `location.${name}`, { value, nulls });
    for (const [name, value] of Object.entries(properties)) this.#set(profile, `properties.${name}`, { value, nulls });
    const unset = input.meta?.patch_properties?.unset ?? [];
    for (const name of typeof unset === 'string' ? [unset] : unset) profile.values.delete(`properties.${name}`);
    profile.updatedAt = now;
    if (known) this.#counts.updated += 1;
    return { profile, isNew: !known };
  }

  delete(id: string): void {
    const profile = this.#profiles.get(id);
    if (!profile) return;
    for (const name of IDENTIFIERS) this.#unlink(profile, name);
    this.#profiles.delete(id);
    this.#counts.deleted += 1;
  }

  holdings(rowsMax: number): readonly ObjectSetState[] {
    if (this.#counts.created === 0) return [];
    const all = this.all();
    const records = all.slice(Math.max(0, all.length - rowsMax)).map(({ id, values }) => ({
      ...{ id, key: id },
      fields: Object.fromEntries([...values].map(([name, value]) => [name.replace(/^properties\./, ''), value])),
    }));
    return [{ type: 'profiles', size: all.length, ...this.#counts, records }];
  }

  save(): z.infer<typeof savedProfiles> {
    const profiles = this.all().map((profile) => ({ ...profile, values: [...profile.values] }));
    return { nextId: this.#nextId, ...this.#counts, profiles };
  }

  restore({ nextId, profiles, ...counts }: z.infer<typeof savedProfiles>): void {
    this.#nextId = nextId;
    this.#counts = counts;
    for (const saved of profiles) {
      const profile: Profile = { ...saved, values: new Map() };
      this.#profiles.set(profile.id, profile);
      for (const [name, value] of saved.values) this.#set(profile, name, { value, nulls: 'clear' });
    }
  }

  #target(given: readonly (readonly [Identifier, string])[]): Profile | undefined {
    for (const [name, value] of given) {
      const found = this.find(name, value);
      if (found) return found;
    }
    return undefined;
  }

  #create(now: number): Profile {
    const id = `01SANDBOX${String(this.#nextId++).padStart(17, '0')}`;
    const profile: Profile = { id, createdAt: now, updatedAt: now, values: new Map() };
    this.#profiles.set(id, profile);
    this.#counts.created += 1;
    return profile;
  }

  #set(
    profile: Profile,
    name: string,
    { value, nulls }: { readonly value: unknown; readonly nulls: 'clear' | 'ignore' },
  ): void {
    if (value === null && nulls === 'ignore') return;
    this.#unlink(profile, name);
    if (value === null) profile.values.delete(name);
    else {
      const stored = name === 'email' ? String(value).toLowerCase() : value;
      profile.values.set(name, stored);
      if (isIdentifier(name)) this.#holders.set(holderKey(name, String(stored)), profile.id);
    }
  }

  #unlink(profile: Profile, name: string): void {
    const value = profile.values.get(name);
    if (isIdentifier(name) && value !== undefined) this.#holders.delete(holderKey(name, String(value)));
  }
}

function isIdentifier(name: string): name is Identifier {
  return IDENTIFIERS.some((identifier) => identifier === name);
}

function holderKey(identifier: string, value: string): string {
  return `${identifier}\n${identifier === 'email' ? value.toLowerCase() : value}`;
}

function identifiersOf(input: ProfileInput): readonly (readonly [Identifier, string])[] {
  return IDENTIFIERS.flatMap((name) => {
    const value = input.attributes[name];
    return typeof value === 'string' && value !== '' ? [[name, value] as const] : [];
  });
}

function shapeProblem({ attributes }: ProfileInput): ProfileFault | null {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'location' || name === 'properties') continue;
    if (!ATTRIBUTES.has(name))
      return fault('invalid', `'${name}' is not a valid field for the resource 'profile'.`, `/attributes/${name}`);
    if (!text.safeParse(value).success) return fault('invalid', `'${name}' must be a string.`, `/attributes/${name}`);
  }
  const place = Object.keys(attributes.location ?? {}).find((name) => !PLACES.has(name));
  if (place !== undefined)
    return fault('invalid', `'${place}' is not a valid field of a location.`, '/attributes/location');
  const { email, phone_number: phone } = attributes;
  if (typeof email === 'string' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
    return fault('invalid', 'Invalid email address', '/attributes/email');
  }
  if (typeof phone === 'string' && !/^\+[1-9]\d{6,14}$/.test(phone)) {
    return fault(
      'invalid',
      'Invalid phone number format (Example of a valid format: +12345678901)',
      '/attributes/phone_number',
    );
  }
  return null;
}

function fault(code: string, detail: string, pointer: string): ProfileFault {
  return { status: 400, code, title: 'Invalid input.', detail, pointer };
}
