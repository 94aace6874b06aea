import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { isLatestVersion, nodeLabel } from '../knowledge/node.ts';
import type { Check } from './check.ts';

const NO_ENTITY: FindingDoc = {
  code: 'annotation-without-entity',
  severity: 'warning',
  title: 'A column is annotated on a model that is no entity',
  why: 'Only a model with an `entity` block is an entity, so the annotation does nothing.',
  fix: 'Add an `entity` block to the model, or remove the annotation.',
  bad: 'stg_customers: {columns: {email: {identifier: email}}}   # no entity block',
  good: 'customers: {entity: {name: customer}, columns: {email: {identifier: email}}}',
};

const NOT_USED: FindingDoc = {
  code: 'default-attribute-not-used',
  severity: 'warning',
  title: 'A default attribute that no entity sent there has',
  why: 'It is probably mistyped: a default applies where the entity has the property, and nowhere else.',
  fix: 'Correct the name.',
  bad: 'defaults: {attributes: [contry]}',
  good: 'defaults: {attributes: [country]}',
};

export const idleAnnotation: Check = {
  name: 'idle-annotation',
  docs: [NO_ENTITY, NOT_USED],
  run: ({ project, store }) => {
    const entities = new Set(project.annotations.flatMap((other) => (other.kind === 'entity' ? [other.node] : [])));
    const columns = project.annotations.flatMap((annotation): readonly Finding[] => {
      if (annotation.kind !== 'column' || entities.has(annotation.node)) return [];
      const node = project.manifest.nodes.get(annotation.node);
      if (node === undefined || !isLatestVersion(node)) return [];
      const message = `The column \`${annotation.column}\` of ${nodeLabel(node)} is annotated, but ${nodeLabel(node)} is no entity.`;
      return [findingOf(NO_ENTITY, { message, location: annotation.origin.locate([]), node: node.uniqueId })];
    });
    const defaults = [...store.destinations.values()].flatMap((destination): readonly Finding[] => {
      const sent = [...store.activations.values()].filter((other) => other.destination === destination.name);
      const names = project.settings.destinations.get(destination.name)?.defaults.attributes ?? [];
      if (sent.length === 0) return [];
      return names
        .filter((name) => !sent.some((activation) => store.entities.get(activation.entity)?.properties.has(name)))
        .map((name) => {
          const message = `Destination \`${destination.name}\` sends the attribute \`${name}\` by default, but no entity sent there has it.`;
          const location = destination.origin.locate(['destinations', destination.name, 'defaults', 'attributes']);
          return findingOf(NOT_USED, { message, location });
        });
    });
    return [...columns, ...defaults];
  },
};
