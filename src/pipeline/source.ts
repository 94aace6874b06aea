import type { Service } from '../destinations/destination.ts';
import type { Source, SourceField, SourceIdentifier } from '../diff/job.ts';
import { destinationKeyField } from '../knowledge/mapping.ts';
import type { Activation, Entity, MappedField, Segment } from '../knowledge/store.ts';
import { compileProjection, type ProjectedColumn } from '../segment/compile-projection.ts';
import type { SqlTarget } from '../segment/target.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import type { TypedExpression } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { Context } from './context.ts';

/** Rows of a segment or entity that were copied for several activations. */
export interface CopiedRows {
  /** The copy, as a FROM item. Held-out members are not in it. */
  readonly from: string;
  /** Its column that holds this of each row. */
  columnOf(source: ProjectedColumn['source']): string;
}

/** What the source of an activation is made of. */
export interface SourceInput {
  readonly context: Context;
  readonly activation: Activation;
  readonly entity: Entity;
  readonly service: Service;
  readonly warehouse: Warehouse;
  readonly dialect: SqlDialect;
  readonly target: SqlTarget;
  /** Where the rows are read; left out: from the view itself. */
  readonly copy?: CopiedRows;
}

/** What is read of each row: the columns of the source, and whether it is in a segment that the destination never gets. */
export function readOfEachRow(input: SourceInput): readonly ProjectedColumn['source'][] {
  return [...sourceColumns(input).map(({ source }) => source), ...excludedSegments(input).map(membership)];
}

/**
 * The query that gives an activation's rows now: key, identifiers and mapped columns; held-out and excluded members, and those
 * without consent, are left out. Types are asked of the warehouse. Throws DinmoError of kind `warehouse` when a relation is missing.
 */
export async function buildSource(input: SourceInput): Promise<Source> {
  const { activation, entity } = input;
  const columns = sourceColumns(input);
  const sql = rowsOf(input, columns, consented(input));
  const described = new Map(
    (await input.warehouse.describe(sql)).map((column) => [column.name.toLowerCase(), column.dataType]),
  );
  const typed = (alias: string, name: string): TypedExpression => ({
    name,
    sql: alias,
    dataType: described.get(alias) ?? 'VARCHAR',
  });
  const fields = activation.mapping.map((mapped, index): SourceField => {
    if (mapped.source.kind === 'value')
      return { mapped, column: null, constantJson: constantJson(mapped.source.value) };
    return { mapped, column: typed(`f${index}`, mapped.field), constantJson: null };
  });
  return {
    sql,
    // Consent is asked of the entity itself, whenever it is asked.
    ...(input.copy === undefined || activation.consent.length > 0 ? {} : { steady: true }),
    keys: entity.primaryKey.map((name, index) => typed(`k${index}`, name)),
    identifiers: activation.identifiers.map(({ path: _path, ...identifier }, index): SourceIdentifier => {
      const { kind, rank } = identifier;
      const matching = input.service.facts.identifiers?.matching.includes(kind) ?? false;
      return { ...typed(`i${index}`, `${kind}_${rank}`), ...identifier, matching };
    }),
    fields,
    eventTime: columns.some((column) => column.alias === 't') ? typed('t', 'event_time') : null,
    destinationKey: destinationKey(input, fields),
    ...(activation.consent.length === 0
      ? {}
      : { withheldSql: rowsOf(input, columns, [`not ${agrees(activation, 'p')}`]) }),
  };
}

/** Rows of the segment, as `p`, less the held-out and excluded ones and those that do not meet further conditions. */
function rowsOf(input: SourceInput, columns: readonly ProjectedColumn[], further: readonly string[]): string {
  const { context, activation, copy, dialect, target } = input;
  if (copy !== undefined) {
    const selected = columns.map(({ alias, source }) => `c.${copy.columnOf(source)} as ${alias}`);
    const out = excludedSegments(input).map((name) => `not c.${copy.columnOf(membership(name))}`);
    const rows = `select ${selected.join(', ')} from ${copy.from} as c${out.length === 0 ? '' : ` where ${out.join(' and ')}`}`;
    return further.length === 0 ? rows : `select p.* from (\n${rows}\n) as p${whereAll(further)}`;
  }
  const { sql } = compileProjection(context.store, { from: activation.parent, columns }, dialect, target);
  return `select p.* from (\n${sql}\n) as p${whereAll([...leaveOut(input), ...further])}`;
}

/** Columns by which rows are left out: `k0` … are the key, `c0` … the consent. */
function keyAndConsent({ activation, entity }: Pick<SourceInput, 'activation' | 'entity'>): readonly ProjectedColumn[] {
  const column = (alias: string, path: readonly string[]): ProjectedColumn => ({
    alias,
    source: { kind: 'column', path },
  });
  return [
    ...entity.primaryKey.map((name, index) => column(`k${index}`, [name])),
    ...activation.consent.map(({ path }, index) => column(`c${index}`, path)),
  ];
}

function agrees({ consent }: Activation, rows: string): string {
  return `coalesce(${consent.map((_, index) => `${rows}.c${index}`).join(' and ')}, false)`;
}

/**
 * Where several rows of the entity have one key, each of them has to agree: else the one that is left would pass for the only one,
 * and be sent.
 */
function consented({ context, activation, entity, dialect, target }: SourceInput): readonly string[] {
  if (activation.consent.length === 0) return [];
  const everybody = compileProjection(
    context.store,
    { from: { kind: 'entity', name: entity.name }, columns: keyAndConsent({ activation, entity }) },
    dialect,
    target,
  );
  const same = entity.primaryKey.map((_, index) => `x.k${index} = p.k${index}`).join(' and ');
  const refusing = `select 1 from (\n${everybody.sql}\n) as x where ${same} and not ${agrees(activation, 'x')}`;
  return [agrees(activation, 'p'), `not exists (${refusing})`];
}

function whereAll(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `\nwhere ${conditions.join('\n  and ')}`;
}

function membership(segment: string): ProjectedColumn['source'] {
  return { kind: 'segment', segment };
}

function sourceColumns({ activation, entity }: SourceInput): readonly ProjectedColumn[] {
  const columns: ProjectedColumn[] = [...keyAndConsent({ activation, entity })];
  activation.identifiers.forEach(({ path }, index) => {
    columns.push({ alias: `i${index}`, source: { kind: 'column', path } });
  });
  activation.mapping.forEach(({ source }, index) => {
    if (source.kind !== 'value') columns.push({ alias: `f${index}`, source });
  });
  if (entity.eventTime !== null) columns.push({ alias: 't', source: { kind: 'column', path: [entity.eventTime] } });
  return columns;
}

/** Segments of the activation's entity that its destination never gets. */
function excludedSegments({ context: { store }, activation, entity }: SourceInput): readonly string[] {
  const names = store.destinations.get(activation.destination)?.exclude ?? [];
  return names.filter((name) => store.segments.get(name)?.entity === entity.name);
}

/** Conditions that leave out members that the destination never gets: the held-out ones of the segment, and those of excluded segments. */
function leaveOut(input: SourceInput): readonly string[] {
  const { context, activation, entity, target, dialect } = input;
  const { parent } = activation;
  const segment: Segment | undefined = parent.kind === 'segment' ? context.store.segments.get(parent.name) : undefined;
  const conditions: string[] = [];
  const same = entity.primaryKey.map((name, index) => `x.${dialect.quoteIdentifier(name)} = p.k${index}`).join(' and ');
  if (segment?.holdout)
    conditions.push(
      `not exists (select 1 from ${target.segment(segment.name)} as x where ${same} and x.dinmo_holdout)`,
    );
  for (const name of excludedSegments(input))
    conditions.push(`not exists (select 1 from ${target.segment(name)} as x where ${same})`);
  return conditions;
}

function destinationKey(
  { service, context, activation }: SourceInput,
  fields: readonly SourceField[],
): TypedExpression | null {
  const config = context.store.destinations.get(activation.destination)?.config ?? {};
  const name = destinationKeyField(service.facts, config);
  if (name === null) return null;
  return fields.find(({ mapped }: { readonly mapped: MappedField }) => mapped.field === name)?.column ?? null;
}

function constantJson(value: string | number | bigint | boolean): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}
