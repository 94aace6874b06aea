import type { EntityModel, Kind, Model, Yaml } from './evaluate.ts';
import { chance, type Draw, drawInstant, pick, STRINGS } from './random-world.ts';

const UNITS = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const;

/** Rules that fit a world: every group, operator, operand and aggregate. */
export class RuleDraw {
  readonly #draw: Draw;
  readonly #model: Model;
  readonly #segments: Readonly<Record<string, readonly string[]>>;

  constructor(draw: Draw, model: Model, segments: Readonly<Record<string, readonly string[]>>) {
    this.#draw = draw;
    this.#model = model;
    this.#segments = segments;
  }

  rule(entity: string, depth: number): Yaml {
    const draw = this.#draw;
    const dice = draw.nat(99);
    if (depth > 0 && dice < 22) {
      const rules = Array.from({ length: 1 + draw.nat(2) }, () => this.rule(entity, depth - 1));
      return { [pick(draw, ['all', 'any', 'none'])]: rules };
    }
    if (depth > 0 && dice < 30) return { not: this.rule(entity, depth - 1) };
    if (depth > 0 && dice < 65) return this.#relation(entity, depth) ?? this.#attribute(entity);
    const segments = this.#segments[entity] ?? [];
    if (dice > 92 && segments.length > 0) return { segment: pick(draw, segments) };
    return this.#attribute(entity);
  }

  #attribute(entity: string): Yaml {
    const path = this.path(entity);
    const kind = this.#kind(entity, path);
    const [operator, operand] = this.#comparison({ entity, kind, isWhole: isWhole(path) });
    return { attribute: path, [operator]: operand };
  }

  /** A property, or one over up to two to-one steps. */
  path(entity: string, kinds?: readonly Kind[]): string {
    const names: string[] = [];
    let here = entity;
    while (names.length < 2 && chance(this.#draw, 30)) {
      const steps = Object.entries(this.#entity(here).ways).filter(([, way]) => way.type.endsWith('_to_one'));
      if (steps.length === 0) break;
      const [name, way] = pick(this.#draw, steps);
      names.push(name);
      here = way.to;
    }
    const columns = Object.entries(this.#entity(here).kinds).filter(([, kind]) => !kinds || kinds.includes(kind));
    return [...names, pick(this.#draw, columns)[0]].join('.');
  }

  #kind(entity: string, path: string): Kind {
    const names = path.split('.');
    const column = names.pop() ?? '';
    const last = names.reduce((here, name) => this.#entity(here).ways[name]?.to ?? here, entity);
    return this.#entity(last).kinds[column] ?? 'string';
  }

  #relation(entity: string, depth: number): Yaml | null {
    const draw = this.#draw;
    const names: string[] = [];
    let here = entity;
    do {
      const ways = Object.entries(this.#entity(here).ways);
      if (ways.length === 0) break;
      const [name, way] = pick(draw, ways);
      names.push(name);
      here = way.to;
    } while (names.length < 3 && chance(draw, 40));
    if (names.length === 0) return null;
    const hasTime = this.#entity(here).eventTime !== null;
    return {
      relation: names.join('.'),
      ...this.#aggregate(entity, here, hasTime),
      ...(chance(draw, 45) ? { where: this.rule(here, depth - 1) } : {}),
      ...(hasTime && chance(draw, 35) ? { during: this.#window() } : {}),
    };
  }

  #aggregate(entity: string, last: string, hasTime: boolean): { readonly [key: string]: Yaml } {
    const draw = this.#draw;
    const choices = [
      'exists',
      'count',
      'count_distinct',
      'sum',
      'avg',
      'min',
      'max',
      ...(hasTime ? ['first', 'last'] : []),
    ];
    const aggregate = pick(draw, choices);
    if (aggregate === 'exists') return { exists: chance(draw, 60) };
    if (aggregate === 'count') return { count: this.#tests({ entity, kind: 'number', isWhole: true }) };
    const isSum = aggregate === 'sum' || aggregate === 'avg';
    const ordered: readonly Kind[] = ['string', 'number', 'date', 'instant'];
    const kinds: readonly Kind[] = isSum ? ['number'] : aggregate.startsWith('m') ? ordered : [...ordered, 'boolean'];
    const of = this.path(last, kinds);
    const kind = aggregate === 'count_distinct' || isSum ? 'number' : this.#kind(last, of);
    return {
      [aggregate]: {
        of,
        ...this.#tests({
          entity,
          kind,
          isWhole: aggregate !== 'avg' && (kind !== 'number' || aggregate === 'count_distinct' || isWhole(of)),
        }),
      },
    };
  }

  #tests(of: { entity: string; kind: Kind; isWhole: boolean }): { readonly [key: string]: Yaml } {
    const tests = Array.from({ length: chance(this.#draw, 20) ? 2 : 1 }, () => this.#comparison(of));
    return Object.fromEntries(tests);
  }

  #comparison(of: { entity: string; kind: Kind; isWhole: boolean }): [string, Yaml] {
    const draw = this.#draw;
    const { kind } = of;
    const equality = ['eq', 'neq', 'in', 'not_in', 'is_null'];
    const ordering = ['gt', 'gte', 'lt', 'lte', 'between'];
    const operators: Readonly<Record<Kind, readonly string[]>> = {
      string: [...equality, ...ordering, 'contains', 'not_contains', 'starts_with', 'ends_with'],
      number: [...equality, ...ordering],
      boolean: [...equality, 'is_true'],
      date: [...equality, ...ordering, 'before', 'after', 'on_day', 'within'],
      instant: [...equality, ...ordering, 'before', 'after', 'on_day', 'within'],
      array: ['contains_any', 'contains_all', 'is_null'],
    };
    const operator = pick(draw, operators[kind]);
    return [operator, this.#operand(operator, of)];
  }

  #operand(operator: string, of: { entity: string; kind: Kind; isWhole: boolean }): Yaml {
    const draw = this.#draw;
    if (operator === 'is_null' || operator === 'is_true') return chance(draw, 50);
    if (operator === 'within') return this.#window();
    if (operator === 'contains_any' || operator === 'contains_all') {
      const items = Array.from({ length: 1 + draw.nat(2) });
      return of.isWhole ? items.map(() => draw.nat(4)) : items.map(() => pick(draw, STRINGS));
    }
    const literal = () => this.#literal(of, ['eq', 'neq', 'in', 'not_in'].includes(operator));
    if (operator === 'in' || operator === 'not_in') return Array.from({ length: 1 + draw.nat(2) }, literal);
    if (operator === 'between') return [this.#single(of, literal), this.#single(of, literal)];
    return this.#single(of, literal);
  }

  #single(of: { entity: string; kind: Kind }, literal: () => Yaml): Yaml {
    const draw = this.#draw;
    const isTime = of.kind === 'date' || of.kind === 'instant';
    if (chance(draw, 20)) {
      const kinds: readonly Kind[] = isTime ? ['date', 'instant'] : [of.kind];
      return { attribute: this.path(of.entity, kinds) };
    }
    if (!isTime || chance(draw, 50)) return literal();
    if (chance(draw, 20)) return 'now';
    return { [pick(draw, ['ago', 'ahead'])]: draw.nat(4), unit: pick(draw, UNITS) };
  }

  #literal({ kind, isWhole: whole }: { kind: Kind; isWhole: boolean }, isEquality: boolean): Yaml {
    const draw = this.#draw;
    const instant = new Date(drawInstant(draw, this.#model.now)).toISOString();
    switch (kind) {
      case 'string':
        return pick(draw, STRINGS);
      case 'number':
        return whole && isEquality ? draw.nat(9) - 1 : (draw.nat(40) - 15) / 4;
      case 'boolean':
        return chance(draw, 50);
      case 'date':
        return instant.slice(0, 10);
      case 'instant':
        return pick(draw, [
          instant.slice(0, 10),
          instant.slice(0, 19),
          `${instant.slice(0, 10)} ${instant.slice(11, 16)}`,
          instant,
          `${instant.slice(0, 19)}+05:30`,
          `${instant.slice(0, 19)}-0800`,
        ]);
      case 'array':
        throw new Error('Arrays are compared with lists');
    }
  }

  #window(): Yaml {
    return { [pick(this.#draw, ['last', 'next'])]: 1 + this.#draw.nat(4), unit: pick(this.#draw, UNITS) };
  }

  #entity(name: string): EntityModel {
    const entity = this.#model.entities[name];
    if (!entity) throw new Error(`No entity ${name}`);
    return entity;
  }
}

/** Whether a column holds whole numbers, or an array of them. */
function isWhole(path: string): boolean {
  return !['d', 'f', 'tags'].includes(path.split('.').at(-1) ?? '');
}
