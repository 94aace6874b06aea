import type { FindingDoc } from '../knowledge/finding-doc.ts';
import { KNOWLEDGE_FINDINGS } from '../knowledge/findings.ts';
import { activationAudience } from './activation-audience.ts';
import { activationConsent } from './activation-consent.ts';
import { activationEvents } from './activation-events.ts';
import { activationIdentifiers } from './activation-identifiers.ts';
import { activationMapping } from './activation-mapping.ts';
import { activationMode } from './activation-mode.ts';
import { activationOperations } from './activation-operations.ts';
import { activationOverlap } from './activation-overlap.ts';
import type { Check } from './check.ts';
import { customAttributeKey } from './custom-attribute-key.ts';
import { destinationExclude } from './destination-exclude.ts';
import { destinationSettings } from './destination-settings.ts';
import { entityFacts } from './entity-facts.ts';
import { generatedNames } from './generated-names.ts';
import { identifierForm } from './identifier-form.ts';
import { idleAnnotation } from './idle-annotation.ts';
import { privateAccess } from './private-access.ts';
import { profileTargets } from './profile-targets.ts';
import { READING_FINDINGS } from './reading-findings.ts';
import { relationshipUnique } from './relationship-unique.ts';
import { renamedActivation } from './renamed-activation.ts';
import { schedule } from './schedule.ts';
import { segmentRules } from './segment-rules.ts';

/** Every check, one line each; a test compares the list with the folder. */
export const CHECKS: readonly Check[] = [
  entityFacts,
  relationshipUnique,
  customAttributeKey,
  idleAnnotation,
  privateAccess,
  generatedNames,
  segmentRules,
  activationMode,
  activationOperations,
  activationAudience,
  activationEvents,
  activationMapping,
  activationIdentifiers,
  identifierForm,
  activationConsent,
  renamedActivation,
  activationOverlap,
  schedule,
  destinationSettings,
  destinationExclude,
  profileTargets,
];

/** Every kind of finding of the Knowledge Store and of the checks, by code: the content of docs/checks.md beside what reading the files finds. */
export const FINDING_DOCS: readonly FindingDoc[] = [
  ...KNOWLEDGE_FINDINGS,
  ...CHECKS.flatMap((check) => check.docs),
].sort((a, b) => (a.code < b.code ? -1 : 1));

/** What a code means; for one that is documented elsewhere, such as a failure of the command, its name. */
export function ruleOf(code: string): FindingDoc {
  const found = FINDING_DOCS.find((doc) => doc.code === code);
  if (found !== undefined) return found;
  const reading = READING_FINDINGS.find(([known]) => known === code);
  const [, severity, title] = reading ?? [code, 'error', code];
  return { code, severity, title, why: '', fix: '', bad: '', good: '' };
}
