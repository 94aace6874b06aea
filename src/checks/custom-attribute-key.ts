import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { coversUnique, indexTests, keyFacts } from '../knowledge/keys.ts';
import { NodeColumns } from '../knowledge/node-columns.ts';
import type { Check } from './check.ts';

const NOT_UNIQUE: FindingDoc = {
  code: 'custom-attribute-key-not-unique',
  severity: 'warning',
  title: 'The key of a custom attribute is not tested to be unique',
  why: 'With two rows for one key, which value is the attribute’s would be left to chance.',
  fix: 'Add a unique test to the key column.',
  bad: 'custom_attribute: {entity: customer, name: lifetime_value, key: customer_id, value: ltv}   # no unique test',
  good: 'columns: [{name: customer_id, data_tests: [unique]}]',
};

export const customAttributeKey: Check = {
  name: 'custom-attribute-key',
  docs: [NOT_UNIQUE],
  run: ({ store, project }) => {
    const tests = indexTests(project.manifest);
    return [...store.entities.values()].flatMap((entity) =>
      [...entity.properties.values()].flatMap((property): readonly Finding[] => {
        if (property.customAttribute === null) return [];
        const { node, key } = property.customAttribute;
        const manifestNode = project.manifest.nodes.get(node.uniqueId);
        if (manifestNode === undefined) return [];
        const columns = new NodeColumns(project, manifestNode);
        if (coversUnique(columns, [key], keyFacts(columns, tests).unique)) return [];
        const message = `Nothing says that \`${key}\` of ${manifestNode.name} is unique, from which \`${entity.name}.${property.name}\` is taken.`;
        return [
          findingOf(NOT_UNIQUE, { message, location: property.origin?.locate(['key']) ?? null, node: node.uniqueId }),
        ];
      }),
    );
  },
};
