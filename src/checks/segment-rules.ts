import type { Finding } from '../finding.ts';
import type { Check } from './check.ts';
import { RULE_DOCS } from './rule-docs.ts';

/** Names, types and cycles of all filters and limits: found where they are resolved, reported with everything else. */
export const segmentRules: Check = {
  name: 'segment-rules',
  docs: RULE_DOCS,
  run({ project, resolveFindings }) {
    // What dbt made of an unquoted value seldom fits either, and the advice would be another: one word on one value.
    const misread = new Set(project.findings.filter(({ code }) => code === 'yaml-1-1-value').map(place));
    return resolveFindings.filter((finding) => finding.code !== 'value-does-not-fit' || !misread.has(place(finding)));
  },
};

function place({ location }: Finding): string {
  return `${location?.file}:${location?.line}:${location?.column}`;
}
