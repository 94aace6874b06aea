import type { FaultKind, FaultSettings } from './faults.ts';

/**
 * Everything that the sandbox holds, as `GET /state` prints it and `Sandbox.state()` returns it. Stable: keys are only added.
 *
 * Values are complete and unmasked, because tests and rehearsals compare them with the segment: treat it as the data
 * itself. The readable page masks. In the JSON text, integers have all their digits; in `state()` those beyond 2^53 are bigint.
 */
export interface SandboxState {
  readonly version: 1;
  /** Random; a new one whenever the state starts empty. */
  readonly instance: string;
  readonly url: string;
  /** ISO time at which the state was empty. */
  readonly startedAt: string;
  readonly faults: FaultSettings;
  /** Sorted by platform, then destination. */
  readonly destinations: readonly DestinationState[];
}

export interface DestinationState extends Holdings {
  readonly platform: string;
  readonly destination: string;
  readonly baseUrl: string;
  readonly requests: {
    readonly total: number;
    /** Rows (people, events, objects, record ids) that the requests carried, those of refused requests too. */
    readonly rows: number;
    /** Requests that were recognised as sent before (webhook: same idempotency key, same body). */
    readonly repeated: number;
    /** Requests per HTTP status; `reset` for connections that were cut without an answer. */
    readonly statuses: Readonly<Record<string, number>>;
  };
  /** Faults injected, by kind; only kinds that occurred. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Rows that the platform would not take: its rules, poison, or an injected partial failure. */
  readonly rejected: number;
  /** Things that a correct client never does, whatever its data: a batch over the limit, personal data in clear, an idempotency key used twice. */
  readonly violations: { readonly count: number; readonly latest: readonly Violation[] };
  /** The latest requests, oldest first. Never a body, never a query. */
  readonly log: readonly LogEntry[];
}

/** What a destination has in it. */
export interface Holdings {
  readonly audiences: readonly AudienceState[];
  readonly events: readonly EventSetState[];
  readonly objects: readonly ObjectSetState[];
  readonly files: readonly FileState[];
}

export interface AudienceState {
  readonly id: string;
  readonly name: string;
  /** Meta: the ad account. HubSpot: the object type id. */
  readonly owner: string;
  readonly size: number;
  /** Counts since the audience was made; adding someone who is in, or removing someone who is not, counts in neither. */
  readonly added: number;
  readonly removed: number;
  /** One per person: the identifiers by the platform's own name, empty cells left out. Meta `{EMAIL: [hash]}`; HubSpot `{record_id: ['101'], email: ['a@b.c']}`. */
  readonly members: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface EventSetState {
  /** The dataset. */
  readonly id: string;
  /** Events accepted, duplicates included. */
  readonly received: number;
  readonly duplicates: number;
  /** Events held: received less duplicates. */
  readonly size: number;
  /** As they came. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

export interface ObjectSetState {
  /** HubSpot: the object type. Webhook: the activation's id. */
  readonly type: string;
  readonly size: number;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  /** Braze: attributes that were written, changed or not, each of which is billed. Left out: the platform does not bill them. */
  readonly dataPoints?: number;
  readonly records: readonly ObjectRecordState[];
}

export interface ObjectRecordState {
  /** HubSpot: the record id. Webhook: the key as canonical JSON text (`12`, `"a"`). */
  readonly id: string;
  /** Webhook: the key as it came. HubSpot: the record id. */
  readonly key: unknown;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface FileState {
  /** Relative to the registered folder, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  /** Data rows; null where the format is not text. */
  readonly rows: number | null;
}

export interface Violation {
  readonly at: string;
  /** Stable, kebab-case. */
  readonly rule: string;
  /** No personal data. */
  readonly detail: string;
}

export interface LogEntry {
  readonly at: string;
  readonly method: string;
  /** The path after the destination's base URL. */
  readonly path: string;
  /** null: the connection was cut. */
  readonly status: number | null;
  readonly rows: number;
  readonly rejected: number;
  readonly fault: FaultKind | null;
}
