/** One person of an audience: identifiers and hints by schema key, values sorted. */
export type Person = Readonly<Record<string, readonly string[]>>;

/** What recognises a person. Every other key of the schema only helps the matching. */
export const MATCHING_KEYS: ReadonlySet<string> = new Set(['EMAIL', 'PHONE', 'EXTERN_ID', 'MADID']);

/**
 * The people of one audience. A row of identifiers is a person: adding the row again changes nothing but its hints, and a
 * removal takes everyone who has any one identifier of its row.
 */
export class People {
  readonly #people = new Map<string, Person>();
  readonly #byIdentifier = new Map<string, Set<string>>();

  get size(): number {
    return this.#people.size;
  }

  /** Whether the person is new. */
  add(person: Person): boolean {
    const id = personId(person);
    const isNew = !this.#people.has(id);
    this.#people.set(id, person);
    for (const identifier of identifiersOf(person)) {
      const holders = this.#byIdentifier.get(identifier);
      if (holders) holders.add(id);
      else this.#byIdentifier.set(identifier, new Set([id]));
    }
    return isNew;
  }

  /** How many people left. */
  remove(person: Person): number {
    const identifiers = identifiersOf(person);
    const leaving = new Set(identifiers.flatMap((identifier) => [...(this.#byIdentifier.get(identifier) ?? [])]));
    if (identifiers.length === 0 && this.#people.has(personId(person))) leaving.add(personId(person));
    for (const id of leaving) this.#drop(id);
    return leaving.size;
  }

  #drop(id: string): void {
    for (const identifier of identifiersOf(this.#people.get(id) ?? {})) {
      const holders = this.#byIdentifier.get(identifier);
      holders?.delete(id);
      if (holders?.size === 0) this.#byIdentifier.delete(identifier);
    }
    this.#people.delete(id);
  }

  /** The latest `max`, oldest first. */
  latest(max: number): readonly Person[] {
    return [...this.#people.values()].slice(Math.max(0, this.#people.size - max));
  }
}

function identifiersOf(person: Person): readonly string[] {
  return Object.entries(person).flatMap(([key, values]) =>
    MATCHING_KEYS.has(key) ? values.map((value) => `${key}:${value}`) : [],
  );
}

function personId(person: Person): string {
  const identifiers = identifiersOf(person);
  if (identifiers.length > 0) return [...identifiers].sort().join('\n');
  return Object.entries(person)
    .map(([key, values]) => `${key}=${values.join(',')}`)
    .sort()
    .join('\n');
}
