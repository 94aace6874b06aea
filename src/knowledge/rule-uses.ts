import type { Path } from '../artifacts/position.ts';
import type { Operand, Rule } from '../artifacts/rule.ts';

/** One property that a filter names: a dotted path seen from an entity. */
export interface PropertyUse {
  readonly entity: string;
  readonly path: readonly string[];
  /** From the root of the annotation. */
  readonly at: Path;
}

/** The entity at the end of a dotted path of relationships; null where a step is not known. */
export type Follow = (entity: string, path: readonly string[]) => string | null;

/** Every property that a filter over `entity` names, those of related entities included. */
export function propertyUses(rule: Rule, entity: string, follow: Follow): readonly PropertyUse[] {
  switch (rule.kind) {
    case 'all':
    case 'any':
    case 'none':
      return rule.rules.flatMap((inner) => propertyUses(inner, entity, follow));
    case 'not':
      return propertyUses(rule.rule, entity, follow);
    case 'segment':
      return [];
    case 'attribute':
      return [
        { entity, path: rule.path, at: rule.at },
        ...operandPaths(rule.comparison.operand).map((path) => ({ entity, path, at: rule.comparison.at })),
      ];
    case 'relation': {
      const operands = rule.comparisons.flatMap((comparison) =>
        operandPaths(comparison.operand).map((path) => ({ entity, path, at: comparison.at })),
      );
      const target = follow(entity, rule.path);
      if (target === null) return operands;
      return [
        ...operands,
        ...(rule.of === null ? [] : [{ entity: target, path: rule.of, at: rule.at }]),
        ...(rule.where === null ? [] : propertyUses(rule.where, target, follow)),
      ];
    }
  }
}

/** Names of the segments that a filter refers to directly, each with its place. */
export function segmentUses(rule: Rule): readonly { readonly name: string; readonly at: Path }[] {
  switch (rule.kind) {
    case 'all':
    case 'any':
    case 'none':
      return rule.rules.flatMap(segmentUses);
    case 'not':
      return segmentUses(rule.rule);
    case 'segment':
      return [{ name: rule.name, at: rule.at }];
    case 'attribute':
      return [];
    case 'relation':
      return rule.where === null ? [] : segmentUses(rule.where);
  }
}

function operandPaths(operand: Operand): readonly (readonly string[])[] {
  if (operand.kind === 'attribute') return [operand.path];
  return operand.kind === 'range' ? [...operandPaths(operand.from), ...operandPaths(operand.to)] : [];
}
