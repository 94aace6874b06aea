import type { Operation } from '../../src/artifacts/annotation.ts';
import type { Batch, BatchOutcome, OutgoingRow, Receipt } from '../../src/destinations/destination.ts';
import type { ServiceFacts } from '../../src/knowledge/service-facts.ts';
import type { MappedField } from '../../src/knowledge/store.ts';
import { type BenchActivation, EngineBench, type Synced, type SyncSettings } from './engine-bench.ts';

export interface Contact {
  readonly id: number | null;
  readonly email: string | null;
  readonly name: string | null;
  /** Written on insert only. */
  readonly note?: string | null;
}

export const crmFacts: ServiceFacts = {
  platform: 'crm',
  service: 'objects',
  title: 'Simulated contacts',
  api: null,
  config: [],
  credentials: [],
  modes: ['delta', 'full'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: null,
  destinationKey: { setting: 'id_property', identifier: 'email', normalise: 'lower' },
  recordIds: true,
  fields: { known: [], open: true },
  defaultMapping: 'all',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  limits: { rowsPerRequestMax: 3, requestBytesMax: 1_000_000, requestsPerSecondMax: null, connectionsMax: 2 },
};

export interface CrmRecord {
  readonly id: string;
  readonly createdAt: number;
  key: string;
  fields: Record<string, unknown>;
}

/** Records with ids of their own and a unique key, compared without case. */
export class SimulatedCrm {
  readonly records = new Map<string, CrmRecord>();
  readonly log: string[] = [];
  requests = 0;
  #ids = 0;
  readonly #now: () => number;
  readonly #mayArchive: () => boolean;
  fault: ((batch: Batch, apply: (rows?: readonly OutgoingRow[]) => void) => BatchOutcome | Error | null) | null = null;
  /** Keys whose rows are refused. */
  poison = new Set<string>();

  constructor(now: () => number, mayArchive: () => boolean) {
    this.#now = now;
    this.#mayArchive = mayArchive;
  }

  /** A record that somebody else made. */
  seed(key: string, fields: Record<string, unknown> = {}): CrmRecord {
    return this.#make(key, fields);
  }

  byKey(key: string): CrmRecord | null {
    return [...this.records.values()].find((record) => record.key === key.toLowerCase()) ?? null;
  }

  keys(): readonly string[] {
    return [...this.records.values()].map(({ key }) => key).sort();
  }

  send(batch: Batch): BatchOutcome {
    this.requests++;
    const receipts: Receipt[] = [];
    const apply = (rows = batch.rows): void => {
      for (const row of rows) receipts.push(this.#apply(row, batch.operation));
    };
    const answer = this.fault?.(batch, apply) ?? null;
    if (answer instanceof Error) throw answer;
    if (answer !== null) return answer;
    apply();
    return { kind: 'receipts', receipts };
  }

  #apply(row: OutgoingRow, operation: Operation): Receipt {
    if (operation === 'delete') return this.#remove(row);
    if (this.poison.has(row.key)) return { seq: row.seq, status: 'rejected', code: 'refused', message: 'refused' };
    const moving = row.previousKey !== null && row.recordId !== null ? (this.records.get(row.recordId) ?? null) : null;
    const there = this.byKey(row.key);
    const inPlace = moving !== null && (there === null || there === moving);
    this.log.push(`${inPlace ? 'move' : operation} ${row.previousKey ?? ''}>${row.key}`);
    if (inPlace) return this.#write(row, moving, false);
    const receipt = this.#write(row, there ?? this.#make(row.key, {}), there === null);
    const goes = moving !== null && this.#mayArchive() && row.mayDelete !== false;
    if (goes) this.records.delete(moving.id);
    return receipt;
  }

  #write(row: OutgoingRow, record: CrmRecord, created: boolean): Receipt {
    record.key = row.key.toLowerCase();
    Object.assign(record.fields, row.fields() ?? {});
    const recordCreatedAt = new Date(record.createdAt).toISOString();
    return { seq: row.seq, status: 'accepted', recordId: record.id, created, recordCreatedAt };
  }

  #remove(row: OutgoingRow): Receipt {
    const record = row.recordId === null ? this.byKey(row.key) : (this.records.get(row.recordId) ?? null);
    const isOlder = record !== null && row.createdSince != null && record.createdAt < Date.parse(row.createdSince);
    this.log.push(`delete ${row.key}${isOlder ? ' (stays)' : ''}`);
    if (record !== null && !isOlder) this.records.delete(record.id);
    return { seq: row.seq, status: 'accepted' };
  }

  #make(key: string, fields: Record<string, unknown>): CrmRecord {
    const record = { id: `r${++this.#ids}`, createdAt: this.#now(), key: key.toLowerCase(), fields };
    this.records.set(record.id, record);
    return record;
  }
}

function mapped(field: string, write: MappedField['write'] = 'always'): MappedField {
  return { field, source: { kind: 'column', path: [field] }, nulls: 'skip', write, origin: null };
}

/** Contacts on the bench: any number of activations that feed one simulated CRM, each from a table of its own. */
export class CrmWorld {
  readonly bench: EngineBench;
  readonly crm: SimulatedCrm;
  operations: readonly Operation[] = ['insert', 'update', 'delete'];

  constructor(place: 'memory' | 'file' = 'memory') {
    this.bench = new EngineBench(place);
    this.crm = new SimulatedCrm(
      () => this.bench.clock.now(),
      () => this.operations.includes('delete'),
    );
  }

  async hold(contacts: readonly Contact[], activation = 'a'): Promise<void> {
    await this.bench.fill(
      `contacts_${activation}`,
      'id bigint, email varchar, name varchar, note varchar',
      contacts.map((c) => [c.id, c.email, c.name, c.note ?? null]),
    );
  }

  async sync(settings: SyncSettings = {}, activation = 'a'): Promise<Synced> {
    await this.bench.clock.sleep(1000);
    return await this.bench.sync(this.activation(settings, activation));
  }

  async close(): Promise<void> {
    await this.bench.close();
  }

  /** Fields of an activation bear its name, so that two never write the same one. */
  activation(settings: SyncSettings = {}, name = 'a'): BenchActivation {
    const column = (alias: string, field: string) => ({ name: field, sql: alias, dataType: 'VARCHAR' });
    const email = column('f0', 'email');
    return {
      id: `${name}.crm`,
      facts: crmFacts,
      operations: this.operations,
      source: {
        sql: `select id as k0, email as f0, name as f1, note as f2 from contacts_${name}`,
        keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
        identifiers: [],
        fields: [
          { mapped: mapped('email'), column: email, constantJson: null },
          { mapped: mapped(`${name}_name`), column: column('f1', `${name}_name`), constantJson: null },
          { mapped: mapped(`${name}_note`, 'on_insert'), column: column('f2', `${name}_note`), constantJson: null },
        ],
        eventTime: null,
        destinationKey: email,
      },
      validate: (row) =>
        row.operation !== 'delete' && !row.key.includes('@')
          ? { code: 'invalid-email', message: 'not an e-mail' }
          : null,
      send: async (batch) => this.crm.send(batch),
      ...settings,
    };
  }
}
