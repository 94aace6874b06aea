import { type Finding, nearest } from '../finding.ts';
import { type FindingDoc, findingOf, listed, meant } from '../knowledge/finding-doc.ts';
import type { Check } from './check.ts';

const NOT_STATED: FindingDoc = {
  code: 'targets-not-stated',
  severity: 'warning',
  title: 'Nothing says which dbt target may reach real platforms',
  why: 'With several targets a developer’s data could replace production’s, so `sync` and `clear` refuse.',
  fix: 'Add `targets: [prod]` to dinmo.yml, with the targets that may send.',
  bad: 'version: 1   # and the profile has dev and prod',
  good: 'targets: [prod]',
};

const UNKNOWN: FindingDoc = {
  code: 'unknown-target',
  severity: 'warning',
  title: 'dinmo.yml names a target that the profile does not have',
  why: 'Nothing could be sent from it.',
  fix: 'Correct the name, unless the target exists in another profile (that of your CI).',
  bad: 'targets: [production]',
  good: 'targets: [prod]',
};

export const profileTargets: Check = {
  name: 'profile-targets',
  docs: [NOT_STATED, UNKNOWN],
  run: ({ project, targetNames }): readonly Finding[] => {
    const { settings } = project;
    if (targetNames === null || settings.destinations.size === 0) return [];
    const { origin, targets } = settings;
    if (targets === null) {
      if (targetNames.length < 2) return [];
      const message = `The profile has the targets ${listed(targetNames)}, and dinmo.yml does not say which may reach real platforms.`;
      return [findingOf(NOT_STATED, { message, location: origin?.locate([]) ?? null })];
    }
    return targets.flatMap((target, index) => {
      if (targetNames.includes(target)) return [];
      const message = `\`targets:\` names \`${target}\`, which the profile does not have${meant(nearest(target, targetNames))}`;
      return [findingOf(UNKNOWN, { message, location: origin?.locate(['targets', index]) ?? null })];
    });
  },
};
