import type { IdentifierKind, Operation } from '../artifacts/annotation.ts';
import type { Clock } from '../clock.ts';
import type { ServiceFacts } from '../knowledge/service-facts.ts';
import type { Logger } from '../log.ts';
import type { HttpClient } from './http.ts';

/**
 * The contract between the engine and a platform.
 *
 * A platform is one folder that exports one `Platform` value: facts as data, and for each service functions that turn
 * changes into requests and answers into outcomes. Batching, pacing, retry, narrowing and recording belong to the engine.
 */
export interface Platform {
  readonly name: string;
  readonly title: string;
  readonly services: readonly Service[];
}

/** One service of a platform: what it can do as data, and how its changes travel. */
export interface Service {
  readonly facts: ServiceFacts;
  /**
   * Turns raw identifiers into what is sent (normalised, hashed where the platform wants it). null where the service
   * does not match people (`facts.identifiers` null).
   */
  readonly normaliser: Normaliser | null;
  /**
   * When an accepted row is safe with the platform. Left out: at once. `finish`: only when `finish()` has returned (files,
   * which are published then), so that a run that ends before it has to treat its accepted rows as unknown. `full-finish`: so in
   * mode full only (a table that is replaced at the end), at once in the others.
   */
  readonly acknowledges?: 'finish' | 'full-finish';
  /** Rows go out as the warehouse wrote them, key and fields side by side, whatever their identifiers: batches carry `text`. */
  readonly rowsAsText?: true;
  /**
   * Limits that depend on the settings of a destination (the webhook's `batch_size`), or on the number of the run's changes, which
   * `ServiceContext.changes` repeats (Salesforce's bulk jobs); where it is left out, or gives nothing for a limit, `facts.limits` hold.
   */
  limits?(config: ServiceContext['config'], changes?: number): Partial<ServiceFacts['limits']>;
  /**
   * Looks at one row before it is sent, with our own knowledge only: null when it may be sent, else why not. The function
   * itself is null where the service has no rules of its own, so that no row has to be looked at.
   * Identifiers are already checked by the engine (a row without a matching one is invalid). `config` are the settings of
   * the destination; what hangs on them is not looked at without.
   */
  readonly validate: ((row: OutgoingRow, now: number, config?: ServiceContext['config']) => Invalidity | null) | null;
  /**
   * Rows of one batch have equal texts: the schema of their fields, the list or the consent they are sent under. Rows of several
   * texts are gathered side by side within a phase; left out: any rows of one operation share a batch. Not asked where `rowsAsText`.
   */
  homogeneity?(row: OutgoingRow): string;
  /** Opens the service for one activation. Called once a sync, before the first batch; may call the platform (find or create the audience, check the account). */
  open(context: ServiceContext): Promise<Session>;
  /**
   * Asks the platform itself whether it would take these changes, for `plan --remote`: of each operation up to some hundred, as
   * `send` would get them. Applies nothing and makes nothing, no audience either. `detail` is one sentence, without personal data.
   * Left out: the platform has no means for it. Throws DinmoError.
   */
  validateRemote?(
    context: ServiceContext,
    rows: readonly OutgoingRow[],
  ): Promise<{ readonly ok: boolean; readonly detail: string }>;
  /** Deletes an audience that was emptied, for `clean --delete-audience`. Left out: the service has no means for it. Throws DinmoError. */
  deleteAudience?(
    context: Pick<ServiceContext, 'config' | 'credentials' | 'baseUrl' | 'http' | 'logger' | 'clock'>,
    audienceId: string,
  ): Promise<void>;
  /**
   * Erases people for good, by the platform's own means for it, for `forget`: whatever else the platform knows of them goes
   * too. May be called again with people who are gone already, which is no error. `asked`: the platform has taken the order and
   * carries it out later; `detail` then says when. Left out: the platform has no such means, and who is to be forgotten is
   * removed as any leaver is. Goes with `facts.erasure` of kind `profile`. Throws DinmoError where any of it failed.
   */
  erase?(
    context: ServiceContext,
    people: readonly ErasedPerson[],
  ): Promise<{ readonly kind: 'erased' | 'asked'; readonly detail: string | null }>;
  /** Does the least that proves the credentials, for `doctor`. */
  verify(
    context: Pick<ServiceContext, 'config' | 'credentials' | 'http' | 'logger' | 'clock'> &
      Partial<Pick<ServiceContext, 'baseUrl' | 'projectDir'>>,
  ): Promise<{ ok: boolean; detail: string }>;
}

/** Somebody who is to be erased, by what was sent of them; identifiers that another member shares are left out. */
export interface ErasedPerson {
  /** Objects: the destination key. Elsewhere the entity's, which the platform may never have seen. */
  readonly key: string;
  /** The platform's own record id, where one was acknowledged. */
  readonly recordId: string | null;
  readonly identifiers: readonly SentIdentifier[];
}

/** Normalises and hashes one identifier. `version` is stored with what was sent, so that a removal is hashed as the add was. */
export interface Normaliser {
  readonly version: number;
  /**
   * null: the value is not valid for this kind (not an e-mail address, no country code …). `hints` are the row's other raw
   * identifiers (a phone may need the country, which is the destination's `default_country` where the row has none). Values of
   * columns that are hashed already (`form: sha256`) never come here: where `facts.identifiers.hashed` lists their kind they are
   * sent as they are. Never throws, and never takes a value for a hash because it looks like one.
   */
  normalise(
    kind: IdentifierKind,
    value: string,
    hints: Readonly<Partial<Record<IdentifierKind, string>>>,
  ): string | null;
}

/** Why our own side does not send a row. */
export interface Invalidity {
  /** Stable, kebab-case: `no-identifier`, `event-too-old`. */
  readonly code: string;
  /** No personal data. */
  readonly message: string;
  /** What the destination holds for the row is removed, as where no identifier is valid: the person has withdrawn consent. Left out: it stays. */
  readonly leaves?: true;
}

/** JSON values as the warehouse gave them: integers beyond 2^53 as bigint, decimals as strings, dates `YYYY-MM-DD`, timestamps UTC with Z. */
export type FieldValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [key: string]: FieldValue };

/** One identifier as it goes over the wire. */
export interface SentIdentifier {
  readonly kind: IdentifierKind;
  readonly value: string;
  /** Several of one kind: 1 is the first. */
  readonly rank: number;
  /** The platform's own record for it, where one is known (HubSpot lists). */
  readonly recordId: string | null;
}

/** One row for one request. */
export interface OutgoingRow {
  /** Number of the change inside the sync: receipts answer by it. */
  readonly seq: number;
  /** `insert`, `update` or `delete`. In an audience, `insert` and `update` add, `delete` removes. */
  readonly operation: Operation;
  /** Canonical text of the primary key (JSON object text for a composite key), or of the destination key (objects). */
  readonly key: string;
  /** The key as JSON text, typed as its column: `12`, `"a"`, `{"a":1,"b":2}`. */
  readonly keyJson: string;
  /** Mapped fields as one JSON object text, built in the warehouse, in the mapping's order; null for deletes. `nulls` and `write` are already applied. */
  readonly fieldsJson: string | null;
  /** `fieldsJson` parsed, on first use. null for deletes. */
  fields(): Readonly<Record<string, FieldValue>> | null;
  /** Normalised matching identifiers and hints; for a removal those it may carry. Empty where the service does not match people. */
  readonly identifiers: readonly SentIdentifier[];
  /** The platform's own record id, where one was acknowledged before. */
  readonly recordId: string | null;
  /** Objects: the destination key before this change, when the row is updated in place under a new one. */
  readonly previousKey: string | null;
  /** Objects, with `previousKey`: false when the record was there before us and has to stay if it cannot be updated in place. Left out: it may go. */
  readonly mayDelete?: boolean;
  /**
   * Objects, a removal: ISO timestamp. Whether the record was there before us is not known; it may go only if the platform made
   * it at or after this. Else the row is accepted, and the record stays. Left out, or null: it may go.
   */
  readonly createdSince?: string | null;
  /** Events: ISO timestamp, UTC. */
  readonly eventTime: string | null;
}

/** Rows of one operation, within the service's limits. `id` is stable when the batch is sent again and never shared by two batches or two runs. */
export interface Batch {
  readonly id: string;
  readonly operation: Operation;
  readonly rows: readonly OutgoingRow[];
  /**
   * Where the service asked for it (`rowsAsText`): the rows as JSON texts `{"key":…,"fields":…}`, those of removals without
   * `fields`, separated by commas. Rows are then made on first use: who does not look at them does not pay for them.
   */
  readonly text?: string;
  /** Which try of this very batch it is, from 1. */
  readonly attempt: number;
}

/** The platform's answer for one row. */
export type Receipt =
  | {
      readonly seq: number;
      readonly status: 'accepted';
      readonly recordId?: string | null;
      /** Objects: the platform made a new record for it. */
      readonly created?: boolean;
      /**
       * Objects: when the platform made the record (ISO timestamp, the platform's clock). Where an earlier send of the same
       * row had no answer, it tells a record that this send made from one that was there before.
       */
      readonly recordCreatedAt?: string | null;
      /** Record ids of single identifiers, as `<kind>:<value>`. */
      readonly identifierRecordIds?: Readonly<Record<string, string>>;
    }
  | { readonly seq: number; readonly status: 'rejected'; readonly code: string; readonly message: string }
  | { readonly seq: number; readonly status: 'deferred' | 'unknown'; readonly code: string; readonly message: string };

/** What became of one request. The engine decides what follows. */
export type BatchOutcome = BatchAnswer & {
  /**
   * The platform's headers say that nothing is left of its allowance: milliseconds until the next request of this account and
   * service may start (0 remaining, until its reset). The answer itself counts as it is. Left out: at the usual pace.
   */
  readonly pauseMs?: number;
};

/** What a request was answered with, whatever is said of the next ones. */
export type BatchAnswer =
  /** Every row was taken, and nothing else is to be said of any. */
  | { readonly kind: 'accepted' }
  /** One receipt for every row of the batch. */
  | { readonly kind: 'receipts'; readonly receipts: readonly Receipt[] }
  /** The platform counts only: this many of the batch's rows were taken. Equal to the batch: all accepted; short: the engine narrows by halves. */
  | { readonly kind: 'counted'; readonly accepted: number; readonly code: string; readonly message: string }
  /**
   * The platform took the batch as a job that ends later. `handle` finds it again, in another process too: at most 1,000
   * characters, no secret, no personal data. `pollAfterMs`: when to ask first (or again); null: the engine's growing delay.
   * Needs `Session.poll` and `ServiceFacts.jobs`.
   */
  | { readonly kind: 'submitted'; readonly handle: string; readonly pollAfterMs: number | null }
  /** The batch was refused for the sake of some row: nothing was applied, narrow it down. On a single row: that row is rejected. */
  | { readonly kind: 'narrow'; readonly code: string; readonly message: string }
  /** Too many rows or bytes at once: halve and send again. On a single row: rejected. */
  | { readonly kind: 'too_large'; readonly code: string; readonly message: string }
  /**
   * Try again. `applied: 'maybe'` when the platform may have taken the batch. `throttled: true` slows down every batch of this
   * account; `'request'`: this one was told to wait, and nothing says whether the others are meant, which the engine finds out.
   */
  | {
      readonly kind: 'retry';
      readonly applied: 'no' | 'maybe';
      readonly throttled: boolean | 'request';
      readonly afterMs: number | null;
      readonly code: string;
      readonly message: string;
    }
  /** The whole activation's fault: credentials, rights, a missing audience. Nothing more is sent. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string; readonly fix: string };

/** A batch that the platform took as a job. */
export interface Job {
  readonly handle: string;
  readonly operation: Operation;
  /** The rows of the batch, in their order: receipts answer by `seq`. */
  readonly rows: readonly { readonly seq: number; readonly key: string }[];
}

/** A service that was opened for one activation: it takes batches until it is finished or abandoned. */
export interface Session {
  /** The platform's id of the audience, to be recorded; null where the service has none. */
  readonly audienceId: string | null;
  /** The account as the platform names it, where only the credentials know it; else null. */
  readonly account: string | null;
  /** Sends one batch. Never throws for what the platform answers: that is an outcome. */
  send(batch: Batch, signal: AbortSignal): Promise<BatchOutcome>;
  /**
   * Asks what became of a job (`submitted`), perhaps in a later process than the one that submitted it: whatever it takes to
   * read the answer stands in the handle, which stays the first one. `submitted` again: not done yet; anything else is the batch's
   * outcome, as `send` would have given it, but for two: `retry` means that the question failed (it is asked again), and `refused`
   * that it was refused (the job stays open, the activation fails). So a job that failed as a whole is `narrow`, or receipts for
   * its rows: `deferred` where nothing was applied, `unknown` where something may have been. A handle that the platform no longer
   * knows: receipts `unknown` for every row. Never throws for what the platform answers.
   */
  poll?(job: Job, signal: AbortSignal): Promise<BatchOutcome>;
  /** After the last batch, when nothing failed the activation: publish a file, close a job. Throws DinmoError. */
  finish(): Promise<void>;
  /** In place of `finish`, when the run stopped: gives back what the session holds. Leaves nothing half-written, and jobs that were submitted as they are; may be called twice. */
  abandon(): Promise<void>;
}

/** What a service is opened with. */
export interface ServiceContext {
  readonly activation: string;
  readonly syncId: string;
  /** How many changes the run has: tells a bulk interface from single requests. 0 where nothing is sent. Where an earlier run's jobs are asked for: that run's. */
  readonly changes: number;
  readonly mode: 'full' | 'incremental' | 'delta';
  readonly operations: readonly Operation[];
  /** Settings, checked against the facts, defaults filled in. Where the service reads phone numbers also `default_country`, if one is stated. */
  readonly config: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Values, from the environment. Never log them. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Scheme, host and port that take the place of the platform's own, with an optional path prefix; null: the platform's own. */
  readonly baseUrl: string | null;
  /** Wanted name of the audience; null where the service has none. */
  readonly audienceName: string | null;
  /** Recorded at an earlier sync: use it, never look up by name again. */
  readonly audienceId: string | null;
  /** The name that the audience had then: where it differs from the wanted one, the audience is renamed. */
  readonly audienceNameBefore: string | null;
  /** The account that was recorded at the first sync; null before. In another one nothing may be changed: the caller refuses it. */
  readonly accountBefore: string | null;
  /** Fields of the mapping in order with the property types, for services that write a schema (files). */
  readonly columns: readonly { readonly field: string; readonly dataType: string }[];
  /** The kinds of identifier that this activation sends: fixed for the life of an audience. */
  readonly identifierKinds: readonly { readonly kind: IdentifierKind; readonly rank: number }[];
  /** The field name of the destination key (objects), else null. */
  readonly destinationKeyField: string | null;
  /** Relative paths of settings are relative to this folder (absolute path of the dbt project). */
  readonly projectDir: string;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
}
