import type { Guards, IdentifierKind, Mode, Operation } from '../artifacts/annotation.ts';
import type { ServiceFacts } from '../knowledge/service-facts.ts';
import type { MappedField } from '../knowledge/store.ts';
import type { TypedExpression } from '../warehouse/state-dialect.ts';
import type { TableName } from '../warehouse/warehouse.ts';
import type { StateTables } from './state-tables.ts';

/** The query that gives the rows an activation should hold now, with what each output column is. */
export interface Source {
  /** One row per row of the segment; held-out and excluded rows, and those without consent, are already left out. */
  readonly sql: string;
  /** Rows that are left out for lack of consent alone. Left out: nobody is asked. */
  readonly withheldSql?: string;
  /** It reads a copy, which is the same whenever it is asked. */
  readonly steady?: true;
  /** Primary key, typed: `name` is the column's, `sql` the alias. */
  readonly keys: readonly TypedExpression[];
  readonly identifiers: readonly SourceIdentifier[];
  readonly fields: readonly SourceField[];
  readonly eventTime: TypedExpression | null;
  /** Objects: the column that feeds the destination key. */
  readonly destinationKey: TypedExpression | null;
}

/** A column whose values are identifiers of one kind. `matching`: the service matches on it. */
export interface SourceIdentifier extends TypedExpression {
  readonly kind: IdentifierKind;
  readonly rank: number;
  readonly matching: boolean;
  /** The column holds SHA-256, and not the value. */
  readonly form?: 'sha256';
  /** Read beside the others, and never sent. */
  readonly hintOnly?: true;
}

/** A mapped field; a constant has a JSON text instead of a column. */
export interface SourceField {
  readonly mapped: MappedField;
  readonly column: TypedExpression | null;
  readonly constantJson: string | null;
}

/** One raw row as the preparation step sees it. */
export interface RawRow {
  readonly key: string;
  readonly identifiers: readonly {
    readonly kind: IdentifierKind;
    readonly rank: number;
    readonly matching: boolean;
    readonly value: string;
    readonly form?: 'sha256';
    readonly hintOnly?: true;
  }[];
  readonly fieldsJson: string | null;
  readonly eventTime: string | null;
}

/** A row ready to be sent, or the reason why it is not. */
export type PreparedRow =
  | { readonly kind: 'ready'; readonly identifiers: readonly PreparedIdentifier[] }
  /** `leaves`: what the destination holds for the row is removed (no valid identifier is left). */
  | { readonly kind: 'invalid'; readonly code: string; readonly leaves: boolean };

/** An identifier as it goes over the wire: normalised, and hashed where the platform wants it. */
export interface PreparedIdentifier {
  readonly kind: IdentifierKind;
  readonly rank: number;
  readonly matching: boolean;
  readonly value: string;
}

/** Normalises identifiers and applies the platform's own rules to one row. */
export interface Preparer {
  readonly normaliserVersion: number;
  /** The country of national phone numbers of rows that have none: another one changes what is sent of the same values. */
  readonly defaultCountry?: string;
  prepare(row: RawRow): PreparedRow;
}

/** Guards that one run may pass. */
export interface Overrides {
  readonly allowDeletes: boolean;
  readonly allowEmpty: boolean;
  readonly allowKeyChurn: boolean;
}

/** When members whose memberships end by themselves are sent again. Days are counted from 1970-01-01 (UTC). */
export interface Renewal {
  readonly today: number;
  /** How long a membership lasts. */
  readonly days: number;
  /** So many days before its end everybody has been sent again. */
  readonly marginDays: number;
  /** Over so many days before that, those who were sent on one day come back. */
  readonly spreadDays: number;
}

/** Everything that the diff needs to know of one activation in one run. */
export interface DiffJob {
  readonly activationId: string;
  readonly runId: string;
  readonly mode: Mode;
  /** Everything is sent again: mode full, or --full-refresh. */
  readonly everything: boolean;
  /** Nobody else is looked at: the entity's key of the one whose removal is planned. Left out: everybody is. */
  readonly only?: string;
  /** Events that were acknowledged are sent again too. */
  readonly resendEvents: boolean;
  readonly operations: readonly Operation[];
  readonly facts: ServiceFacts;
  readonly source: Source;
  /** null where rows need no preparation (no identifiers, no rules of our own). */
  readonly preparer: Preparer | null;
  readonly guards: Required<Guards>;
  readonly overrides: Overrides;
  /** Events: only those at or after this instant (ISO). */
  readonly eventsFrom: string | null;
  /** Objects: delete records that existed before us. */
  readonly deleteExisting: boolean;
  /** Left out: memberships do not end by themselves. */
  readonly renewal?: Renewal;
  /** Updates carry what changed, where that is known for certain; the tables have the columns for it. Left out: all that is mapped. */
  readonly changedFieldsOnly?: true;
  readonly tables: StateTables;
  /** null before the first sync: then nothing was acknowledged. */
  readonly rejections: TableName | null;
  /** Snapshots of the other activations of the same destination, whose keys may not be deleted (objects). */
  readonly otherSnapshots: readonly TableName[];
  /** Changes of the other activations' runs that were never closed: what they add may be there already. */
  readonly otherChanges: readonly TableName[];
}
