import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf, listed } from '../knowledge/finding-doc.ts';
import { type Check, placeOf, targets } from './check.ts';

const NOT_SUPPORTED: FindingDoc = {
  code: 'operation-not-supported',
  severity: 'error',
  title: 'The service does not have this operation',
  why: 'The platform would never receive it, and nobody would be told.',
  fix: 'Take operations that `dinmo show platforms` lists for the service.',
  bad: 'meta_conversions: {operations: [insert, delete]}   # an event cannot be deleted',
  good: 'meta_conversions: {operations: [insert]}',
};

const NONE: FindingDoc = {
  code: 'no-operation',
  severity: 'error',
  title: 'An activation allows no operation',
  why: 'It could never send anything.',
  fix: 'List at least one operation, or write `enabled: false`.',
  bad: 'hubspot: {operations: []}',
  good: 'hubspot: {enabled: false}',
};

export const activationOperations: Check = {
  name: 'activation-operations',
  docs: [NOT_SUPPORTED, NONE],
  run: (context) =>
    targets(context).flatMap(({ activation, facts }): Finding[] => {
      const { id, operations } = activation;
      const location = placeOf(activation, 'operations');
      if (operations.length === 0) {
        return [findingOf(NONE, { message: `The activation \`${id}\` allows no operation.`, location })];
      }
      const missing = operations.filter((operation) => !facts.operations.includes(operation));
      if (missing.length === 0) return [];
      const message = `The activation \`${id}\` allows ${listed(missing)}, which ${facts.title} does not have.`;
      return [findingOf(NOT_SUPPORTED, { message, fix: `Take some of ${listed(facts.operations)}.`, location })];
    }),
};
