import type { Source } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import { type ProcessTable, systemProcesses } from '../record/lease.ts';
import { passingName } from '../record/passing-tables.ts';
import { compileProjection, type ProjectedColumn } from '../segment/compile-projection.ts';
import { HOLDOUT_COLUMN } from '../segment/resolve.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import type { TableName, Warehouse } from '../warehouse/warehouse.ts';
import { type Context, directTarget } from './context.ts';
import { stopwatch } from './events.ts';
import { clockOf, loggerOf, type SyncOptions } from './options.ts';
import { eventsFrom, type Prepared, prepareActivation } from './prepare-run.ts';
import { buildSource, readOfEachRow, type SourceInput } from './source.ts';
import type { Storage } from './storage.ts';

/** Whoever plans later than that reads the view again: what is sent is not to be older than that. */
const USED_MS = 60 * 60_000;

/** What the copies of a command are made of. */
export interface CopyInput {
  readonly context: Context;
  readonly storage: Storage;
  readonly dialect: SqlDialect;
  readonly options: SyncOptions;
  /** All that the command takes. */
  readonly activations: readonly Activation[];
  readonly processes?: ProcessTable;
}

/** Activations that read the same rows, and the copy, once the first of them was planned. */
interface Group {
  /** Those that have not been planned yet. */
  readonly waiting: Set<string>;
  readonly members: readonly Member[];
  /** The oldest event that one of them takes; null: they take all rows. */
  readonly from: string | null;
  /** Where it stands, from before it is made: who is interrupted does not know whether it was. */
  table: TableName | null;
  copy: Copy | null;
  /** It cannot be had: everybody reads for himself. */
  hasFailed: boolean;
}

interface Member {
  readonly prepared: Prepared;
  readonly from: string | null;
}

interface Copy {
  readonly table: TableName;
  readonly madeAt: number;
  readonly columns: ReadonlyMap<string, string>;
}

/**
 * Segments and entities that two activations or more of one command read: their rows are read once, with all columns that one of those
 * activations needs, and each is planned from that copy. So what platforms get is of one moment. The copy is a table that all sessions of
 * the command see (`StateDialect.passingPlace`); it is made when the first is planned, and dropped when the last has been.
 *
 * Not for an activation that the gate blocks, that is paused, or of a segment that dbt builds as a table, which is a copy already.
 * Activations that only take events from some instant on share a copy of those. What cannot be copied is read by each for itself.
 */
export class SegmentCopies {
  readonly #input: CopyInput;
  /** By the name of what they read. */
  readonly #families: ReadonlyMap<string, readonly Activation[]>;
  /** By activation, once its family was looked at. */
  readonly #groups = new Map<string, Group>();
  readonly #seen = new Set<string>();
  readonly #planned = new Set<string>();

  constructor(input: CopyInput) {
    this.#input = input;
    const families = new Map<string, Activation[]>();
    for (const activation of input.activations) {
      const { parent } = activation;
      const isTable =
        parent.kind === 'segment' && input.context.store.segments.get(parent.name)?.materialized === 'table';
      if (!activation.enabled || isTable) continue;
      families.set(familyOf(activation), [...(families.get(familyOf(activation)) ?? []), activation]);
    }
    this.#families = new Map([...families].filter(([, members]) => members.length > 1));
  }

  /** The rows of an activation from the copy; null: it reads for itself. To be asked by one activation at a time, when it is planned. */
  async sourceOf({ activation, source }: Prepared, warehouse: Warehouse): Promise<Source | null> {
    if (source !== undefined) return null;
    await this.#lookAt(activation);
    const group = this.#groups.get(activation.id);
    const member = group?.members.find(({ prepared }) => prepared.activation.id === activation.id);
    if (group === undefined || member === undefined || group.hasFailed) return null;
    try {
      group.copy ??= await this.#make(group, warehouse);
      const { copy } = group;
      if (clockOf(this.#input.options).now() - copy.madeAt > USED_MS) return null;
      return await buildSource({
        ...this.#sourceInput(member.prepared, warehouse),
        copy: {
          from: warehouse.state.table(copy.table),
          columnOf: (column) => {
            const name = copy.columns.get(JSON.stringify(column));
            if (name === undefined) throw new Error(`the copy lacks a column of ${activation.id}`);
            return name;
          },
        },
      });
    } catch (thrown) {
      if (!(thrown instanceof DinmoError) || this.#input.options.signal?.aborted) throw thrown;
      this.giveUp(activation, thrown);
      return null;
    }
  }

  /** The copy of this activation cannot be read: nobody does from now on. */
  giveUp(activation: Activation, { code, message }: DinmoError): void {
    const group = this.#groups.get(activation.id);
    if (group !== undefined) group.hasFailed = true;
    const { kind, name } = activation.parent;
    loggerOf(this.#input.options).warn('segment.not_copied', { [kind]: name, code, reason: message });
  }

  /** This activation needs it no more; it goes with the last one. What cannot be dropped now is tried again at the end. */
  async release(activation: Activation, warehouse: Warehouse): Promise<void> {
    this.#planned.add(activation.id);
    const group = this.#groups.get(activation.id);
    if (group === undefined || !group.waiting.delete(activation.id) || group.waiting.size > 0) return;
    await drop(group, warehouse).catch(() => {});
  }

  /** Drops whatever is left. */
  async close(warehouse: Warehouse): Promise<void> {
    for (const group of new Set(this.#groups.values())) await drop(group, warehouse).catch(() => {});
  }

  /** Finds out who shares with whom: now, since what those before it had to wait for may be over. */
  async #lookAt(activation: Activation): Promise<void> {
    const family = familyOf(activation);
    if (this.#seen.has(family)) return;
    this.#seen.add(family);
    const members: Member[] = [];
    for (const one of this.#families.get(family) ?? []) {
      if (this.#planned.has(one.id)) continue;
      const prepared = await this.#prepare(one);
      if (prepared === null) continue;
      const isEvent = prepared.entity !== null && prepared.entity.eventTime !== null;
      const from = isEvent ? eventsFrom(prepared, clockOf(this.#input.options).now()) : null;
      members.push({ prepared, from });
    }
    for (const sharing of [members.filter(({ from }) => from === null), members.filter(({ from }) => from !== null)]) {
      if (sharing.length < 2) continue;
      const waiting = new Set(sharing.map(({ prepared }) => prepared.activation.id));
      const [from = null] = sharing.map((member) => member.from).sort();
      const group: Group = { waiting, members: sharing, from, table: null, copy: null, hasFailed: false };
      for (const id of waiting) this.#groups.set(id, group);
    }
  }

  /** null: it is not going to be planned, or what is planned is not sent. */
  async #prepare(activation: Activation): Promise<Prepared | null> {
    const { context, storage, options } = this.#input;
    try {
      const prepared = await prepareActivation(context, storage, { activation, secrets: 'unused' });
      const isPaused = prepared.state?.paused === true && options.resume !== true;
      return isPaused || !(prepared.gate.open || options.noGate === true) ? null : prepared;
    } catch (thrown) {
      // It is told when its turn comes.
      if (thrown instanceof DinmoError) return null;
      throw thrown;
    }
  }

  async #make(group: Group, warehouse: Warehouse): Promise<Copy> {
    const { options, storage, processes = systemProcesses } = this.#input;
    const { state } = warehouse;
    const passed = stopwatch();
    const madeAt = clockOf(options).now();
    const table = { ...state.passingPlace(storage.ledger.schema), name: passingName(processes, madeAt) };
    const { select, columns } = await this.#rows(group, warehouse);
    group.table = table;
    await warehouse.run(state.createPassing(table, select));
    const [parent] = group.members.map(({ prepared }) => prepared.activation.parent);
    loggerOf(options).info('segment.copied', {
      ...(parent === undefined ? {} : { [parent.kind]: parent.name }),
      ...{ activations: group.members.length, columns: columns.size, duration_ms: passed() },
    });
    return { table, madeAt, columns };
  }

  /** What is copied: every column that one of them reads, of the members that are not held out. */
  async #rows(
    group: Group,
    warehouse: Warehouse,
  ): Promise<{ readonly select: string; readonly columns: ReadonlyMap<string, string> }> {
    const { context, dialect } = this.#input;
    const [first] = group.members;
    if (first === undefined) throw new Error('nobody reads the copy');
    const { activation, entity } = first.prepared;
    const needed = new Map<string, ProjectedColumn['source']>();
    for (const { prepared } of group.members)
      for (const source of readOfEachRow(this.#sourceInput(prepared, warehouse)))
        needed.set(JSON.stringify(source), source);
    const columns = new Map([...needed.keys()].map((source, index) => [source, `c${index}`]));
    const projected = [...needed].map(([name, source]) => ({ alias: columns.get(name) ?? name, source }));
    const { parent } = activation;
    const hasHoldout = parent.kind === 'segment' && context.store.segments.get(parent.name)?.holdout != null;
    const held: ProjectedColumn = { alias: 'held', source: { kind: 'column', path: [HOLDOUT_COLUMN] } };
    const projection = compileProjection(
      context.store,
      { from: parent, columns: hasHoldout ? [...projected, held] : projected },
      dialect,
      directTarget(context, warehouse.state.now),
    );
    const conditions = hasHoldout ? ['not coalesce(p.held, false)'] : [];
    const time = columns.get(JSON.stringify({ kind: 'column', path: [entity?.eventTime] }));
    if (group.from !== null && time !== undefined) {
      const described = await warehouse.describe(projection.sql);
      const type = described.find(({ name }) => name.toLowerCase() === time)?.dataType ?? 'TIMESTAMP';
      conditions.push(`${warehouse.state.instant(`p.${time}`, type)} >= ${warehouse.state.timestamp(group.from)}`);
    }
    const names = projected.map(({ alias }) => `p.${alias}`).join(', ');
    const where = conditions.length === 0 ? '' : `\nwhere ${conditions.join(' and ')}`;
    return { select: `select ${names} from (\n${projection.sql}\n) as p${where}`, columns };
  }

  #sourceInput({ activation, entity, service }: Prepared, warehouse: Warehouse): SourceInput {
    const { context, dialect } = this.#input;
    if (entity === null) throw new Error(`${activation.id} has no entity`);
    return {
      context,
      activation,
      entity,
      service,
      warehouse,
      dialect,
      target: directTarget(context, warehouse.state.now),
    };
  }
}

function familyOf({ parent }: Activation): string {
  return `${parent.kind} ${parent.name}`;
}

async function drop(group: Group, warehouse: Warehouse): Promise<void> {
  if (group.table === null) return;
  await warehouse.run(`drop table if exists ${warehouse.state.table(group.table)}`);
  group.table = null;
}
