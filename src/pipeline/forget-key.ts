import { createHash } from 'node:crypto';
import { DinmoError } from '../errors.ts';
import type { Entity } from '../knowledge/store.ts';
import { entityModelName, findGenerated, SYNC_ROW_HISTORY_MODEL, segmentModelName } from '../models/names.ts';
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
  const isOne = primaryKey.length === 1;
  return new DinmoError({
    kind: 'configuration',
    code: 'invalid-key',
    message: `That is no key of ${name}, whose primary key is ${primaryKey.join(', ')}.`,
    fix: isOne
      ? 'Give its value.'
      : `Give a JSON object: {${primaryKey.map((column) => `"${column}": …`).join(', ')}}.`,
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
    const types = new Map(columns.map((column) => [column.name.toLowerCase(), column.dataType]));
    const keys = entity.primaryKey.map((name) => ({
      name,
      sql: `x.${state.identifier(name)}`,
      dataType: types.get(name.toLowerCase()) ?? state.type('text'),
    }));
    const rows = await warehouse.query(
      `select 1 as held from ${relation} as x where ${state.keyText(keys)} = ${state.text(key)} limit 1`,
    );
    return rows.length > 0;
  } catch (thrown) {
    if (thrown instanceof DinmoError) return null;
    throw thrown;
  }
}

/** The history of rows (`history: rows`), which dbt fills: what it holds of a person is found by the hash of keys. */
export class RowHistory {
  readonly #bench: Bench;
  readonly #relation: string;

  private constructor(bench: Bench, relation: string) {
    this.#bench = bench;
    this.#relation = relation;
  }

  /** null where there is none. A rehearsal has none of its own. */
  static async open(bench: Bench): Promise<RowHistory | null> {
    const { context, warehouse } = bench;
    const node = findGenerated(context.project.manifest, SYNC_ROW_HISTORY_MODEL);
    if (!node?.relationName || context.options.sandboxUrl) return null;
    const tables = await new Ledger(warehouse, { database: node.database, schema: node.schema }).tables();
    const isThere = [...tables].some((name) => name.toLowerCase() === SYNC_ROW_HISTORY_MODEL);
    return isThere ? new RowHistory(bench, node.relationName) : null;
  }

  async count(activations: readonly string[], keys: readonly string[]): Promise<number> {
    const [row] = await this.#bench.warehouse.query(
      `select count(*) as row_count from ${this.#relation} where ${this.#of(activations, keys)}`,
    );
    return Number(row?.['row_count'] ?? 0);
  }

  async remove(activations: readonly string[], keys: readonly string[]): Promise<void> {
    await this.#bench.warehouse.run(`delete from ${this.#relation} where ${this.#of(activations, keys)}`);
  }

  /** dbt's `hash` is MD5 in hexadecimal digits on every warehouse. */
  #of(activations: readonly string[], keys: readonly string[]): string {
    const { state } = this.#bench.warehouse;
    const list = (values: readonly string[]): string => values.map((value) => state.text(value)).join(', ');
    const hashes = keys.map((key) => createHash('md5').update(key).digest('hex'));
    if (activations.length === 0 || hashes.length === 0) return 'false';
    return `activation_id in (${list(activations)}) and row_hash in (${list(hashes)})`;
  }
}
