import type { Rule } from '../../artifacts/rule.ts';
import type { Activation, KnowledgeStore, MappedField } from '../../knowledge/store.ts';
import { formatMany } from '../../report/layout.ts';
import { renderRule } from '../../report/rule-text.ts';

/** `a, b and c`; of many, the first ones and how many more. */
export function listed(names: readonly string[], most = 6): string {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** `1 segment and 2 activations` */
export function reachText(reach: {
  readonly segments: readonly string[];
  readonly activations: readonly string[];
}): string {
  const parts = [
    ...(reach.segments.length > 0
      ? [`${formatMany(reach.segments.length, 'segment')} (${listed(reach.segments)})`]
      : []),
    ...(reach.activations.length > 0
      ? [`${formatMany(reach.activations.length, 'activation')} (${listed(reach.activations)})`]
      : []),
  ];
  return parts.join(' and ');
}

/** A filter in words, a line each. */
export function ruleLines(rule: Rule | null): readonly string[] {
  return rule === null ? ['everybody'] : renderRule(rule);
}

/** What feeds a field, in words: `column plan.name`. */
export function sourceText({ source }: Pick<MappedField, 'source'>): string {
  if (source.kind === 'value') return `the constant ${JSON.stringify(String(source.value))}`;
  return source.kind === 'segment' ? `membership of segment ${source.segment}` : `column ${source.path.join('.')}`;
}

/** The same value, whatever the order of its keys and wherever it was written. */
export function isSame(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

/** A value as text, without places in files. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'at' || key === 'origin') return undefined;
    if (typeof inner === 'bigint') return `${inner}n`;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Whether a sync of it only adds rows that were never sent. */
export function isAppending(activation: Activation, store: KnowledgeStore): boolean {
  return activation.mode === 'incremental' || store.destinations.get(activation.destination)?.service === 'events';
}

/** What is sent when every row differs from the snapshot. */
export function resentText(activation: Activation, store: KnowledgeStore): string {
  if (isAppending(activation, store))
    return 'Rows that were sent are not sent again: only new ones go out in the new form.';
  if (activation.mode === 'full') return 'The next sync sends everything, as every sync in full mode does.';
  if (!activation.operations.includes('update'))
    return 'Rows that the destination has keep what they have, since update is not among the operations; new ones get the new form.';
  return `Every row differs from what was acknowledged, so that the next sync sends all of ${activation.parent.name} again, as updates.`;
}
