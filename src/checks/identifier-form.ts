import type { IdentifierKind } from '../artifacts/annotation.ts';
import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { destinationKeyField, identifierOfField } from '../knowledge/mapping.ts';
import { readsPhones } from '../knowledge/service-facts.ts';
import type { Entity, Property } from '../knowledge/store.ts';
import { type Check, type CheckContext, placeOf, settingPlace, statedBlock, type Target, targets } from './check.ts';

const NEEDED_IN_CLEAR: FindingDoc = {
  code: 'identifier-needed-in-clear',
  severity: 'error',
  title: 'The service needs a value that the column holds hashed',
  why: 'From a hash nobody can write to a person: the service would keep it as a wrong address, or refuse it.',
  fix: 'Map a column with the value itself, or state `identifiers:` without this kind.',
  bad: 'email_sha256: {identifier: {kind: email, form: sha256}}   # the only e-mail column, sent to HubSpot',
  good: 'email_sha256: {identifier: {kind: email, form: sha256}}   # sent to Meta, Google',
};

const UNUSED_COUNTRY: FindingDoc = {
  code: 'default-country-unused',
  severity: 'error',
  title: 'The service reads no phone numbers',
  why: 'It sends them as they are in the column: a country for national numbers would change nothing.',
  fix: 'Remove `default_country` from the destination.',
  bad: 'exports: {platform: files, service: objects, default_country: FR}',
  good: 'meta_customers: {platform: meta, service: audiences, default_country: FR}',
};

interface Use {
  readonly kind: IdentifierKind;
  readonly path: readonly string[];
  /** The field that takes it, where it is one. */
  readonly field: string | null;
}

/** Hashed columns that feed what this service needs in clear. */
function hashedUses(context: CheckContext, { activation, facts, destination }: Target): readonly Use[] {
  if (facts.identifiers !== null) {
    const { hashed = [] } = facts.identifiers;
    return activation.identifiers
      .filter(({ kind, form }) => form === 'sha256' && !hashed.includes(kind))
      .map(({ kind, path }) => ({ kind, path, field: null }));
  }
  const entity = context.store.entities.get(activation.entity);
  const key = destinationKeyField(facts, destination.config);
  return activation.mapping.flatMap(({ field, source }): readonly Use[] => {
    if (source.kind !== 'column' || entity === undefined) return [];
    const known = facts.fields.known.find(({ name }) => name === field)?.identifier;
    const kind = known ?? (field === key ? facts.destinationKey?.identifier : null) ?? null;
    const column = propertyAt(context, entity, source.path)?.identifier;
    return kind !== null && column?.form === 'sha256' && column.kind === kind
      ? [{ kind, path: source.path, field }]
      : [];
  });
}

function propertyAt(context: CheckContext, start: Entity, path: readonly string[]): Property | null {
  let entity: Entity | undefined = start;
  for (const step of path.slice(0, -1)) entity = context.store.entities.get(entity?.relationships.get(step)?.to ?? '');
  return entity?.properties.get(path.at(-1) ?? '') ?? null;
}

function checkForms(context: CheckContext, target: Target): readonly Finding[] {
  const { activation, facts } = target;
  const stated = Object.keys(statedBlock(context, activation)?.mapping ?? {});
  return hashedUses(context, target).map(({ kind, path, field }) => {
    const at = field ?? stated.find((name) => identifierOfField(facts, name) === kind);
    const isStated = at !== undefined && stated.includes(at);
    const message = `The activation \`${activation.id}\` takes the ${kind} from \`${path.join('.')}\`, which holds it hashed (\`form: sha256\`), but ${facts.title} needs it in clear.`;
    return findingOf(NEEDED_IN_CLEAR, {
      message,
      location: isStated ? placeOf(activation, 'mapping', at) : placeOf(activation),
    });
  });
}

function checkCountries(context: CheckContext): readonly Finding[] {
  return [...context.store.destinations.values()].flatMap((destination) => {
    const facts = context.services.facts(destination.platform, destination.service);
    const stated = context.project.settings.destinations.get(destination.name)?.defaultCountry ?? null;
    if (facts === null || stated === null || readsPhones(facts)) return [];
    const message = `Destination \`${destination.name}\` states a \`default_country\`, but ${facts.title} sends phone numbers as they are.`;
    return [findingOf(UNUSED_COUNTRY, { message, location: settingPlace(destination, 'default_country') })];
  });
}

export const identifierForm: Check = {
  name: 'identifier-form',
  docs: [NEEDED_IN_CLEAR, UNUSED_COUNTRY],
  run: (context) => [...targets(context).flatMap((target) => checkForms(context, target)), ...checkCountries(context)],
};
