import { DinmoError } from '../../errors.ts';
import { readEmail, readPhone } from '../contact-point.ts';
import type { FieldValue, Invalidity, Normaliser, OutgoingRow, ServiceContext } from '../destination.ts';
import { createNormaliser, trimmed } from '../identifier-rules.ts';
import { ID_FIELDS, type IdField } from './facts.ts';

type Config = ServiceContext['config'];

/** Members that name a profile, as /users/track wants them. */
export type ProfileId = Readonly<Record<string, FieldValue>>;

/**
 * Identifiers as Braze keeps them, in clear: e-mail addresses trimmed and in lower case, phones as E.164, ids trimmed.
 * `country` is only read beside a national phone number.
 */
export const personNormaliser: Normaliser = createNormaliser(1, {
  email: readEmail,
  phone: (value, { country }) => readPhone(value, country),
  external_id: trimmed,
  country: trimmed,
});

export function idFieldOf(config: Config): IdField {
  return ID_FIELDS.find((field) => field === config['id_field']) ?? 'external_id';
}

/** Throws DinmoError `alias-label-missing`. */
export function requireAliasLabel(config: Config): void {
  if (idFieldOf(config) !== 'user_alias' || typeof config['alias_label'] === 'string') return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'alias-label-missing',
    message: 'config.alias_label is missing: a user alias has a name and a label',
    fix: 'Add the label under which your aliases stand in Braze.',
  });
}

/**
 * A profile by the value of its id field. `existingOnly` is always stated: without it Braze makes a profile for an unknown
 * external id, and none for an unknown alias.
 */
export function renderProfile(config: Config, value: string, existingOnly: boolean): ProfileId {
  const field = idFieldOf(config);
  const id = field === 'user_alias' ? { alias_name: value, alias_label: String(config['alias_label']) } : value;
  return { [field]: id, _update_existing_only: existingOnly };
}

/** The values of a row's identifiers that the destination goes by, the first rank first, each once. */
export function personValues(row: Pick<OutgoingRow, 'identifiers'>, config: Config): readonly string[] {
  const field = idFieldOf(config);
  const kind = field === 'email' || field === 'phone' ? field : 'external_id';
  const sorted = row.identifiers.filter((one) => one.kind === kind).sort((a, b) => a.rank - b.rank);
  return [...new Set(sorted.map(({ value }) => value))];
}

/** A person has identifiers, but none that the destination goes by: a member leaves. */
export function withoutPerson(config: Config): Invalidity {
  const field = idFieldOf(config);
  const kind = field === 'email' || field === 'phone' ? field : 'external_id';
  const message = `The row has no ${kind}, by which config.id_field finds a profile`;
  return { code: 'no-profile-id', message, leaves: true };
}
