import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import type { Entity, EntityNode } from '../knowledge/store.ts';
import type { Check, CheckContext } from './check.ts';

const PRIVATE: FindingDoc = {
  code: 'private-model',
  severity: 'error',
  title: 'A private model cannot be read by what is generated',
  why: 'dbt lets only models of its own group, in its own package, refer to a private model.',
  fix: 'Make the model `protected`, or put the models that are used together into one group.',
  bad: 'access: private   # in another group than the entity that uses it',
  good: 'access: protected',
};

interface Use {
  readonly node: EntityNode;
  /** The group that the generated model takes. */
  readonly group: string | null;
  readonly what: string;
  readonly location: Finding['location'];
}

/** Nodes that generated models refer to, with the group in which each of those stands. */
function uses(context: CheckContext): readonly Use[] {
  const { entities, segments } = context.store;
  const ofEntities = [...entities.values()].flatMap((entity): readonly Use[] => {
    const group = groupOf(entity);
    const entityUse = {
      node: entity.node,
      group,
      what: `entity \`${entity.name}\``,
      location: entity.origin.locate([]),
    };
    const custom = [...entity.properties.values()].flatMap((property): readonly Use[] =>
      property.customAttribute === null
        ? []
        : [
            {
              node: property.customAttribute.node,
              group,
              what: `custom attribute \`${property.name}\``,
              location: property.origin?.locate([]) ?? null,
            },
          ],
    );
    const through = [...entity.relationships.values()].flatMap((relationship): readonly Use[] =>
      relationship.through === null
        ? []
        : [
            {
              node: relationship.through.node,
              group,
              what: `relationship \`${entity.name}.${relationship.name}\``,
              location: relationship.origin?.locate(['relationships', relationship.name]) ?? null,
            },
          ],
    );
    return [entityUse, ...custom, ...through];
  });
  const ofSegments = [...segments.values()].flatMap((segment): readonly Use[] => {
    const entity = entities.get(segment.entity);
    if (segment.definition.kind !== 'sql' || entity === undefined) return [];
    const { node } = segment.definition;
    return [
      {
        node,
        group: groupOf(entity),
        what: `segment \`${segment.name}\``,
        location: segment.origin.locate(segment.at),
      },
    ];
  });
  return [...ofEntities, ...ofSegments];
}

function groupOf(entity: Entity): string | null {
  return entity.node.access === 'private' ? entity.node.group : null;
}

export const privateAccess: Check = {
  name: 'private-access',
  docs: [PRIVATE],
  run: (context) =>
    uses(context).flatMap(({ node, group, what, location }): readonly Finding[] => {
      if (node.access !== 'private') return [];
      const { nodes, metadata } = context.project.manifest;
      const isForeign = nodes.get(node.uniqueId)?.packageName !== metadata.projectName;
      if (!isForeign && node.group === group) return [];
      const reason = isForeign ? 'of another package' : `of the group \`${node.group ?? 'none'}\``;
      const message = `The ${what} reads ${node.uniqueId}, a private model ${reason}.`;
      return [findingOf(PRIVATE, { message, location, node: node.uniqueId })];
    }),
};
