import type { SegmentBlock } from './annotation.ts';
import { onlyKeys, parseCondition } from './parse-condition.ts';
import { parseDottedPath } from './parse-operand.ts';
import type { Path } from './position.ts';
import type { Rule, ShapeProblem } from './rule.ts';
import { describe, isMap, ShapeProblems } from './shape.ts';

/** Keys of `limit:`. */
export const LIMIT_KEYS = ['rows', 'percent', 'by', 'order'] as const;
/** Keys of `holdout:`. */
export const HOLDOUT_KEYS = ['percent', 'salt'] as const;

/**
 * Reads a filter as written in YAML (`where:`) into a rule. `at` leads from the root of the annotation to `value`.
 * All problems of shape are collected; `rule` is null when there is any. Names and types are checked later, by the segment room.
 */
export function parseRule(value: unknown, at: Path): { rule: Rule | null; problems: ShapeProblem[] } {
  const problems = new ShapeProblems();
  const rule = parseCondition(value, at, { problems, depth: 0 });
  return { rule: problems.list.length > 0 ? null : rule, problems: problems.list };
}

/** Reads `limit:`. `limit` is null when there is any problem. */
export function parseSegmentLimit(
  value: unknown,
  at: Path,
): { limit: SegmentBlock['limit']; problems: ShapeProblem[] } {
  const problems = new ShapeProblems();
  if (!isMap(value)) {
    problems.add(
      'invalid-limit',
      at,
      `A limit is a map, not ${describe(value)}.`,
      'Write `limit: {rows: 1000, by: lifetime_value}`.',
    );
    return { limit: null, problems: problems.list };
  }
  onlyKeys(value, LIMIT_KEYS, at, problems);
  if ('rows' in value === 'percent' in value) {
    problems.add(
      'invalid-limit',
      at,
      'A limit has exactly one of rows and percent.',
      'Write `rows: 1000` or `percent: 10`.',
    );
  }
  const rows = 'rows' in value ? parseRows(value['rows'], [...at, 'rows'], problems) : null;
  const percent = 'percent' in value ? parsePercent(value['percent'], [...at, 'percent'], problems) : null;
  const order = 'order' in value ? value['order'] : 'desc';
  if (order !== 'asc' && order !== 'desc') {
    problems.add(
      'invalid-limit',
      [...at, 'order'],
      'The order of a limit is asc or desc.',
      'Write `order: asc` or `order: desc`.',
    );
  }
  if (!('by' in value)) {
    problems.add(
      'invalid-limit',
      at,
      'A limit needs `by`: which rows come first.',
      'Add `by:` with a property or a path, such as `by: lifetime_value`.',
    );
    return { limit: null, problems: problems.list };
  }
  const by = parseDottedPath(value['by'], [...at, 'by'], problems);
  if (by === null || problems.list.length > 0) return { limit: null, problems: problems.list };
  return { limit: { rows, percent, by, order: order === 'asc' ? 'asc' : 'desc' }, problems: [] };
}

/** Reads `holdout:`. `holdout` is null when there is any problem. */
export function parseHoldout(value: unknown, at: Path): { holdout: SegmentBlock['holdout']; problems: ShapeProblem[] } {
  const problems = new ShapeProblems();
  const example = 'Write `holdout: {percent: 10, salt: spring}`.';
  if (!isMap(value)) {
    problems.add('invalid-holdout', at, `A holdout is a map, not ${describe(value)}.`, example);
    return { holdout: null, problems: problems.list };
  }
  onlyKeys(value, HOLDOUT_KEYS, at, problems);
  const percent = parsePercent(value['percent'], [...at, 'percent'], problems);
  const salt = value['salt'];
  if (typeof salt !== 'string' || salt === '' || salt.includes('\0') || !salt.isWellFormed()) {
    problems.add(
      'invalid-holdout',
      'salt' in value ? [...at, 'salt'] : at,
      'A holdout needs a salt: a text that decides who is drawn.',
      `${example} Quote it if it looks like a number.`,
    );
    return { holdout: null, problems: problems.list };
  }
  return { holdout: problems.list.length > 0 || percent === null ? null : { percent, salt }, problems: problems.list };
}

function parseRows(value: unknown, at: Path, problems: ShapeProblems): number | null {
  const rows = typeof value === 'bigint' ? Number(value) : value;
  if (typeof rows === 'number' && Number.isSafeInteger(rows) && rows > 0) return rows;
  return problems.add('invalid-limit', at, 'A limit of rows is a whole number of at least 1.', 'Write `rows: 1000`.');
}

function parsePercent(value: unknown, at: Path, problems: ShapeProblems): number | null {
  // Four decimals are a ten-thousandth of a percent: enough for any segment, and exact in 64-bit arithmetic.
  const percent = typeof value === 'bigint' ? Number(value) : value;
  if (typeof percent === 'number' && percent > 0 && percent <= 100 && Number(percent.toFixed(4)) === percent) {
    return percent;
  }
  return problems.add(
    'invalid-percent',
    at,
    'A percent is a number above 0, up to 100, with at most four decimals.',
    'Write `percent: 10`.',
  );
}
