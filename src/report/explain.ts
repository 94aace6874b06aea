import type { EntityExplanation } from '../knowledge/explain.ts';
import { formatLocation } from './findings.ts';
import { wrap } from './layout.ts';
import type { Style } from './style.ts';

/** From where each fact came, entity by entity, and what was seen and not used. */
export function renderExplanation(entities: readonly EntityExplanation[], style: Style): string {
  if (entities.length === 0)
    return 'No entities yet: give a model an `entity` block, or run `dinmo init` for proposals.';
  return entities.map((entity) => renderEntity(entity, style)).join('\n\n');
}

function renderEntity({ entity, node, facts, unused }: EntityExplanation, style: Style): string {
  const lines = [`${style.bold(entity)}  ${style.dim(node)}`];
  for (const { subject, value, from, location } of facts) {
    const place = location === null ? '' : `  ${formatLocation(location)}`;
    lines.push(`  ${wrap(`${subject}: ${value}`, style.width - 2, '    ')}`);
    lines.push(`      ${style.dim(wrap(`from ${from.source}: ${from.detail}${place}`, style.width - 6, '      '))}`);
  }
  if (unused.length > 0) lines.push('  seen and not used');
  for (const note of unused) lines.push(`      ${wrap(`${note.source}: ${note.detail}`, style.width - 6, '      ')}`);
  return lines.join('\n');
}

/** The `explanation` of `check --explain --output json`. */
export function explanationJson(entities: readonly EntityExplanation[]): readonly object[] {
  return entities.map(({ entity, node, facts, unused }) => ({
    entity,
    node,
    facts: facts.map(({ subject, value, from, location }) => ({
      subject,
      value,
      source: from.source,
      detail: from.detail,
      location: location === null ? null : formatLocation(location),
    })),
    unused: unused.map(({ source, detail }) => ({ source, detail })),
  }));
}
