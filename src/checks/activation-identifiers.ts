import { HINT_KINDS, type IdentifierKind } from '../artifacts/annotation.ts';
import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf, listed } from '../knowledge/finding-doc.ts';
import { matchingKinds } from '../knowledge/mapping.ts';
import type { ServiceFacts } from '../knowledge/service-facts.ts';
import { type Check, type CheckContext, placeOf, settingPlace, statedBlock, type Target, targets } from './check.ts';
import { markColumn } from './mark-column.ts';

const NONE: FindingDoc = {
  code: 'no-identifier',
  severity: 'error',
  title: 'Nothing by which the service could match a person',
  why: 'Every row would be invalid: only a matching identifier tells the platform who is meant.',
  fix: 'Mark a column with `identifier:`, or map one: `mapping: {email: customer.email}`.',
  bad: 'columns: {email: {}}',
  good: 'columns: {email: {identifier: email}}',
};

const NOT_ACCEPTED: FindingDoc = {
  code: 'identifier-not-accepted',
  severity: 'error',
  title: 'The service does not take this kind of identifier',
  why: 'It would never be sent.',
  fix: 'Take kinds that `dinmo show platforms` lists for the service.',
  bad: 'meta_customers: {identifiers: [email, gclid]}   # a click id of another platform',
  good: 'meta_customers: {identifiers: [email, phone]}',
};

const NOT_AVAILABLE: FindingDoc = {
  code: 'identifier-not-available',
  severity: 'error',
  title: 'The entity has no identifier of this kind',
  why: 'The activation names it, and nothing would be sent for it.',
  fix: 'Mark the column with `identifier:`, or leave the kind out.',
  bad: 'identifiers: [email, phone]   # no column is marked phone',
  good: 'identifiers: [email]',
};

function notAccepted(facts: ServiceFacts, kinds: readonly IdentifierKind[]): readonly IdentifierKind[] {
  const taken = facts.identifiers;
  // Services that address rows by key take any property: the kinds only choose which.
  return taken === null ? [] : kinds.filter((kind) => !taken.matching.includes(kind) && !taken.hints.includes(kind));
}

function checkStated(context: CheckContext, { activation, facts }: Target): readonly Finding[] {
  const stated = statedBlock(context, activation)?.identifiers ?? [];
  const refused = notAccepted(facts, stated);
  const has = new Set(activation.identifiers.map((identifier) => identifier.kind));
  const absent = facts.identifiers === null ? [] : stated.filter((kind) => !refused.includes(kind) && !has.has(kind));
  const location = placeOf(activation, 'identifiers');
  return [
    ...(refused.length === 0
      ? []
      : [
          findingOf(NOT_ACCEPTED, {
            message: `The activation \`${activation.id}\` sends ${listed(refused)}, which ${facts.title} does not take.`,
            location,
          }),
        ]),
    ...(absent.length === 0
      ? []
      : [
          findingOf(NOT_AVAILABLE, {
            message: `The activation \`${activation.id}\` sends ${listed(absent)}, but no column of \`${activation.entity}\` is that.`,
            location,
          }),
        ]),
  ];
}

function checkMatching(context: CheckContext, { activation, facts, destination }: Target): readonly Finding[] {
  if (facts.identifiers === null) return [];
  const matching = matchingKinds(facts, destination.config);
  // The setting that says the kind has a value that it cannot have, which is a finding of its own.
  if (matching.length === 0) return [];
  if (activation.identifiers.some((identifier) => matching.includes(identifier.kind))) return [];
  const hints = activation.identifiers.filter((identifier) => HINT_KINDS.some((kind) => kind === identifier.kind));
  const only = hints.length === 0 ? '' : ` (${listed(hints.map((hint) => hint.kind))} only help beside one)`;
  const message = `The activation \`${activation.id}\` has no identifier that ${facts.title} matches on${only}: it needs ${matching.length > 1 ? 'one of ' : ''}${listed(matching)}.`;
  const left = leftOut(context, { activation, facts, destination }, matching);
  if (left !== null) {
    const fix = `\`${left.column}\` is that: add \`${left.kind}\` to the \`identifiers:\` that leave it out (of the activation, else the \`defaults:\` of \`${destination.name}\`).`;
    return [findingOf(NONE, { message, fix, location: placeOf(activation) })];
  }
  const [first, ...others] = matching;
  const mark = first === undefined ? null : markColumn(context, activation.entity, [first, ...others]);
  const example = first === undefined || matching.includes('email') ? 'email: customer.email' : `${first}: <column>`;
  const fix = mark === null ? NONE.fix : `${mark} Or map one: \`mapping: {${example}}\`.`;
  return [findingOf(NONE, { message, fix, location: placeOf(activation) })];
}

/** A column of the entity that would do, had the activation or its destination not listed other kinds. */
function leftOut(
  context: CheckContext,
  { activation, destination }: Target,
  matching: readonly IdentifierKind[],
): { readonly column: string; readonly kind: IdentifierKind } | null {
  const defaults = context.project.settings.destinations.get(destination.name)?.defaults;
  const stated = statedBlock(context, activation)?.identifiers ?? defaults?.identifiers ?? null;
  if (stated === null) return null;
  for (const { name, identifier, hidden } of context.store.entities.get(activation.entity)?.properties.values() ?? []) {
    if (identifier === null || hidden || stated.includes(identifier.kind)) continue;
    if (matching.includes(identifier.kind)) return { column: name, kind: identifier.kind };
  }
  return null;
}

export const activationIdentifiers: Check = {
  name: 'activation-identifiers',
  docs: [NONE, NOT_ACCEPTED, NOT_AVAILABLE],
  run: (context) => [
    ...targets(context).flatMap((target) => [...checkStated(context, target), ...checkMatching(context, target)]),
    ...[...context.store.destinations.values()].flatMap((destination): Finding[] => {
      const facts = context.services.facts(destination.platform, destination.service);
      const stated = context.project.settings.destinations.get(destination.name)?.defaults.identifiers ?? [];
      const refused = facts === null ? [] : notAccepted(facts, stated);
      if (facts === null || refused.length === 0) return [];
      const message = `Destination \`${destination.name}\` sends ${listed(refused)} by default, which ${facts.title} does not take.`;
      return [findingOf(NOT_ACCEPTED, { message, location: settingPlace(destination, 'defaults', 'identifiers') })];
    }),
  ],
};
