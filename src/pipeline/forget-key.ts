import { createHash } from 'node:crypto';
import { DinmoError } from '../errors.ts';
import type { Entity } from '../knowledge/store.ts';
import {
  entityModelName,
  findGenerated,
  MEMBERS_MODEL,
  SYNC_ROW_HISTORY_MODEL,
  segmentModelName,
} from '../models/names.ts';
import { Ledger } from '../record/ledger.ts';
import type { ForgetReport } from '../report/forget-report.ts';
import type { Bench } from './run-activations.ts';

/**
 * The text by which the state knows a row of the entity: of a single key its text, of a composite one a JSON object with its
 * columns in their order, numbers as they were written. Throws DinmoError `invalid-key`, which does not repeat the key.
 */
export function readKey(entity: Entity, given: string): string {
  const { primaryKey } = entity;
  const [only] = primaryKey;
  const values = given.trimStart().startsWith('{') ? readMembers(given) : null;
  if (values === null) {
    if (primaryKey.length === 1 && given !== '') return given;
    throw invalidKey(entity);
  }
  const isWhole = values.size === primaryKey.length && primaryKey.every((column) => values.has(column));
  // A single key may be a text that happens to look like an object.
  if (!isWhole && primaryKey.length === 1) return given;
  if (!isWhole) throw invalidKey(entity);
  const json = (column: string): string => values.get(column) ?? 'null';
  if (primaryKey.length > 1)
    return `{${primaryKey.map((column) => `${JSON.stringify(column)}:${json(column)}`).join(',')}}`;
  const value: unknown = JSON.parse(json(only ?? ''));
  return typeof value === 'string' ? value : json(only ?? '');
}

/** The members of a JSON object as JSON text, numbers digit by digit; null where it is none, or a member is nested or null. */
function readMembers(text: string): ReadonlyMap<string, string> | null {
  const members = new Map<string, string>();
  let isFlat = true;
  const keepDigits = (name: string, value: unknown, context: { readonly source?: string }): unknown => {
    if (name === '') return value;
    if (typeof value === 'object') isFlat = false;
    members.set(name, typeof value === 'number' ? (context.source ?? String(value)) : JSON.stringify(value));
    return value;
  };
  try {
    // The third argument of a reviver is newer than its type.
    JSON.parse(text, keepDigits as (name: string, value: unknown) => unknown);
  } catch {
    return null;
  }
  return isFlat ? members : null;
}

function invalidKey({ name, primaryKey }: Entity): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'invalid-key',
    message: `That is no key of ${name}, whose primary key is ${primaryKey.join(', ')}.`,
    fix: `Give its value; of a composite key a JSON object with each column: {"${primaryKey.join('": …, "')}": …}.`,
  });
}

/** Which models hold a row of that key now, and which could not be asked: the entity's, and those of its segments that are sent. */
export async function findHolders(
  { context, warehouse }: Bench,
  entity: Entity,
  key: string,
): Promise<Pick<ForgetReport, 'stillIn' | 'notAsked'>> {
  const segments = [...context.store.activations.values()].flatMap(({ entity: of, parent }) =>
    of === entity.name && parent.kind === 'segment' ? [segmentModelName(parent.name)] : [],
  );
  const found: Record<'stillIn' | 'notAsked', string[]> = { stillIn: [], notAsked: [] };
  for (const model of [...new Set([entityModelName(entity.name), ...segments])]) {
    const relation = findGenerated(context.project.manifest, model)?.relationName ?? null;
    const holds = relation === null ? null : await holdsKey(warehouse, { relation, entity, key });
    if (holds !== false) found[holds === null ? 'notAsked' : 'stillIn'].push(model);
  }
  return found;
}

/** null: there is no such relation, or it cannot be read. */
async function holdsKey(
  warehouse: Bench['warehouse'],
  { relation, entity, key }: { readonly relation: string; readonly entity: Entity; readonly key: string },
): Promise<boolean | null> {
  const { state } = warehouse;
  try {
    const columns = await warehouse.describe(`select * from ${relation}`);
    const known = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
    const keys = entity.primaryKey.map((name) => {
      const column = known.get(name.toLowerCase());
      return {
        name,
        sql: `x.${state.identifier(column?.name ?? name)}`,
        dataType: column?.dataType ?? state.type('text'),
      };
    });
    const rows = await warehouse.query(
      `select 1 as held from ${relation} as x where ${state.keyText(keys)} = ${state.text(key)} limit 1`,
    );
    return rows.length > 0;
  } catch (thrown) {
    if (thrown instanceof DinmoError) return null;
    throw thrown;
  }
}

/** Whom the histories in `DINMO_STATS` may know: the hashes of keys, in the rows of these activations, or of the entity. */
export interface Remembered {
  readonly activations: readonly string[];
  /** Keys of the rows as destinations know them. */
  readonly keys: readonly string[];
  /** The entity with the key's parts joined by colons, by which membership is remembered; null: not asked. */
  readonly member: { readonly entity: string; readonly text: string } | null;
}

/**
 * The histories that dbt fills: of rows (`history: rows`), and of the members of segments. dbt's `hash` is MD5 in hexadecimal digits on
 * every warehouse.
 */
export class Histories {
  readonly #bench: Bench;
  readonly #tables: readonly { readonly model: string; readonly relation: string }[];

  private constructor(bench: Bench, tables: readonly { readonly model: string; readonly relation: string }[]) {
    this.#bench = bench;
    this.#tables = tables;
  }

  /** Those that there are. A rehearsal has none of its own. */
  static async open(bench: Bench): Promise<Histories> {
    const { context, warehouse } = bench;
    const tables: { readonly model: string; readonly relation: string }[] = [];
    for (const model of context.options.sandboxUrl ? [] : [SYNC_ROW_HISTORY_MODEL, MEMBERS_MODEL]) {
      const node = findGenerated(context.project.manifest, model);
      if (!node?.relationName) continue;
      const names = await new Ledger(warehouse, { database: node.database, schema: node.schema }).tables();
      if ([...names].some((name) => name.toLowerCase() === model)) tables.push({ model, relation: node.relationName });
    }
    return new Histories(bench, tables);
  }

  async count(whom: Remembered): Promise<number> {
    let rows = 0;
    for (const { relation, model } of this.#tables) {
      const [row] = await this.#bench.warehouse.query(
        `select count(*) as row_count from ${relation} where ${this.#of(model, whom)}`,
      );
      rows += Number(row?.['row_count'] ?? 0);
    }
    return rows;
  }

  async remove(whom: Remembered): Promise<void> {
    for (const { relation, model } of this.#tables)
      await this.#bench.warehouse.run(`delete from ${relation} where ${this.#of(model, whom)}`);
  }

  #of(model: string, { activations, keys, member }: Remembered): string {
    const { state } = this.#bench.warehouse;
    const list = (values: readonly string[]): string => values.map((value) => state.text(value)).join(', ');
    const hash = (text: string): string => createHash('md5').update(text).digest('hex');
    if (model === MEMBERS_MODEL)
      return member === null
        ? 'false'
        : `entity = ${state.text(member.entity)} and member = ${state.text(hash(member.text))}`;
    if (activations.length === 0 || keys.length === 0) return 'false';
    return `activation_id in (${list(activations)}) and row_hash in (${list(keys.map(hash))})`;
  }
}

/** A key as the history of members hashes it: the parts of a composite one as texts, joined by colons. */
export function memberText(entity: Entity, key: string): string {
  if (entity.primaryKey.length === 1) return key;
  const members = readMembers(key);
  return entity.primaryKey
    .map((column) => {
      const json = members?.get(column) ?? 'null';
      return json.startsWith('"') ? String(JSON.parse(json)) : json;
    })
    .join(':');
}
