import type { Finding } from '../finding.ts';
import type { Annotation } from './annotation.ts';
import type { CatalogColumns } from './catalog.ts';
import type { Manifest } from './manifest.ts';
import type { Profile } from './profile.ts';
import type { RunResults } from './run-results.ts';
import type { Settings } from './settings.ts';

export type { CatalogColumns } from './catalog.ts';

/** dbt's own options, as flags; the environment variables stand behind them (DBT_ENGINE_X, then DBT_X). */
export interface ProjectOptions {
  readonly projectDir?: string;
  readonly profilesDir?: string;
  readonly profile?: string;
  readonly target?: string;
  readonly targetPath?: string;
  /** YAML text, as dbt's --vars. */
  readonly vars?: string;
  readonly runResults?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** Everything that was read of a dbt project. Immutable. */
export interface Project {
  /** Absolute. */
  readonly dir: string;
  /** dbt's project name. */
  readonly name: string;
  readonly modelPaths: readonly string[];
  /** Absolute. */
  readonly targetPath: string;
  readonly vars: Readonly<Record<string, unknown>>;
  readonly manifest: Manifest;
  /** unique_id → columns, from catalog.json; empty when there is none. */
  readonly catalog: ReadonlyMap<string, CatalogColumns>;
  readonly settings: Settings;
  readonly annotations: readonly Annotation[];
  /** What was wrong with the shape of the annotations and of dinmo.yml. */
  readonly findings: readonly Finding[];
  /** Newest last: target/run_results.json, then those named. */
  readonly runResults: readonly RunResults[];
  /** Reads profiles.yml on the first call. Throws DinmoError `profile-…`. */
  profile(): Profile;
}
