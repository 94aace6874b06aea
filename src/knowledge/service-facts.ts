import type { IdentifierKind, Mode, Operation, ServiceKind } from '../artifacts/annotation.ts';

/** One setting of a destination's `config` or `credentials`. */
export interface SettingFact {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'string[]';
  readonly required: boolean;
  /** Says which account or dataset is meant: recorded at the first sync, and never changed after. */
  readonly core: boolean;
  readonly default?: string | number | boolean;
  readonly choices?: readonly string[];
  /** The greatest whole number that is taken; left out: there is none. */
  readonly max?: number;
  readonly description: string;
  /**
   * A secret that is taken apart before it is sent (an address, a key): what a rehearsal takes where it is not set. Left out: any
   * word does.
   */
  readonly standIn?: () => string;
}

/** One field that a mapping may feed. */
export interface FieldFact {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date' | 'timestamp' | 'any';
  readonly required: boolean;
  readonly description: string;
  /** Filled from the property of this identifier kind when the mapping does not name the field. */
  readonly identifier?: IdentifierKind;
  /** `activate` maps a property of this kind, where there is none of `identifier` (a last name: the full one). */
  readonly otherwise?: IdentifierKind;
  /** Settings under which the service has the field at all, all of them; left out: always. By default nothing feeds it under others. */
  readonly where?: readonly SettingCondition[];
  /** Settings under which it is required, all of them, where `required` is false. */
  readonly requiredWhere?: readonly SettingCondition[];
  /** A record that is not there yet cannot be made without: `activate` maps it, or says what is missing. */
  readonly neededByNew?: true;
  /** Names what happened: `activate` maps the name of the segment or entity where nothing else does. */
  readonly isEventName?: true;
}

/** The setting has one of these values, a default being one too; none: it is not made. */
export interface SettingCondition {
  readonly setting: string;
  readonly is: readonly string[];
}

/**
 * How a person is erased at a platform. `profile`: by the platform's own erasure, whatever else it knows of the person
 * (`Service.erase`); `member`: what was sent is taken back as a removal takes it; `none`: nothing can be taken back.
 */
export interface Erasure {
  readonly kind: 'profile' | 'member' | 'none';
  /** What stays at the platform all the same, one sentence; null: nothing that is known. */
  readonly stays: string | null;
}

/** What a service of a platform can do, as data: checks, docs and the engine read it and never ask a platform's name. */
export interface ServiceFacts {
  readonly platform: string;
  readonly service: ServiceKind;
  readonly title: string;
  /** Pinned, with the day it stops working; null where the platform has no versions. */
  readonly api: { readonly version: string; readonly sunset: string | null; readonly docs: string } | null;
  readonly config: readonly SettingFact[];
  readonly credentials: readonly SettingFact[];
  /**
   * Settings of `config` that name what several services of the platform share, where they share its records or its rate:
   * destinations in which they are equal go one after another. Empty: those with the same credentials do. Left out: those of one
   * service with equal core settings.
   */
  readonly takesTurnsBy?: readonly string[];
  readonly modes: readonly Mode[];
  readonly defaultMode: Mode;
  readonly operations: readonly Operation[];
  readonly defaultOperations: readonly Operation[];
  /** Identifier kinds the service matches on, and those it takes beside one; null where rows are addressed by key (files, webhook) or by a field (objects). */
  readonly identifiers: {
    readonly matching: readonly IdentifierKind[];
    readonly hints: readonly IdentifierKind[];
    /** Kinds that a column may hold as SHA-256 already (`form: sha256`). Left out: every kind is needed in clear. */
    readonly hashed?: readonly IdentifierKind[];
    /** The setting that names the one matching kind that is sent; left out: all of them are. */
    readonly chosenBy?: string;
  } | null;
  /** Objects: the setting that names the field by which the platform knows a row (`id_property`); null elsewhere. */
  readonly destinationKey: {
    readonly setting: string;
    readonly identifier: IdentifierKind | null;
    readonly normalise: 'lower' | 'exact';
    /** `normalise` is for this value of the setting; under any other, keys are exact. Left out: for all. */
    readonly normaliseOnly?: string;
  } | null;
  /** The platform gives each row a record id of its own, by which it can be updated in place. */
  readonly recordIds: boolean;
  /** Fields that a mapping may name; `open` when any other name is taken too. */
  readonly fields: { readonly known: readonly FieldFact[]; readonly open: boolean };
  /** Fields whose phone numbers the service reads, with the row's country or `default_country`. Left out: they go as they are. */
  readonly phoneFields?: readonly string[];
  /** With a mapping left out: every property (`all`), by identifier kind only (`identifiers`), or the mapping is required (`none`). */
  readonly defaultMapping: 'all' | 'identifiers' | 'none';
  /** Whether the platform keeps named audiences, and whether they can be renamed. */
  readonly audience: { readonly renamable: boolean } | null;
  /** Events older than this are refused by the platform; null where it has no limit. */
  readonly eventAgeDaysMax: number | null;
  /** A setting on which the age limit hangs, and the limit where it has this value. */
  readonly eventAgeExceptions?: readonly {
    readonly setting: string;
    readonly value: string;
    readonly daysMax: number;
  }[];
  /** True where sending a row again has no further effect, so that an unknown outcome may be repeated. */
  readonly deduplicates: boolean;
  /** Full mode replaces the whole content at once (files). */
  readonly replacesWhole: boolean;
  /** Full mode replaces the whole content at once only where a setting of the destination has this value (then `full-finish` holds too). Left out: as `replacesWhole` says. */
  readonly replacesWhen?: { readonly setting: string; readonly value: string };
  /** What a NULL does unless the mapping says: `skip` leaves the field out, `clear` sends it empty, `null` is sent as null. */
  readonly nulls: 'skip' | 'clear' | 'null';
  /**
   * Memberships that end by themselves, so many days after a member was last sent; `setting`: one of the destination that makes it
   * fewer. Members are sent again before that. Left out: they end with a removal only.
   */
  readonly memberships?: { readonly daysMax: number; readonly setting?: string };
  /**
   * Settings, all of them, under which an update may carry the fields that changed and no others: each field is written by itself, whatever
   * else the row has, and a row that was acknowledged is there for certain. For services without identifiers. Left out: always all fields.
   */
  readonly changedFieldsOnly?: readonly SettingCondition[];
  /** What `dinmo forget` can do there. Left out: as `erasureOf` says. */
  readonly erasure?: Erasure;
  /**
   * Where a batch may become a job that ends later (outcome `submitted`): how many may be open at once, of one delivery, and how
   * many minutes a run waits for each before it leaves it to the next run. Left out: the service has no jobs.
   */
  readonly jobs?: { readonly openMax: number; readonly deadlineMinutes: number };
  readonly limits: {
    readonly rowsPerRequestMax: number;
    readonly requestBytesMax: number;
    /** null: the platform publishes none. */
    readonly requestsPerSecondMax: number | null;
    /** In any 60 seconds, beside the rate per second. null or left out: the platform publishes none. */
    readonly requestsPerMinuteMax?: number | null;
    readonly connectionsMax: number;
  };
}

type Settings = Readonly<Record<string, unknown>>;

function holds(
  { facts, config }: { readonly facts: ServiceFacts; readonly config: Settings },
  condition: SettingCondition,
): boolean {
  const { setting, is } = condition;
  const value = config[setting] ?? facts.config.find(({ name }) => name === setting)?.default;
  // What an environment variable holds is not known here: it may be anything but nothing.
  if (typeof value === 'string' && value.includes('{{')) return false;
  return is.length === 0 ? value === undefined : is.includes(String(value));
}

/** Whether the service has the field, with these settings of the destination. */
export function hasField(facts: ServiceFacts, config: Settings, field: FieldFact): boolean {
  return (field.where ?? []).every((condition) => holds({ facts, config }, condition));
}

/** Whether a mapping has to feed the field, with these settings of the destination. */
export function isRequiredField(facts: ServiceFacts, config: Settings, field: FieldFact): boolean {
  const { required, requiredWhere } = field;
  if (!hasField(facts, config, field)) return false;
  return required || (requiredWhere?.every((condition) => holds({ facts, config }, condition)) ?? false);
}

/** Whether updates carry changed fields only, with these settings of the destination. */
export function sendsChangedFieldsOnly(facts: ServiceFacts, config: Settings): boolean {
  const { changedFieldsOnly, identifiers } = facts;
  if (changedFieldsOnly === undefined || identifiers !== null) return false;
  return changedFieldsOnly.every((condition) => holds({ facts, config }, condition));
}

/** What `dinmo forget` can do at a service, stated or as its operations say. */
export function erasureOf(facts: ServiceFacts): Erasure {
  if (facts.erasure !== undefined) return facts.erasure;
  if (facts.service === 'events') return { kind: 'none', stays: 'Events that were sent cannot be taken back.' };
  if (facts.operations.includes('delete')) return { kind: 'member', stays: null };
  return { kind: 'none', stays: 'The service knows no removal.' };
}

/** Whether the service reads phone numbers, and so needs the country of national ones. */
export function readsPhones(facts: ServiceFacts): boolean {
  return (facts.identifiers?.matching.includes('phone') ?? false) || (facts.phoneFields ?? []).length > 0;
}

/** Days of a membership with these settings of the destination; null where it does not end by itself. */
export function membershipDays(facts: ServiceFacts, config: Readonly<Record<string, unknown>>): number | null {
  const { memberships } = facts;
  if (memberships === undefined) return null;
  const stated = memberships.setting === undefined ? Number.NaN : Number(config[memberships.setting]);
  return stated >= 1 ? Math.min(stated, memberships.daysMax) : memberships.daysMax;
}

/** Looks up what a service can do; null for an unknown platform or a service it does not have. */
export type ServiceLookup = {
  readonly platforms: readonly string[];
  facts(platform: string, service: ServiceKind): ServiceFacts | null;
  services(platform: string): readonly ServiceKind[];
};

/** Whether mode full replaces the whole content at once, with these settings of the destination. */
export function replacesWhole(facts: ServiceFacts, config: Readonly<Record<string, unknown>>): boolean {
  const { replacesWhen } = facts;
  return facts.replacesWhole || (replacesWhen !== undefined && config[replacesWhen.setting] === replacesWhen.value);
}

/** The age limit of events with these settings of the destination, in days; null where there is none. */
export function eventAgeDaysMax(facts: ServiceFacts, config: Readonly<Record<string, unknown>>): number | null {
  const exception = facts.eventAgeExceptions?.find(({ setting, value }) => config[setting] === value);
  return exception?.daysMax ?? facts.eventAgeDaysMax;
}
