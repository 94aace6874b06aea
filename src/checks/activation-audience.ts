import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { type Check, placeOf, statedBlock, targets } from './check.ts';

const NOT_SUPPORTED: FindingDoc = {
  code: 'audience-not-supported',
  severity: 'error',
  title: 'The service has no named audiences',
  why: 'The name would be ignored.',
  fix: 'Remove `audience:`, or send to an audiences service.',
  bad: 'hubspot_contacts: {audience: VIP}   # contacts are objects',
  good: 'hubspot_lists: {audience: VIP}',
};

export const activationAudience: Check = {
  name: 'activation-audience',
  docs: [NOT_SUPPORTED],
  run: (context) =>
    targets(context).flatMap(({ activation, facts }): Finding[] => {
      if (facts.audience !== null || (statedBlock(context, activation)?.audience ?? null) === null) return [];
      const message = `The activation \`${activation.id}\` names an audience, but ${facts.title} has none.`;
      return [findingOf(NOT_SUPPORTED, { message, location: placeOf(activation, 'audience') })];
    }),
};
