import type { Check } from './check.ts';
import { RULE_DOCS } from './rule-docs.ts';

/** Names, types and cycles of all filters and limits: found where they are resolved, reported with everything else. */
export const segmentRules: Check = {
  name: 'segment-rules',
  docs: RULE_DOCS,
  run: (context) => context.resolveFindings,
};
