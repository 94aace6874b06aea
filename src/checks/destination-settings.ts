import type { SettingValue } from '../artifacts/settings.ts';
import { type Finding, nearest } from '../finding.ts';
import { type FindingDoc, findingOf, listed, meant } from '../knowledge/finding-doc.ts';
import type { ServiceFacts, SettingFact } from '../knowledge/service-facts.ts';
import type { Destination } from '../knowledge/store.ts';
import { isWritten } from '../knowledge/written.ts';
import { type Check, settingPlace } from './check.ts';

const UNKNOWN: FindingDoc = {
  code: 'unknown-setting',
  severity: 'error',
  title: 'The service has no such setting',
  why: 'It would be ignored, and what was meant would not happen.',
  fix: 'Take settings that `dinmo show platforms` lists for the service.',
  bad: 'config: {ad_acount_id: "1"}',
  good: 'config: {ad_account_id: "1"}',
};

const MISSING: FindingDoc = {
  code: 'missing-setting',
  severity: 'error',
  title: 'A required setting or credential is missing',
  why: 'Without it the platform cannot be reached, or the wrong account could be.',
  fix: 'Add it to the destination in dinmo.yml.',
  bad: 'meta_customers: {platform: meta, service: audiences}',
  good: `meta_customers: {platform: meta, service: audiences, config: {ad_account_id: "1"}, credentials: {access_token: "{{ env_var('TOKEN') }}"}}`,
};

const INVALID: FindingDoc = {
  code: 'invalid-setting',
  severity: 'error',
  title: 'A setting has a value that it cannot have',
  why: 'The platform would refuse it.',
  fix: 'Correct the value.',
  bad: 'config: {path: exports, format: xml}',
  good: 'config: {path: exports, format: csv}',
};

const EXPECTED: Readonly<Record<SettingFact['type'], string>> = {
  string: 'a text (quote numbers)',
  integer: 'a whole number',
  boolean: 'true or false',
  'string[]': 'a list of texts',
};

function fits(fact: SettingFact, value: SettingValue): boolean {
  // What an environment variable holds is known when it is read.
  if (typeof value === 'string' && value.includes('{{')) return true;
  switch (fact.type) {
    case 'string':
      // An account id that YAML read as a number is still the id.
      return (typeof value === 'string' && value !== '') || Number.isSafeInteger(value);
    case 'integer':
      return (
        /^\d{1,15}$/.test(String(value)) && Number(value) > 0 && Number(value) <= (fact.max ?? Number.POSITIVE_INFINITY)
      );
    case 'boolean':
      return typeof value === 'boolean' || value === 'true' || value === 'false';
    case 'string[]':
      return Array.isArray(value);
  }
}

function checkPart(
  destination: Destination,
  part: 'config' | 'credentials',
  facts: { readonly title: string; readonly known: readonly SettingFact[] },
): readonly Finding[] {
  const findings: Finding[] = [];
  const given: Readonly<Record<string, SettingValue>> = destination[part];
  const names = facts.known.map((fact) => fact.name);
  const at = (name: string) => ['destinations', destination.name, part, name];
  for (const [name, value] of Object.entries(given)) {
    const location = settingPlace(destination, part, name);
    const fact = facts.known.find((known) => known.name === name);
    if (fact === undefined) {
      const message = `Destination \`${destination.name}\`: \`${part}.${name}\` is no setting of ${facts.title}${meant(nearest(name, names))}`;
      const fix = names.length === 0 ? `Remove it: nothing is set under ${part} there.` : `Known are ${listed(names)}.`;
      findings.push(findingOf(UNKNOWN, { message, fix, location }));
    } else if (!fits(fact, value)) {
      const message = `Destination \`${destination.name}\`: \`${part}.${name}\` must be ${EXPECTED[fact.type]}${fact.max === undefined ? '' : ` of 1 to ${fact.max}`}.`;
      findings.push(findingOf(INVALID, { message, location }));
    } else if (fact.choices !== undefined && !fact.choices.includes(String(value)) && !String(value).includes('{{')) {
      const message = `Destination \`${destination.name}\`: \`${part}.${name}\` is \`${String(value)}\`${meant(nearest(String(value), fact.choices))}`;
      findings.push(findingOf(INVALID, { message, fix: `Take one of ${listed(fact.choices)}.`, location }));
    }
  }
  for (const fact of facts.known) {
    // A value that was refused (a secret in clear text) is not missing.
    if (!fact.required || fact.name in given || isWritten(destination.origin, at(fact.name))) continue;
    const message = `Destination \`${destination.name}\`: \`${part}.${fact.name}\` is missing (${fact.description}).`;
    const example = part === 'credentials' ? `"{{ env_var('…') }}"` : '…';
    const fix = `Add \`${fact.name}: ${example}\` under \`${part}:\`.`;
    findings.push(findingOf(MISSING, { message, fix, location: settingPlace(destination, part) }));
  }
  return findings;
}

function checkDestination(destination: Destination, facts: ServiceFacts): readonly Finding[] {
  return [
    ...checkPart(destination, 'config', { title: facts.title, known: facts.config }),
    ...checkPart(destination, 'credentials', { title: facts.title, known: facts.credentials }),
  ];
}

export const destinationSettings: Check = {
  name: 'destination-settings',
  docs: [UNKNOWN, MISSING, INVALID],
  run: (context) =>
    [...context.store.destinations.values()].flatMap((destination) => {
      const facts = context.services.facts(destination.platform, destination.service);
      return facts === null ? [] : checkDestination(destination, facts);
    }),
};
