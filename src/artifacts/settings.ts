import type { Guards, IdentifierKind, ServiceKind } from './annotation.ts';
import type { Origin } from './position.ts';

/** A value of `config` or `credentials`: `env_var(...)` still as written; see `resolveSecrets`. */
export type SettingValue = string | number | boolean | readonly string[];

/** A destination as `dinmo.yml` states it: the shape is checked, the platform's own settings are not yet. */
export interface DestinationBlock {
  readonly name: string;
  readonly platform: string;
  readonly service: ServiceKind;
  readonly config: Readonly<Record<string, SettingValue>>;
  /** As written, `{{ env_var('X') }}`: values enter only when a command needs them. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly baseUrl: string | null;
  readonly defaults: {
    readonly identifiers: readonly IdentifierKind[] | null;
    readonly attributes: readonly string[] | null;
    readonly schedule: string | null;
    readonly attempts: number | null;
  };
  readonly exclude: readonly string[];
  readonly guards: Guards;
  readonly origin: Origin;
}

/** `dinmo.yml`, with its defaults filled in. */
export interface Settings {
  /** null when the project has no dinmo.yml: then everything is default and there are no destinations. */
  readonly file: string | null;
  readonly timezone: string;
  /** null when not stated. */
  readonly targets: readonly string[] | null;
  readonly owner: { readonly name: string | null; readonly email: string | null } | null;
  readonly schemas: { readonly segments: string; readonly stats: string; readonly deltaStorage: string };
  readonly modelsPath: string | null;
  /** Folders of annotation files; default `['dinmo']`. */
  readonly paths: readonly string[];
  readonly gate: { readonly maxAgeHours: number };
  /** Adapters of a project whose targets span several; null: the manifest's own. */
  readonly adapters: readonly string[] | null;
  readonly destinations: ReadonlyMap<string, DestinationBlock>;
  readonly origin: Origin | null;
}
