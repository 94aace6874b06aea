import { createHash } from 'node:crypto';

/**
 * What a segment means, computed row by row in memory. It reads rules as YAML gives them and knows nothing of parser, resolver or compiler.
 * Numbers are exact in a double; dates are YYYY-MM-DD; timestamps are milliseconds since the epoch.
 */
export type Value = null | string | number | boolean | readonly (string | number)[];
export type Row = Readonly<Record<string, Value>>;
export type Kind = 'string' | 'number' | 'boolean' | 'date' | 'instant' | 'array';
/** Any part of a rule of YAML. */
export type Yaml = null | string | number | boolean | readonly Yaml[] | { readonly [key: string]: Yaml };
type YamlMap = { readonly [key: string]: Yaml };

export interface WayModel {
  readonly to: string;
  readonly type: 'one_to_many' | 'many_to_one' | 'one_to_one' | 'many_to_many';
  readonly keys: readonly (readonly [string, string])[];
  readonly links: readonly Row[];
  readonly toKeys: readonly (readonly [string, string])[];
}

export interface EntityModel {
  readonly kinds: Readonly<Record<string, Kind>>;
  readonly key: readonly string[];
  readonly eventTime: string | null;
  readonly rows: readonly Row[];
  readonly where: Yaml | null;
  readonly ways: Readonly<Record<string, WayModel>>;
}

export interface SegmentModel {
  readonly entity: string;
  readonly where: Yaml | null;
  /** The rows of a segment by SQL. */
  readonly listed: readonly Row[] | null;
  readonly limit: {
    readonly rows?: number;
    readonly percent?: number;
    readonly by: string;
    readonly order?: string;
  } | null;
}

export interface Model {
  readonly entities: Readonly<Record<string, EntityModel>>;
  readonly segments: Readonly<Record<string, SegmentModel>>;
  readonly timezone: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface Typed {
  readonly kind: Kind;
  readonly value: Value;
}

export class Evaluator {
  readonly #model: Model;
  readonly #rows = new Map<string, readonly Row[]>();
  readonly #keys = new Map<string, ReadonlySet<string>>();

  constructor(model: Model) {
    this.#model = model;
  }

  rows(entity: string): readonly Row[] {
    const known = this.#rows.get(entity);
    if (known) return known;
    const { rows, where } = this.#entity(entity);
    const counted = where === null ? rows : rows.filter((row) => this.holds(entity, row, where));
    this.#rows.set(entity, counted);
    return counted;
  }

  members(segment: SegmentModel): readonly Row[] {
    const { entity, where, limit, listed } = segment;
    const key = (row: Row) => this.keyOf(entity, row);
    const keys = listed && new Set(listed.map(key).filter((text) => text !== null));
    const rows = this.rows(entity).filter((row) => {
      const text = key(row);
      return keys === null ? where === null || this.holds(entity, row, where) : text !== null && keys.has(text);
    });
    return limit === null ? rows : this.#limited(entity, rows, limit);
  }

  #limited(entity: string, rows: readonly Row[], limit: NonNullable<SegmentModel['limit']>): readonly Row[] {
    const direction = limit.order === 'asc' ? 1 : -1;
    const by = (row: Row) => this.at(entity, row, limit.by).value;
    const sorted = [...rows].sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      if (x === null || y === null) return x === y ? this.#compareKeys(entity, a, b) : x === null ? 1 : -1;
      return direction * order(x, y) || this.#compareKeys(entity, a, b);
    });
    const share = limit.percent === undefined ? null : Math.ceil((rows.length * (limit.percent * 10_000)) / 1_000_000);
    return sorted.slice(0, share ?? limit.rows);
  }

  #compareKeys(entity: string, a: Row, b: Row): number {
    for (const column of this.#entity(entity).key) {
      const [x, y] = [a[column] ?? null, b[column] ?? null];
      if (x === null || y === null) {
        if (x !== y) return x === null ? 1 : -1;
      } else if (order(x, y) !== 0) return order(x, y);
    }
    return 0;
  }

  /** The key as text, null where a part is NULL. */
  keyOf(entity: string, row: Row): string | null {
    const parts = this.#entity(entity).key.map((column) => row[column] ?? null);
    return parts.includes(null) ? null : JSON.stringify(parts);
  }

  isHeldOut(entity: string, row: Row, { percent, salt }: { percent: number; salt: string }): boolean {
    if (this.keyOf(entity, row) === null) return false;
    const key = this.#entity(entity)
      .key.map((column) => String(row[column]))
      .join(':');
    const digits = createHash('md5').update(`${salt}:${key}`).digest('hex').slice(0, 8);
    return Number.parseInt(digits, 16) % 10_000 < percent * 100;
  }

  isMember(segment: string, row: Row): boolean {
    const model = this.#model.segments[segment];
    if (!model) throw new Error(`No segment ${segment}`);
    let keys = this.#keys.get(segment);
    if (!keys) {
      const texts = this.members(model).map((member) => this.keyOf(model.entity, member));
      keys = new Set(texts.filter((text) => text !== null));
      this.#keys.set(segment, keys);
    }
    const key = this.keyOf(model.entity, row);
    return key !== null && keys.has(key);
  }

  holds(entity: string, row: Row, rule: Yaml): boolean {
    const map = rule as YamlMap;
    if ('all' in map) return list(map['all']).every((inner) => this.holds(entity, row, inner));
    if ('any' in map) return list(map['any']).some((inner) => this.holds(entity, row, inner));
    if ('none' in map) return !list(map['none']).some((inner) => this.holds(entity, row, inner));
    if ('not' in map) return !this.holds(entity, row, map['not'] ?? null);
    if ('segment' in map) return this.isMember(String(map['segment']), row);
    if ('relation' in map) return this.#relation(entity, row, map);
    const [operator = ''] = Object.keys(map).filter((key) => key !== 'attribute');
    return this.#test({ entity, row }, this.at(entity, row, String(map['attribute'])), operator, map[operator] ?? null);
  }

  at(entity: string, row: Row, path: string): Typed {
    const names = path.split('.');
    const column = names.pop() ?? '';
    let current: Row | null = row;
    let here = entity;
    for (const name of names) {
      const way = this.#way(here, name);
      const met: readonly Row[] = current === null ? [] : this.#across(current, way);
      current = met.length === 1 ? (met[0] ?? null) : null;
      here = way.to;
    }
    const kind = this.#entity(here).kinds[column];
    if (!kind) throw new Error(`No column ${here}.${column}`);
    return { kind, value: current?.[column] ?? null };
  }

  #across(row: Row, way: WayModel): readonly Row[] {
    const meets = (a: Row, b: Row, pairs: WayModel['keys']) =>
      pairs.every(([own, their]) => (a[own] ?? null) !== null && a[own] === b[their]);
    const rows = this.rows(way.to);
    if (way.type === 'many_to_many') {
      const links = way.links.filter((link) => meets(row, link, way.keys));
      return rows.filter((candidate) => links.some((link) => meets(link, candidate, way.toKeys)));
    }
    return rows.filter((candidate) => meets(row, candidate, way.keys));
  }

  #relation(entity: string, row: Row, rule: YamlMap): boolean {
    const { related, last } = this.#related(entity, row, String(rule['relation']));
    const { where = null, during = null } = rule;
    const { eventTime } = this.#entity(last);
    const counted = related.filter((candidate) => {
      if (where !== null && !this.holds(last, candidate, where)) return false;
      if (during === null) return true;
      return this.#test({ entity: last, row: candidate }, this.at(last, candidate, eventTime ?? ''), 'within', during);
    });
    const isLong = String(rule['relation']).includes('.');
    const distinct = isLong
      ? groups(counted, (candidate) => this.#keyText(last, candidate))
      : counted.map((one) => [one]);
    if ('exists' in rule) return distinct.length > 0 === rule['exists'];
    const aggregates = ['count', 'count_distinct', 'sum', 'avg', 'min', 'max', 'first', 'last'];
    const aggregate = aggregates.find((name) => name in rule) ?? '';
    const tests = rule[aggregate] as YamlMap;
    const result = this.#aggregate(aggregate, {
      last,
      distinct,
      of: tests['of'] === undefined ? null : String(tests['of']),
    });
    return Object.entries(tests).every(
      ([operator, operand]) => operator === 'of' || this.#test({ entity, row }, result, operator, operand),
    );
  }

  #related(entity: string, row: Row, path: string): { related: readonly Row[]; last: string } {
    let here = entity;
    let related: readonly Row[] = [row];
    for (const name of path.split('.')) {
      const way = this.#way(here, name);
      const isToOne = way.type === 'many_to_one' || way.type === 'one_to_one';
      const reached = related.flatMap((candidate) => {
        const met = this.#across(candidate, way);
        return isToOne && met.length > 1 ? [] : met;
      });
      related = [...new Set(reached)];
      here = way.to;
    }
    return { related, last: here };
  }

  /** `distinct`: the related rows, those that share a primary key together. */
  #aggregate(aggregate: string, of: { last: string; distinct: readonly Row[][]; of: string | null }): Typed {
    const { last, distinct } = of;
    if (aggregate === 'count') return { kind: 'number', value: distinct.length };
    const take = (row: Row) => this.at(last, row, of.of ?? '');
    const kind = this.#kindAt(last, of.of ?? '');
    const known = (rows: readonly Row[]) => rows.map((row) => take(row).value).filter((value) => value !== null);
    const all = known(distinct.flat());
    if (aggregate === 'count_distinct') return { kind: 'number', value: new Set(all).size };
    if (aggregate === 'min' || aggregate === 'max') {
      const sorted = all.sort(order);
      return { kind, value: (aggregate === 'min' ? sorted[0] : sorted.at(-1)) ?? null };
    }
    if (aggregate === 'first' || aggregate === 'last') return { kind, value: this.#outermost(aggregate, of, take) };
    const each = distinct.map((rows) => known(rows).sort(order)[0]).filter((value) => value !== undefined) as number[];
    const sum = each.reduce((total, value) => total + value, 0);
    if (aggregate === 'sum') return { kind: 'number', value: sum };
    return { kind: 'number', value: each.length === 0 ? null : sum / each.length };
  }

  #outermost(
    aggregate: string,
    { last, distinct }: { last: string; distinct: readonly Row[][] },
    take: (row: Row) => Typed,
  ): Value {
    const { eventTime } = this.#entity(last);
    const time = (row: Row) => this.at(last, row, eventTime ?? '').value;
    const rows = distinct.flat().filter((row) => time(row) !== null && take(row).value !== null);
    const direction = aggregate === 'first' ? 1 : -1;
    rows.sort(
      (a, b) =>
        direction * order(time(a), time(b)) || this.#compareKeys(last, a, b) || order(take(a).value, take(b).value),
    );
    return rows[0] ? take(rows[0]).value : null;
  }

  #kindAt(entity: string, path: string): Kind {
    const names = path.split('.');
    const column = names.pop() ?? '';
    const last = names.reduce((here, name) => this.#way(here, name).to, entity);
    return this.#entity(last).kinds[column] ?? 'string';
  }

  #keyText(entity: string, row: Row): string {
    return JSON.stringify(this.#entity(entity).key.map((column) => row[column] ?? null));
  }

  #test(of: { entity: string; row: Row }, left: Typed, operator: string, operand: Yaml): boolean {
    const isEqual = (right: Yaml) => this.#compare(left, this.#operand(of, left.kind, right)) === 0;
    const compared = (right: Yaml) => this.#compare(left, this.#operand(of, left.kind, right));
    const text = (right: Yaml) => {
      const { value } = this.#operand(of, 'string', right);
      return typeof left.value === 'string' && typeof value === 'string' ? ([left.value, value] as const) : null;
    };
    switch (operator) {
      case 'is_null':
        return (left.value === null) === operand;
      case 'is_true':
        return (left.value === true) === operand;
      case 'eq':
        return isEqual(operand);
      case 'neq':
        return !isEqual(operand);
      case 'in':
        return list(operand).some(isEqual);
      case 'not_in':
        return !list(operand).some(isEqual);
      case 'gt':
      case 'after':
        return (compared(operand) ?? -1) > 0;
      case 'gte':
        return (compared(operand) ?? -1) >= 0;
      case 'lt':
      case 'before':
        return (compared(operand) ?? 1) < 0;
      case 'lte':
        return (compared(operand) ?? 1) <= 0;
      case 'between': {
        const [low = null, high = null] = list(operand);
        return (compared(low) ?? -1) >= 0 && (compared(high) ?? 1) <= 0;
      }
      case 'on_day': {
        const [x, y] = [this.#day(left), this.#day(this.#operand(of, left.kind, operand))];
        return x !== null && x === y;
      }
      case 'within':
        return this.#isWithin(left, operand as YamlMap);
      case 'contains':
      case 'not_contains': {
        const pair = text(operand);
        return (pair?.[0].includes(pair[1]) ?? false) === (operator === 'contains');
      }
      case 'starts_with':
        return isStart(text(operand));
      case 'ends_with':
        return isEnd(text(operand));
      case 'contains_any':
        return Array.isArray(left.value) && list(operand).some((item) => (left.value as Yaml[]).includes(item));
      case 'contains_all':
        return Array.isArray(left.value) && list(operand).every((item) => (left.value as Yaml[]).includes(item));
      default:
        throw new Error(`No operator ${operator}`);
    }
  }

  #operand(of: { entity: string; row: Row }, kind: Kind, operand: Yaml): Typed {
    const isTime = kind === 'date' || kind === 'instant';
    if (operand === 'now' && isTime) return { kind: 'instant', value: this.#model.now };
    if (typeof operand === 'object' && operand !== null && !Array.isArray(operand)) {
      const map = operand as YamlMap;
      if ('attribute' in map) return this.at(of.entity, of.row, String(map['attribute']));
      const amount = 'ago' in map ? -Number(map['ago']) : Number(map['ahead']);
      return { kind: 'instant', value: this.#shift(amount, String(map['unit'])) };
    }
    if (isTime && typeof operand === 'string') {
      if (/^\d{4}-\d{2}-\d{2}$/.test(operand)) return { kind: 'date', value: operand };
      const hasZone = /([Zz]|[+-]\d{2}:?\d{2})$/.test(operand);
      return { kind: 'instant', value: Date.parse(hasZone ? operand : `${operand}Z`) };
    }
    return { kind, value: operand as Value };
  }

  /** null where either side is NULL. A date on either side makes it a comparison of days. */
  #compare(left: Typed, right: Typed): number | null {
    if (left.value === null || right.value === null) return null;
    if (left.kind !== right.kind) return order(this.#day(left), this.#day(right));
    return order(left.value, right.value);
  }

  #day({ kind, value }: Typed): string | null {
    if (value === null) return null;
    return kind === 'date' ? String(value) : localDay(Number(value), this.#model.timezone);
  }

  #isWithin(left: Typed, window: YamlMap): boolean {
    if (left.value === null) return false;
    const isLast = 'last' in window;
    const far = this.#shift(isLast ? -Number(window['last']) : Number(window['next']), String(window['unit']));
    const { now } = this.#model;
    const [after, upTo] = isLast ? [far, now] : [now, far];
    if (left.kind === 'instant') return Number(left.value) > after && Number(left.value) <= upTo;
    const day = String(left.value);
    const { timezone } = this.#model;
    return day > localDay(after, timezone) && day <= localDay(upTo, timezone);
  }

  #shift(amount: number, unit: string): number {
    const { now, timezone } = this.#model;
    if (unit === 'minute') return now + amount * 60_000;
    if (unit === 'hour') return now + amount * 3_600_000;
    const local = new Date(now + offsetAt(now, timezone));
    if (unit === 'day' || unit === 'week') {
      local.setUTCDate(local.getUTCDate() + amount * (unit === 'week' ? 7 : 1));
    } else {
      const months = local.getUTCMonth() + amount * (unit === 'year' ? 12 : 1);
      const day = local.getUTCDate();
      local.setUTCDate(1);
      local.setUTCMonth(months);
      const lastDay = new Date(Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, 0)).getUTCDate();
      local.setUTCDate(Math.min(day, lastDay));
    }
    const wall = local.getTime();
    // The later of two readings of a repeated hour is the one that the second round settles on.
    const guess = wall - offsetAt(wall, timezone);
    return wall - offsetAt(guess, timezone);
  }

  #entity(name: string): EntityModel {
    const entity = this.#model.entities[name];
    if (!entity) throw new Error(`No entity ${name}`);
    return entity;
  }

  #way(entity: string, name: string): WayModel {
    const way = this.#entity(entity).ways[name];
    if (!way) throw new Error(`No way ${entity}.${name}`);
    return way;
  }
}

function list(value: Yaml | undefined): readonly Yaml[] {
  return Array.isArray(value) ? value : [];
}

function isStart(pair: readonly [string, string] | null): boolean {
  return pair?.[0].startsWith(pair[1]) ?? false;
}

function isEnd(pair: readonly [string, string] | null): boolean {
  return pair?.[0].endsWith(pair[1]) ?? false;
}

/** Strings by their bytes, dates as text, numbers and booleans as they are. */
function order(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number(a) - Number(b);
}

function groups<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][] {
  return [...Map.groupBy(items, keyOf).values()];
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the zone's wall clock is ahead of UTC at an instant, in milliseconds. */
function offsetAt(instant: number, timezone: string): number {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timezone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(instant).map((part) => [part.type, Number(part.value)]));
  const wall = Date.UTC(
    parts['year'] ?? 0,
    (parts['month'] ?? 1) - 1,
    parts['day'],
    parts['hour'],
    parts['minute'],
    parts['second'],
  );
  return wall - Math.floor(instant / 1000) * 1000;
}

function localDay(instant: number, timezone: string): string {
  return new Date(instant + offsetAt(instant, timezone)).toISOString().slice(0, 10);
}
