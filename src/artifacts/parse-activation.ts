import {
  type ActivationBlock,
  type Guards,
  HINT_KINDS,
  type IdentifierKind,
  MATCHING_KINDS,
  type MappingBlock,
  type Mode,
  type Operation,
} from './annotation.ts';
import { BlockReader, NAME } from './block-reader.ts';
import { readConsent } from './parse-consent.ts';
import { parseDottedPath, parseWindow } from './parse-operand.ts';
import type { Path } from './position.ts';
import { describe, isMap, type ShapeProblems } from './shape.ts';

export const IDENTIFIER_KINDS: readonly IdentifierKind[] = [...MATCHING_KINDS, ...HINT_KINDS];
export const MODES: readonly Mode[] = ['full', 'incremental', 'delta'];
export const OPERATIONS: readonly Operation[] = ['insert', 'update', 'delete'];
/** Keys of an activation. */
export const ACTIVATION_KEYS = [
  ...['to', 'mode', 'operations', 'audience', 'mapping', 'identifiers', 'attributes', 'schedule', 'guards'],
  ...['consent', 'attempts', 'since', 'lookback', 'was', 'enabled'],
] as const;
/** Keys of `guards:`. */
export const GUARD_KEYS = [
  ...['max_delete_percent', 'max_delete_rows', 'min_delete_rows', 'key_churn_percent', 'allow_empty'],
] as const;
/** Keys of a mapping that is more than the name of a column. */
export const MAPPING_KEYS = ['column', 'value', 'segment', 'nulls', 'write'] as const;

/** Reads one block of `activations:`. A block without a body is all defaults. Null when it is no map. */
export function parseActivation(value: unknown, at: Path, problems: ShapeProblems): ActivationBlock | null {
  const reader = BlockReader.open(value ?? {}, ACTIVATION_KEYS, { at, problems, what: 'An activation' });
  if (reader === null) return null;
  return {
    to: reader.name('to'),
    mode: reader.choice('mode', MODES),
    operations: reader.choices('operations', OPERATIONS),
    audience: reader.text('audience'),
    mapping: reader.has('mapping') ? parseMapping(reader) : null,
    identifiers: reader.choices('identifiers', IDENTIFIER_KINDS),
    attributes: reader.texts('attributes'),
    consent: readConsent(reader),
    schedule: readSchedule(reader),
    guards: readGuards(reader),
    attempts: reader.number('attempts', { min: 1, max: 1000 }),
    since: readSince(reader),
    lookback: readLookback(reader),
    was: readFormerId(reader),
    enabled: reader.flag('enabled') ?? true,
  };
}

/** `schedule:` is `after_dbt` or a cron expression of five fields. */
export function readSchedule(reader: BlockReader): string | null {
  const schedule = reader.text('schedule');
  const field = String.raw`[\d*/,\-A-Za-z]+`;
  if (schedule === null || schedule === 'after_dbt') return schedule;
  if (new RegExp(`^${field}(?:\\s+${field}){4}$`).test(schedule.trim())) return schedule.trim();
  const fix = 'Write `after_dbt`, or a cron expression of five fields such as "0 6 * * *".';
  return reader.problems.add('invalid-value', reader.path('schedule'), 'The schedule is not understood.', fix);
}

/** `guards:`, only the keys that are stated. */
export function readGuards(holder: BlockReader): Guards | null {
  if (!holder.has('guards')) return null;
  const { problems } = holder;
  const reader = BlockReader.open(holder.raw('guards'), GUARD_KEYS, {
    at: holder.path('guards'),
    problems,
    what: '`guards`',
  });
  if (reader === null) return null;
  const percent = { min: 0, max: 100, fraction: true };
  const stated = {
    max_delete_percent: reader.number('max_delete_percent', percent),
    max_delete_rows: reader.number('max_delete_rows', { min: 0 }),
    min_delete_rows: reader.number('min_delete_rows', { min: 0 }),
    key_churn_percent: reader.number('key_churn_percent', percent),
    allow_empty: reader.flag('allow_empty'),
  };
  return Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== null));
}

function parseMapping(reader: BlockReader): Readonly<Record<string, MappingBlock>> {
  const mapping: [string, MappingBlock][] = [];
  for (const [field, value, at] of reader.entries('mapping', 'fields')) {
    const source = parseMapped(value, at, reader.problems);
    if (source !== null) mapping.push([field, source]);
  }
  return Object.fromEntries(mapping);
}

function parseMapped(value: unknown, at: Path, problems: ShapeProblems): MappingBlock | null {
  if (!isMap(value)) {
    const path = parseDottedPath(value, at, problems);
    return path === null ? null : { source: { kind: 'column', path }, nulls: null, write: 'always' };
  }
  const reader = BlockReader.open(value, MAPPING_KEYS, {
    at,
    problems,
    what: 'A mapping',
  });
  if (reader === null) return null;
  const kinds = ['column', 'value', 'segment'].filter((kind) => reader.has(kind));
  if (kinds.length !== 1) {
    const fix = 'Write `field: column_name`, `field: {value: EUR}` or `field: {segment: vip}`.';
    return problems.add('invalid-mapping', at, 'A mapping has exactly one of column, value and segment.', fix);
  }
  const source = parseSource(reader);
  const nulls = reader.choice('nulls', ['skip', 'clear'] as const);
  const write = reader.choice('write', ['always', 'on_insert'] as const) ?? 'always';
  return source === null ? null : { source, nulls, write };
}

function parseSource(reader: BlockReader): MappingBlock['source'] | null {
  const { problems } = reader;
  if (reader.has('column')) {
    const path = parseDottedPath(reader.raw('column'), reader.path('column'), problems);
    return path === null ? null : { kind: 'column', path };
  }
  if (reader.has('segment')) {
    const segment = reader.name('segment');
    return segment === null ? null : { kind: 'segment', segment };
  }
  const value = reader.raw('value');
  const isSound = typeof value !== 'number' || Number.isFinite(value);
  if (isSound && ['string', 'number', 'bigint', 'boolean'].includes(typeof value)) {
    // The line above leaves these four types; TypeScript does not see through `includes`.
    return { kind: 'value', value: value as string | number | bigint | boolean };
  }
  const message = `A constant is text, a number, true or false, not ${describe(value)}.`;
  return problems.add('wrong-type', reader.path('value'), message, 'Write `{value: EUR}`.');
}

function readSince(reader: BlockReader): string | null {
  const since = reader.text('since');
  if (since === null || since === 'first_sync') return since;
  const isDate = /^\d{4}-\d\d-\d\d$/.test(since) && !Number.isNaN(Date.parse(since));
  if (isDate && new Date(since).toISOString().startsWith(since)) return since;
  const fix = 'Write `first_sync`, or a date such as 2026-01-31.';
  return reader.problems.add('invalid-value', reader.path('since'), '`since` is not a date.', fix);
}

function readLookback(reader: BlockReader): ActivationBlock['lookback'] {
  if (!reader.has('lookback')) return null;
  const at = reader.path('lookback');
  const window = parseWindow(reader.raw('lookback'), at, reader.problems);
  if (window === null) return null;
  if (window.direction === 'last') return { last: window.amount, unit: window.unit };
  return reader.problems.add('invalid-value', at, '`lookback` looks back.', 'Write `{last: 7, unit: day}`.');
}

function readFormerId(reader: BlockReader): string | null {
  const former = reader.text('was');
  if (former === null || (former.split('.').length === 2 && former.split('.').every((part) => NAME.test(part))))
    return former;
  const fix = 'Write the former id, `<segment or entity>.<activation>`.';
  return reader.problems.add('invalid-value', reader.path('was'), '`was` is not the id of an activation.', fix);
}
