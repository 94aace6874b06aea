import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf, listed } from '../knowledge/finding-doc.ts';
import { replacesWhole } from '../knowledge/service-facts.ts';
import { type Check, type CheckContext, placeOf, targets } from './check.ts';

const NOT_SUPPORTED: FindingDoc = {
  code: 'mode-not-supported',
  severity: 'error',
  title: 'The service does not have this mode',
  why: 'Sending in another mode than asked for would be a silent surprise.',
  fix: 'Take one of the modes that `dinmo show platforms` lists for the service.',
  bad: 'meta_conversions: {mode: delta}   # events have no delta',
  good: 'meta_conversions: {mode: incremental}',
};

const ON_DIMENSION: FindingDoc = {
  code: 'incremental-on-dimension',
  severity: 'error',
  title: 'Incremental mode on a dimension',
  why: 'Incremental sends only keys never sent before: changes of a dimension and its leavers would be missed.',
  fix: 'Use `mode: delta`, or `type: fact` if the entity is something that happened.',
  bad: 'customer (a dimension): {mode: incremental}',
  good: 'customer (a dimension): {mode: delta}',
};

const REPLACE_NEEDS_DELETE: FindingDoc = {
  code: 'full-replace-needs-delete',
  severity: 'error',
  title: 'A full replace without `delete`',
  why: 'The new content holds exactly the rows to send, so whoever left is removed: that must be allowed.',
  fix: 'Write `operations: [insert, update, delete]`, or use `mode: delta`.',
  bad: 'export: {mode: full, operations: [insert, update]}',
  good: 'export: {mode: full, operations: [insert, update, delete]}',
};

export const activationMode: Check = {
  name: 'activation-mode',
  docs: [NOT_SUPPORTED, ON_DIMENSION, REPLACE_NEEDS_DELETE],
  run: (context: CheckContext) =>
    targets(context).flatMap(({ activation, facts, destination }): Finding[] => {
      const { id, mode, operations } = activation;
      const location = placeOf(activation, 'mode');
      if (!facts.modes.includes(mode)) {
        const message = `The activation \`${id}\` has mode ${mode}, which ${facts.title} does not have.`;
        return [findingOf(NOT_SUPPORTED, { message, fix: `Take one of ${listed(facts.modes)}.`, location })];
      }
      const entity = context.store.entities.get(activation.entity);
      if (mode === 'incremental' && facts.service !== 'events' && entity?.type === 'dimension') {
        const message = `The activation \`${id}\` is incremental, but \`${entity.name}\` is a dimension.`;
        return [findingOf(ON_DIMENSION, { message, location })];
      }
      if (mode === 'full' && replacesWhole(facts, destination.config) && !operations.includes('delete')) {
        const message = `The activation \`${id}\` replaces everything at each sync, but \`delete\` is not among its operations.`;
        return [findingOf(REPLACE_NEEDS_DELETE, { message, location: placeOf(activation, 'operations') })];
      }
      return [];
    }),
};
