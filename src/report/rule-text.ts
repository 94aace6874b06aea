import type { Comparison, Operand, Rule, Window } from '../artifacts/rule.ts';

/** A filter as lines of text, each group's conditions indented below it. */
export function renderRule(rule: Rule, indent = ''): readonly string[] {
  const below = `${indent}  `;
  switch (rule.kind) {
    case 'all':
    case 'any':
    case 'none':
      return [`${indent}${rule.kind} of`, ...rule.rules.flatMap((inner) => renderRule(inner, below))];
    case 'not':
      return [`${indent}not`, ...renderRule(rule.rule, below)];
    case 'segment':
      return [`${indent}in segment ${rule.name}`];
    case 'attribute':
      return [`${indent}${rule.path.join('.')} ${comparisonText(rule.comparison)}`];
    case 'relation': {
      const of = rule.of === null ? '' : `(${rule.of.join('.')})`;
      const during = rule.during === null ? '' : `, ${windowText(rule.during)}`;
      const has = rule.comparisons.map(comparisonText).join(' and ');
      const head = `${indent}${rule.path.join('.')}: ${rule.aggregate}${of} ${has}${during}`;
      return rule.where === null ? [head] : [`${head}, where`, ...renderRule(rule.where, below)];
    }
  }
}

function comparisonText({ operator, operand }: Comparison): string {
  return `${operator} ${operandText(operand)}`;
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'literal':
      return String(operand.value);
    case 'literals':
      return `[${operand.values.map(String).join(', ')}]`;
    case 'attribute':
      return operand.path.join('.');
    case 'instant':
      return operand.direction === 'ago'
        ? `${operand.amount} ${operand.unit} ago`
        : `${operand.amount} ${operand.unit} ahead`;
    case 'now':
      return 'now';
    case 'window':
      return windowText(operand.window);
    case 'flag':
      return String(operand.value);
    case 'range':
      return `${operandText(operand.from)} and ${operandText(operand.to)}`;
  }
}

function windowText({ direction, amount, unit }: Window): string {
  return `${direction} ${amount} ${unit}`;
}
