import type { TableName, Warehouse } from '../../src/warehouse/warehouse.ts';

/** Where the names that tests use stand. */
export interface Places {
  /** The schema of tables that are named without one. */
  readonly bare: string;
  /** Schemas by the name that tests give them. */
  readonly schemas: Readonly<Record<string, string>>;
}

const TAKES_SQL = new Set(['run', 'query', 'stream', 'describe', 'estimate', 'require']);

/**
 * The same warehouse for tests that name schemas as they like and tables without any: each stands where it is told, quoted as the
 * warehouse quotes. So one database can hold any number of worlds.
 */
export function placed(warehouse: Warehouse, places: Places, known = new Set<string>()): Warehouse {
  const { state } = warehouse;
  const schemas = Object.entries(places.schemas);
  const sqlOf = (given: string): string => {
    const made =
      /^(?:create table|create or replace (?:table|view)|drop (?:table|view) if exists) (?!if\b)(\w+)\b(?!\.)/.exec(
        given,
      )?.[1];
    if (made !== undefined) known.add(made);
    const { text: bare, literals } = withoutLiterals(given, state.name);
    let text = bare;
    for (const [name, schema] of schemas)
      text = text
        .replaceAll(new RegExp(`["\`]?\\b${name}\\b["\`]?\\.["\`]?(\\w+)["\`]?`, 'g'), (_, table: string) =>
          state.table({ database: null, schema, name: table }),
        )
        .replaceAll(new RegExp(`\\b${name}\\b`, 'g'), schema);
    for (const name of known)
      text = text.replaceAll(
        new RegExp(`\\b(from|join|into|table|view|update|exists) ${name}\\b(?!\\.)`, 'g'),
        (_, word: string) => `${word} ${state.table({ database: null, schema: places.bare, name })}`,
      );
    return text.replaceAll(MARK, (_, index: string) => {
      const literal = literals[Number(index)] ?? '';
      // The one text that is a name: what the warehouse's own lists are asked for.
      const schema = places.schemas[literal.slice(1, -1)];
      return schema === undefined ? literal : state.text(schema);
    });
  };
  const schemaOf = (schema: string | null): string | null =>
    schema === null ? null : (places.schemas[schema] ?? schema);
  // What a test puts in the place of a member.
  const replaced = new Map<string | symbol, unknown>();
  return new Proxy(warehouse, {
    set(_target, property, value: unknown) {
      replaced.set(property, value);
      return true;
    },
    get(target, property) {
      if (replaced.has(property)) return replaced.get(property);
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      if (property === 'another') return async () => placed(await target.another(), places, known);
      return (...given: readonly unknown[]): unknown => {
        if (TAKES_SQL.has(String(property)))
          return Reflect.apply(member, target, [sqlOf(String(given[0])), ...given.slice(1)]);
        if (property !== 'append' && property !== 'tables') return Reflect.apply(member, target, given);
        const table = given[0] as TableName; // what both take first
        return Reflect.apply(member, target, [{ ...table, schema: schemaOf(table.schema) }, ...given.slice(1)]);
      };
    },
  });
}

/** A name in quotation marks, passed over, or a text: only after an E has it escapes on some, and on all of them on others. */
const LITERALS = {
  marked: /"(?:[^"]|"")*"|`[^`]*`|\b[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'/g,
  always: /"(?:[^"]|"")*"|`[^`]*`|'(?:[^'\\]|''|\\[\s\S])*'/g,
};
const MARK = /'\0(\d+)\0'/g;

/** A text is somebody's data: a table's name that stands in it is no table. */
function withoutLiterals(sql: string, name: string): { readonly text: string; readonly literals: readonly string[] } {
  const literals: string[] = [];
  const shape = name === 'duckdb' || name === 'postgres' ? LITERALS.marked : LITERALS.always;
  const text = sql.replaceAll(shape, (found) => {
    if (!found.endsWith("'")) return found;
    literals.push(found);
    return `'\0${literals.length - 1}\0'`;
  });
  return { text, literals };
}
