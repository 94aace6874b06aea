import { createHash } from 'node:crypto';
import type { Batch, BatchOutcome } from '../../src/destinations/destination.ts';
import type { DeliveryPlan } from '../../src/diff/delivery-plan.ts';
import type { ServiceFacts } from '../../src/knowledge/service-facts.ts';
import { type BenchActivation, EngineBench, type Synced, type SyncSettings } from './engine-bench.ts';

export interface Member {
  readonly id: number | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly country: string | null;
}

export const audienceFacts: ServiceFacts = {
  platform: 'simulated',
  service: 'audiences',
  title: 'Simulated audiences',
  api: null,
  config: [],
  credentials: [],
  modes: ['delta', 'full'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email', 'phone'], hints: ['country'] },
  destinationKey: null,
  recordIds: false,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: false },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  limits: { rowsPerRequestMax: 4, requestBytesMax: 1_000_000, requestsPerSecondMax: null, connectionsMax: 2 },
};

export function hashed(kind: string, value: string, salt = ''): string {
  return createHash('sha256').update(`${kind}:${value}${salt}`).digest('hex').slice(0, 12);
}

/** Normalises as a platform would: an e-mail without @ is none. */
export function normalise(kind: string, value: string, salt = ''): string | null {
  if (kind === 'email' && !value.includes('@')) return null;
  return hashed(kind, value.trim().toLowerCase(), salt);
}

/** An audience that keeps rows of identifiers; a removal takes every row that shares one of them. */
export class SimulatedAudience {
  readonly rows = new Map<string, ReadonlySet<string>>();
  readonly removals: ReadonlySet<string>[] = [];
  requests = 0;
  sentRows = 0;
  /** Decides what happens to a request: null lets it through. */
  fault: ((batch: Batch, apply: () => void) => BatchOutcome | Error | null) | null = null;
  /** Identifier values whose rows are refused. */
  poison = new Set<string>();

  send(batch: Batch): BatchOutcome {
    this.requests++;
    this.sentRows += batch.rows.length;
    const apply = (): void => {
      for (const row of batch.rows) {
        const identifiers = new Set(
          row.identifiers.filter(({ kind }) => kind !== 'country').map(({ kind, value }) => `${kind}:${value}`),
        );
        if (batch.operation === 'delete') {
          this.removals.push(identifiers);
          for (const [name, held] of this.rows)
            if ([...held].some((identifier) => identifiers.has(identifier))) this.rows.delete(name);
        } else if (![...identifiers].some((identifier) => this.poison.has(identifier))) {
          this.rows.set([...identifiers].sort().join(' '), identifiers);
        }
      }
    };
    const answer = this.fault?.(batch, apply) ?? null;
    if (answer instanceof Error) throw answer;
    if (answer !== null) return answer;
    const bad =
      batch.operation === 'delete'
        ? []
        : batch.rows.filter((row) => row.identifiers.some(({ kind, value }) => this.poison.has(`${kind}:${value}`)));
    apply();
    return {
      kind: 'counted',
      accepted: batch.rows.length - bad.length,
      code: 'invalid-entries',
      message: 'some entries were invalid',
    };
  }

  identifiers(): ReadonlySet<string> {
    return new Set([...this.rows.values()].flatMap((identifiers) => [...identifiers]));
  }
}

/** A list of people on the bench: members in a table, one simulated audience. */
export class EngineWorld {
  readonly audience = new SimulatedAudience();
  readonly bench: EngineBench;

  constructor(place: 'memory' | 'file' = 'memory') {
    this.bench = new EngineBench(place);
  }

  async hold(members: readonly Member[]): Promise<void> {
    await this.bench.fill(
      'members',
      'id bigint, email varchar, phone varchar, country varchar',
      members.map((m) => [m.id, m.email, m.phone, m.country]),
    );
  }

  async sync(settings: SyncSettings & AudienceSettings = {}): Promise<Synced> {
    return await this.bench.sync(this.activation(settings));
  }

  async plan(settings: SyncSettings & AudienceSettings = {}): Promise<DeliveryPlan> {
    return await this.bench.plan(this.activation(settings));
  }

  async close(): Promise<void> {
    await this.bench.close();
  }

  activation({ kinds = ['email', 'phone'], salt = '', ...settings }: SyncSettings & AudienceSettings): BenchActivation {
    const columns = { email: 'i0', phone: 'i1' } as const;
    const version = salt === '' ? 1 : 2;
    return {
      id: 'vip.list',
      facts: audienceFacts,
      source: {
        sql: 'select id as k0, email as i0, phone as i1, country as i2 from members',
        keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
        identifiers: [
          ...kinds.map((kind) => {
            return { name: `${kind}_1`, sql: columns[kind], dataType: 'VARCHAR', kind, rank: 1, matching: true };
          }),
          { name: 'country_1', sql: 'i2', dataType: 'VARCHAR', kind: 'country', rank: 1, matching: false },
        ],
        fields: [],
        eventTime: null,
        destinationKey: null,
      },
      normaliser: { version, normalise: (kind, value) => normalise(kind, value, salt) },
      send: async (batch) => this.audience.send(batch),
      ...settings,
    };
  }
}

export interface AudienceSettings {
  /** In the place of `audienceFacts`. */
  readonly facts?: ServiceFacts;
  /** The matching identifiers that are sent. */
  readonly kinds?: readonly ('email' | 'phone')[];
  /** Makes another normaliser: what it sends of the same value differs. */
  readonly salt?: string;
}
