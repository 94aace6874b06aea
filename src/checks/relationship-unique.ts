import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf, listed } from '../knowledge/finding-doc.ts';
import { coversUnique, indexTests, keyFacts, type TestIndex } from '../knowledge/keys.ts';
import { NodeColumns } from '../knowledge/node-columns.ts';
import type { Entity, Relationship } from '../knowledge/store.ts';
import type { Check, CheckContext } from './check.ts';

const NOT_UNIQUE: FindingDoc = {
  code: 'relationship-not-unique',
  severity: 'error',
  title: 'The “one” side of a relationship may hold several rows',
  why: 'A condition over it would have several answers, and the way back would count rows twice.',
  fix: 'Lead to the key of the entity, add a unique test to the column, or correct the type.',
  bad: 'customer: {to: customer, type: many_to_one, keys: {country: country}}',
  good: 'customer: {to: customer, type: many_to_one, keys: {customer_id: customer_id}}',
};

interface Side {
  readonly entity: Entity;
  readonly columns: readonly string[];
}

/** The sides on which a row must be the only one of its values. */
function oneSides(relationship: Relationship, ends: { readonly own: Entity; readonly far: Entity }): readonly Side[] {
  const own = { entity: ends.own, columns: relationship.keys.map(([column]) => column) };
  const far = { entity: ends.far, columns: relationship.keys.map(([, column]) => column) };
  switch (relationship.type) {
    case 'one_to_many':
      return [own];
    case 'many_to_one':
      return [far];
    case 'one_to_one':
      return [own, far];
    case 'many_to_many':
      return [];
  }
}

function isUnique(context: CheckContext, tests: TestIndex, side: Side): boolean {
  const { primaryKey, node } = side.entity;
  const manifestNode = context.project.manifest.nodes.get(node.uniqueId);
  // Without a key there is a finding already, and nothing to hold this against.
  if (primaryKey.length === 0 || manifestNode === undefined) return true;
  const columns = new NodeColumns(context.project, manifestNode);
  return coversUnique(columns, side.columns, [primaryKey, ...keyFacts(columns, tests).unique]);
}

export const relationshipUnique: Check = {
  name: 'relationship-unique',
  docs: [NOT_UNIQUE],
  run: (context) => {
    const tests = indexTests(context.project.manifest);
    return [...context.store.entities.values()].flatMap((own) =>
      [...own.relationships.values()].flatMap((relationship): readonly Finding[] => {
        const far = context.store.entities.get(relationship.to);
        // Only what the user states can be wrong: derived ways lead to keys, and ways back are the same relationship.
        const isStated = relationship.provenance.source === 'annotation' && relationship.origin === own.origin;
        if (!isStated || far === undefined || relationship.provenance.detail.startsWith('the way back')) return [];
        return oneSides(relationship, { own, far })
          .filter((side) => !isUnique(context, tests, side))
          .map((side) => {
            const message = `\`${own.name}.${relationship.name}\` is ${relationship.type}, but nothing says that ${listed(side.columns)} of \`${side.entity.name}\` is unique.`;
            const location = own.origin.locate(['relationships', relationship.name]);
            return findingOf(NOT_UNIQUE, { message, location, node: side.entity.node.uniqueId });
          });
      }),
    );
  },
};
