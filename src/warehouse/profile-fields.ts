import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Profile } from '../artifacts/profile.ts';
import { DinmoError } from '../errors.ts';

/** The fields of a target, read one by one: what is wrong with one of them is said with its name, its target and its file. */
export class ProfileFields {
  readonly #profile: Profile;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  /** The target, for a message: `target prod of profile shop in …/profiles.yml`. */
  get place(): string {
    const { targetName, profileName, file } = this.#profile;
    return `target ${targetName} of profile ${profileName} in ${file}`;
  }

  /** As it was rendered; null where it is not given. */
  value(name: string): unknown {
    return this.#profile.fields[name] ?? null;
  }

  /** null where it is empty, too. */
  text(name: string): string | null {
    const value = this.value(name);
    return value === null || value === '' ? null : String(value);
  }

  /** Read also by its older name. Throws DinmoError `profile-invalid` where it is missing. */
  required(
    name: string,
    { or, fix = `Add \`${name}:\`.` }: { readonly or?: string; readonly fix?: string } = {},
  ): string {
    const value = this.text(name) ?? (or === undefined ? null : this.text(or));
    if (value === null) throw this.invalid(name, 'is missing', fix);
    return value;
  }

  /** A whole number. Throws DinmoError `profile-invalid`. */
  number(name: string): number | null {
    const text = this.text(name);
    if (text === null) return null;
    if (!/^\d+$/.test(text)) throw this.invalid(name, 'is not a whole number', 'Correct it.');
    return Number(text);
  }

  flag(name: string): boolean {
    return /^(true|yes|on|1)$/i.test(this.text(name) ?? '');
  }

  /** A list, or a text that names several. */
  texts(name: string): readonly string[] | null {
    const value = this.value(name);
    if (value === null) return null;
    return Array.isArray(value) ? value.map(String) : String(value).split(/[\s,]+/);
  }

  /** What stands in the file that the field names; null where it names none. Throws DinmoError `profile-invalid`. */
  file(name: string): string | null {
    const path = this.text(name);
    if (path === null) return null;
    try {
      return readFileSync(path.replace(/^~(?=\/)/, homedir()), 'utf8');
    } catch {
      throw this.invalid(name, `names ${path}, which cannot be read`, 'Correct the path, or its permissions.');
    }
  }

  /** `what` follows the name of the field. */
  invalid(name: string, what: string, fix: string): DinmoError {
    return this.failure('profile-invalid', `\`${name}\` ${what}`, fix);
  }

  failure(code: string, what: string, fix: string): DinmoError {
    const place = this.place;
    return new DinmoError({
      kind: 'configuration',
      code,
      message: `${place[0]?.toUpperCase()}${place.slice(1)}: ${what}.`,
      fix,
    });
  }
}
