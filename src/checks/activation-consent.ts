import type { ConsentBlock } from '../artifacts/annotation.ts';
import type { SourceLocation } from '../errors.ts';
import { type Finding, nearest } from '../finding.ts';
import { type FindingDoc, findingOf, meant } from '../knowledge/finding-doc.ts';
import { KNOWLEDGE_FINDINGS } from '../knowledge/findings.ts';
import { typeName } from '../knowledge/print.ts';
import type { ConsentColumn } from '../knowledge/store.ts';
import { Resolution, resolvePath } from '../segment/resolve-path.ts';
import { type Check, type CheckContext, placeOf, settingPlace, statedBlock, type Target, targets } from './check.ts';
import { ruleDoc } from './rule-docs.ts';

const NOT_BOOLEAN: FindingDoc = {
  code: 'consent-not-boolean',
  severity: 'error',
  title: 'A consent column is not true or false',
  why: 'What would count as consent could only be guessed.',
  fix: 'Name a boolean column: compute it in the model, such as `opt_in_at is not null`.',
  bad: 'consent: [opted_in_at]   # a timestamp',
  good: 'consent: [email_opt_in]',
};

const NOT_COVERED: FindingDoc = {
  code: 'consent-does-not-cover',
  severity: 'warning',
  title: 'An activation whose rows nobody asks for consent',
  why: 'The destination asks for consent by entity, and names none for the rows of this activation: all of them are sent.',
  fix: 'Name the consent columns of that entity too, or send it to a destination of its own.',
  bad: 'consent: {customer: [email_opt_in]}   # leads are sent there as well',
  good: 'consent: {customer: [email_opt_in], lead: [opt_in]}',
};

const STAYS: FindingDoc = {
  code: 'consent-without-delete',
  severity: 'warning',
  title: 'Consent is asked for, and there is no way to remove',
  why: 'Whoever was sent before withdrawing consent stays there.',
  fix: 'Add `delete` to the operations.',
  bad: 'consent: [email_opt_in] and operations: [insert, update]',
  good: 'consent: [email_opt_in] and operations: [insert, update, delete]',
};

/** Resolved as the paths of a filter are, with the same codes, where the column was asked for. */
function checkColumn(context: CheckContext, { activation }: Target, column: ConsentColumn): readonly Finding[] {
  const entity = context.store.entities.get(activation.entity);
  if (entity === undefined) return [];
  const resolution = new Resolution(context.store, column.origin);
  const resolved = resolvePath(resolution, { entity, at: column.at }, column.path);
  if (resolved === null) return resolution.findings;
  const { type } = resolved.property;
  if (type?.kind === 'boolean') return [];
  const location = column.origin.locate(column.at);
  const name = column.path.join('.');
  if (type === null) {
    const message = `Whether \`${name}\` of \`${activation.entity}\`, the consent of \`${activation.id}\`, is true or false is not known: nothing says its type.`;
    return [findingOf(ruleDoc('unknown-type'), { message, location })];
  }
  const message = `\`${name}\` of \`${activation.entity}\`, the consent of \`${activation.id}\`, is of type ${typeName(type)}.`;
  return [findingOf(NOT_BOOLEAN, { message, location })];
}

function checkDelete({ activation, facts }: Target): readonly Finding[] {
  if (activation.consent.length === 0 || activation.operations.includes('delete')) return [];
  if (!facts.operations.includes('delete')) return [];
  const message = `\`${activation.id}\` never removes: whoever withdraws consent after being sent stays at ${facts.title}.`;
  return [findingOf(STAYS, { message, location: placeOf(activation, 'operations') })];
}

function checkCovered(context: CheckContext, target: Target): readonly Finding[] {
  const { activation, destination } = target;
  const isAsked = destination.consent !== null || (statedBlock(context, activation)?.consent ?? null) !== null;
  if (!isAsked || activation.consent.length > 0) return [];
  const message = `\`${activation.id}\` sends rows of \`${activation.entity}\`, for which \`consent\` names no column.`;
  return [findingOf(NOT_COVERED, { message, location: placeOf(activation, 'consent') })];
}

/** Entities that a `consent:` by entity names and the project does not have. */
function checkEntities(
  { store }: CheckContext,
  block: ConsentBlock | null,
  locate: (entity: string) => SourceLocation,
): readonly Finding[] {
  if (block?.kind !== 'by_entity') return [];
  const doc = KNOWLEDGE_FINDINGS.find(({ code }) => code === 'unknown-entity');
  if (doc === undefined) throw new TypeError('no documentation of unknown-entity');
  return Object.keys(block.entities).flatMap((name) => {
    if (store.entities.has(name)) return [];
    const message = `\`consent\` names the entity \`${name}\`, which does not exist${meant(nearest(name, store.entities.keys()))}`;
    return [findingOf(doc, { message, location: locate(name) })];
  });
}

export const activationConsent: Check = {
  name: 'activation-consent',
  docs: [NOT_BOOLEAN, NOT_COVERED, STAYS],
  run: (context) => [
    ...[...context.store.destinations.values()].flatMap((destination) =>
      checkEntities(context, destination.consent, (entity) => settingPlace(destination, 'consent', entity)),
    ),
    ...targets(context).flatMap((target) => [
      ...checkEntities(context, statedBlock(context, target.activation)?.consent ?? null, (entity) =>
        placeOf(target.activation, 'consent', entity),
      ),
      ...target.activation.consent.flatMap((column) => checkColumn(context, target, column)),
      ...checkCovered(context, target),
      ...checkDelete(target),
    ]),
  ],
};
