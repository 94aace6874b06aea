import type { Mode, ServiceKind } from '../../src/artifacts/annotation.ts';
import type { Batch, BatchOutcome } from '../../src/destinations/destination.ts';
import type { SourceField } from '../../src/diff/job.ts';
import type { ServiceFacts } from '../../src/knowledge/service-facts.ts';
import type { MappedField } from '../../src/knowledge/store.ts';
import type { TypedExpression } from '../../src/warehouse/state-dialect.ts';
import { type BenchActivation, EngineBench, type Synced, type SyncSettings } from './engine-bench.ts';

/** A service that addresses rows by key, as the webhook does. */
export function rowsFacts(service: ServiceKind, more: Partial<ServiceFacts> = {}): ServiceFacts {
  return {
    platform: 'endpoint',
    service,
    title: 'Simulated endpoint',
    api: null,
    config: [],
    credentials: [],
    modes: ['delta', 'full', 'incremental'],
    defaultMode: service === 'events' ? 'incremental' : 'delta',
    operations: ['insert', 'update', 'delete'],
    defaultOperations: service === 'events' ? ['insert'] : ['insert', 'update', 'delete'],
    identifiers: null,
    destinationKey: null,
    recordIds: false,
    fields: { known: [], open: true },
    defaultMapping: 'all',
    audience: null,
    eventAgeDaysMax: null,
    deduplicates: true,
    replacesWhole: false,
    nulls: 'null',
    limits: { rowsPerRequestMax: 3, requestBytesMax: 1_000_000, requestsPerSecondMax: null, connectionsMax: 2 },
    ...more,
  };
}

/** Keeps rows by their key's JSON text, and the text of their fields. */
export class SimulatedEndpoint {
  readonly rows = new Map<string, string>();
  readonly log: string[] = [];
  /** How often each key was taken. */
  readonly taken = new Map<string, number>();
  readonly #batches = new Map<string, string>();
  requests = 0;
  fault: ((batch: Batch, apply: () => void) => BatchOutcome | Error | null) | null = null;

  send(batch: Batch): BatchOutcome {
    this.requests++;
    const content = JSON.stringify([
      batch.operation,
      batch.rows.map(({ keyJson, fieldsJson }) => [keyJson, fieldsJson]),
    ]);
    if ((this.#batches.get(batch.id) ?? content) !== content) throw new Error(`two batches share the id ${batch.id}`);
    this.#batches.set(batch.id, content);
    const apply = (): void => {
      for (const { keyJson, fieldsJson } of batch.rows) {
        this.log.push(`${batch.operation} ${keyJson}${fieldsJson === null ? '' : ` ${fieldsJson}`}`);
        this.taken.set(keyJson, (this.taken.get(keyJson) ?? 0) + 1);
        if (fieldsJson === null) this.rows.delete(keyJson);
        else this.rows.set(keyJson, fieldsJson);
      }
    };
    const answer = this.fault?.(batch, apply) ?? null;
    if (answer instanceof Error) throw answer;
    if (answer !== null) return answer;
    apply();
    return { kind: 'receipts', receipts: batch.rows.map(({ seq }) => ({ seq, status: 'accepted' })) };
  }
}

export interface FieldOf {
  readonly field: string;
  readonly from?: string;
  readonly value?: string;
  readonly type?: string;
  readonly nulls?: MappedField['nulls'];
  readonly write?: MappedField['write'];
}

export interface Shape extends SyncSettings {
  readonly id?: string;
  readonly facts?: ServiceFacts;
  readonly mode?: Mode;
  readonly from?: string;
  /** Key columns with their types. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldOf[];
  readonly eventTime?: string;
}

export class RowsWorld {
  readonly bench: EngineBench;
  readonly endpoint = new SimulatedEndpoint();

  constructor(place: 'memory' | 'file' = 'memory') {
    this.bench = new EngineBench(place);
  }

  /** Syncs, and tells what the endpoint took, sorted. */
  async sync(shape: Shape = {}): Promise<Synced & { readonly log: readonly string[] }> {
    this.endpoint.log.length = 0;
    const synced = await this.bench.sync(this.activation(shape));
    return { ...synced, log: [...this.endpoint.log].sort() };
  }

  async close(): Promise<void> {
    await this.bench.close();
  }

  activation({
    id,
    facts,
    from,
    keys = { id: 'BIGINT' },
    fields = [{ field: 'name' }],
    eventTime,
    ...settings
  }: Shape): BenchActivation {
    const columns: TypedExpression[] = Object.entries(keys).map(([name, dataType], index) => ({
      name,
      sql: `k${index}`,
      dataType,
    }));
    const mapped = fields.map((field, index) => sourceField(field, index));
    const select = [
      ...columns.map(({ name, sql }) => `${name} as ${sql}`),
      ...mapped.flatMap(({ column, mapped: { source } }) =>
        column === null || source.kind !== 'column' ? [] : [`${source.path[0]} as ${column.sql}`],
      ),
      ...(eventTime === undefined ? [] : ['happened as t']),
    ];
    return {
      id: id ?? 'all.rows',
      facts: facts ?? rowsFacts('audiences'),
      source: {
        sql: `select ${select.join(', ')} from ${from ?? 'rows'}`,
        keys: columns,
        identifiers: [],
        fields: mapped,
        eventTime: eventTime === undefined ? null : { name: 'event_time', sql: 't', dataType: eventTime },
        destinationKey: null,
      },
      send: async (batch) => this.endpoint.send(batch),
      ...settings,
    };
  }
}

function sourceField(
  { field, from, value, type = 'VARCHAR', nulls = 'null', write = 'always' }: FieldOf,
  index: number,
): SourceField {
  if (value !== undefined)
    return {
      mapped: { field, source: { kind: 'value', value }, nulls, write, origin: null },
      column: null,
      constantJson: JSON.stringify(value),
    };
  return {
    mapped: { field, source: { kind: 'column', path: [from ?? field] }, nulls, write, origin: null },
    column: { name: field, sql: `f${index}`, dataType: type },
    constantJson: null,
  };
}
