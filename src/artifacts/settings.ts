import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DinmoError, messageOf } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { registerSecret } from '../log.ts';
import { BlockReader } from './block-reader.ts';
import { type Environment, JinjaEnvironment, MissingVariableError } from './environment.ts';
import { hasJinja, renderJinja } from './jinja.ts';
import { plainPath } from './json-file.ts';
import type { Origin } from './position.ts';
import { type AlertSettings, NO_ALERTS, readAlerts } from './settings-alerts.ts';
import {
  type DestinationBlock,
  parseCredential,
  parseDestination,
  readDefaultCountry,
  type SettingValue,
} from './settings-destination.ts';
import { settingsFindings } from './settings-findings.ts';
import { parseBlock } from './shape-findings.ts';
import { YamlFile } from './yaml-file.ts';

export type { AlertBlock, AlertEvent, AlertSettings } from './settings-alerts.ts';
export type { DestinationBlock, SettingValue } from './settings-destination.ts';

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
  /** `warnings`: whether a test or a source that warns lets what hangs on it be synced. */
  readonly gate: { readonly maxAgeHours: number; readonly warnings: 'pass' | 'block' };
  /** Adapters of a project whose targets span several; null: the manifest's own. */
  readonly adapters: readonly string[] | null;
  readonly destinations: ReadonlyMap<string, DestinationBlock>;
  readonly alerts: AlertSettings;
  /** `rows`: a model that keeps which row was sent when. */
  readonly history: 'rows' | null;
  /** The country of national phone numbers of rows that have none, ISO 3166-1 alpha-2; null: such a number is not valid. */
  readonly defaultCountry: string | null;
  readonly origin: Origin | null;
  /** dinmo.yml is no YAML: nothing is known of what it holds. */
  readonly isUnreadable?: true;
}

const FILE = 'dinmo.yml';
/** dbt's adapters that models can be generated for. */
export const ADAPTER_TYPES = ['bigquery', 'duckdb', 'postgres', 'snowflake'] as const;
/** Keys of dinmo.yml. */
export const SETTINGS_KEYS = [
  ...['version', 'timezone', 'targets', 'owner', 'schemas', 'models_path', 'paths', 'gate', 'adapters', 'destinations'],
  ...['alerts', 'history', 'default_country'],
] as const;
/** Keys of the maps in it. */
export const SETTINGS_PART_KEYS = {
  owner: ['name', 'email'],
  schemas: ['segments', 'stats', 'delta_storage'],
  gate: ['max_age_hours', 'warnings'],
} as const;

const DEFAULTS: Settings = {
  file: null,
  timezone: 'UTC',
  targets: null,
  owner: null,
  schemas: { segments: 'DINMO_SEGMENTS', stats: 'DINMO_STATS', deltaStorage: 'DINMO_DELTA_STORAGE' },
  modelsPath: null,
  paths: ['dinmo'],
  gate: { maxAgeHours: 24, warnings: 'pass' },
  adapters: null,
  destinations: new Map(),
  alerts: NO_ALERTS,
  history: null,
  defaultCountry: null,
  origin: null,
};

/**
 * Reads dinmo.yml (or dinmo.yaml) beside dbt_project.yml. A project without one has defaults and no destinations. What is
 * wrong with it comes back as findings, and the rest is still read. Credentials stay as written.
 */
export function readSettings(projectDir: string): {
  readonly settings: Settings;
  readonly findings: readonly Finding[];
} {
  const name = [FILE, 'dinmo.yaml'].find((candidate) => existsSync(join(projectDir, candidate)));
  if (name === undefined) return { settings: DEFAULTS, findings: [] };
  const { file, findings: broken } = openOwnFile(projectDir, name);
  if (file === null) return { settings: { ...DEFAULTS, isUnreadable: true }, findings: broken };
  const origin = file.origin([]);
  const { block, findings } = parseBlock(
    (problems) => {
      const place = { at: [], problems, what: FILE };
      const reader = BlockReader.open(file.value ?? {}, SETTINGS_KEYS, place);
      return reader === null ? DEFAULTS : readBlocks(reader, origin);
    },
    { origin },
  );
  const more = settingsFindings(projectDir, file, block);
  return { settings: { ...block, file: name, origin }, findings: [...broken, ...findings, ...more] };
}

/** Opens one of our own YAML files; what the YAML parser finds wrong are findings. The file is null when it is no YAML. */
export function openOwnFile(
  projectDir: string,
  name: string,
): { readonly file: YamlFile | null; readonly findings: readonly Finding[] } {
  const fix = 'Correct the file; it is YAML 1.2.';
  const finding = (message: string, location: Finding['location']): Finding => ({
    code: 'invalid-yaml',
    severity: 'error',
    message: `${name} is not valid YAML: ${message}`,
    fix,
    location,
  });
  try {
    const file = new YamlFile(projectDir, name, { uniqueKeys: true });
    const findings = file.problems.map((problem) => finding(problem.message.split('\n')[0] ?? '', problem.location));
    // What the parser made of a file with a fault in it gives errors of its own, which nobody made.
    return { file: file.problems.some((problem) => problem.isSyntax) ? null : file, findings };
  } catch (error) {
    return { file: null, findings: [finding(messageOf(error), { file: name, line: 1, column: 1 })] };
  }
}

function readBlocks(reader: BlockReader, origin: Origin): Settings {
  readVersion(reader);
  return {
    file: FILE,
    timezone: readTimezone(reader) ?? DEFAULTS.timezone,
    targets: reader.texts('targets'),
    owner: readOwner(reader),
    schemas: readSchemas(reader),
    modelsPath: readFolder(reader.text('models_path'), reader, 'models_path'),
    paths: readPaths(reader),
    gate: readGate(reader),
    adapters: reader.choices('adapters', ADAPTER_TYPES),
    destinations: readDestinations(reader, origin),
    alerts: readAlerts(reader),
    history: reader.choice('history', ['rows']),
    defaultCountry: readDefaultCountry(reader),
    origin,
  };
}

function readVersion(reader: BlockReader): void {
  const version = reader.raw('version');
  if (version === undefined || version === 1) return;
  reader.problems.add(
    'invalid-value',
    reader.path('version'),
    'This version of dinmo.yml is not known.',
    'Write `version: 1`.',
  );
}

function readTimezone(reader: BlockReader): string | null {
  const timezone = reader.text('timezone');
  if (timezone === null) return null;
  const known = canonicalTimezone(timezone);
  if (known !== null) return known;
  const message = `\`${timezone.slice(0, 60)}\` is not a time zone.`;
  const fix = 'Write an IANA name such as Europe/Paris, or UTC.';
  return reader.problems.add('unknown-timezone', reader.path('timezone'), message, fix);
}

/**
 * IANA names only: an offset such as `+02:00` knows no summer time, and warehouses spell it differently. Some of them want
 * the capitals right, too. Null for what is no name.
 */
function canonicalTimezone(name: string): string | null {
  if (!/^[A-Za-z]/.test(name)) return null;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    return timeZone.toLowerCase() === name.toLowerCase() ? timeZone : name;
  } catch {
    return null;
  }
}

function readOwner(holder: BlockReader): Settings['owner'] {
  const reader = open(holder, 'owner', SETTINGS_PART_KEYS.owner);
  return reader === null ? null : { name: reader.text('name'), email: reader.text('email') };
}

function readSchemas(holder: BlockReader): Settings['schemas'] {
  const reader = open(holder, 'schemas', SETTINGS_PART_KEYS.schemas);
  if (reader === null) return DEFAULTS.schemas;
  const schema = (key: string): string | null => {
    const name = reader.text(key);
    if (name === null || /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name)) return name;
    const fix = 'Use letters, digits and underscores, up to 63.';
    return reader.problems.add('invalid-name', reader.path(key), 'This is not the name of a schema.', fix);
  };
  return {
    segments: schema('segments') ?? DEFAULTS.schemas.segments,
    stats: schema('stats') ?? DEFAULTS.schemas.stats,
    deltaStorage: schema('delta_storage') ?? DEFAULTS.schemas.deltaStorage,
  };
}

function readPaths(reader: BlockReader): readonly string[] {
  const paths = reader.texts('paths');
  if (paths === null) return DEFAULTS.paths;
  return paths.flatMap((path) => readFolder(path, reader, 'paths') ?? []);
}

function readFolder(path: string | null, reader: BlockReader, key: string): string | null {
  if (path === null) return null;
  const plain = plainPath(path).replace(/^\.\//, '').replace(/\/+$/, '');
  const isInside = !plain.startsWith('/') && !/^[A-Za-z]:/.test(plain) && !plain.split('/').includes('..');
  if (isInside && plain !== '') return plain;
  const fix = 'Write a folder inside the dbt project, relative to it.';
  return reader.problems.add('invalid-value', reader.path(key), 'This is not a folder of the project.', fix);
}

function readGate(holder: BlockReader): Settings['gate'] {
  const reader = open(holder, 'gate', SETTINGS_PART_KEYS.gate);
  const hours = reader?.number('max_age_hours', { min: 0, max: 8784, fraction: true }) ?? null;
  const warnings = reader?.choice('warnings', ['pass', 'block']) ?? null;
  return { maxAgeHours: hours ?? DEFAULTS.gate.maxAgeHours, warnings: warnings ?? DEFAULTS.gate.warnings };
}

function readDestinations(reader: BlockReader, origin: Origin): ReadonlyMap<string, DestinationBlock> {
  const destinations = new Map<string, DestinationBlock>();
  for (const [name, value, at] of reader.named('destinations', 'destinations')) {
    const destination = parseDestination(name, value, { at, problems: reader.problems, origin });
    if (destination !== null) destinations.set(name, destination);
  }
  return destinations;
}

function open(holder: BlockReader, key: string, keys: readonly string[]): BlockReader | null {
  if (!holder.has(key)) return null;
  const what = `\`${key}\``;
  return BlockReader.open(holder.raw(key), keys, { at: holder.path(key), problems: holder.problems, what });
}

/**
 * The value of a credential, from the environment; it is registered with the log's mask.
 * Throws DinmoError (configuration) `credential-missing` naming the variable, and `clear-text-credential`.
 */
export function resolveCredential(text: string, env: Environment): string {
  const parsed = parseCredential(text);
  if (parsed === null) {
    const message = "A credential is written in clear text, or is more than one env_var('X') expression.";
    throw failure('clear-text-credential', message, 'Write "{{ env_var(\'X\') }}".');
  }
  const value = env[parsed.variable] || parsed.fallback;
  if (value === null || value === '') {
    const message = `The environment variable ${parsed.variable}, which holds a credential, is not set.`;
    throw failure('credential-missing', message, `Set ${parsed.variable}.`);
  }
  registerSecret(value);
  return value;
}

/**
 * A value of `config` or a `base_url` with its env_var expressions rendered. Not a secret.
 * Throws DinmoError (configuration) `setting-missing` naming the variable, and `setting-jinja`.
 */
export function resolveSetting<Value extends SettingValue>(value: Value, env: Environment): SettingValue {
  if (typeof value === 'string') return hasJinja(value) ? renderSetting(value, env) : value;
  return Array.isArray(value) ? value.map((item: string) => String(renderSetting(item, env))) : value;
}

function renderSetting(text: string, env: Environment): string | number | boolean {
  const jinja = new JinjaEnvironment(env, {});
  try {
    const { env_var } = jinja.functions;
    const rendered = jinja.reveal(renderJinja(text, { ...(env_var ? { env_var } : {}) }));
    return typeof rendered === 'number' || typeof rendered === 'boolean' ? rendered : String(rendered ?? '');
  } catch (error) {
    if (error instanceof MissingVariableError) {
      throw failure(
        'setting-missing',
        `The environment variable ${error.variable} is not set.`,
        `Set ${error.variable}.`,
      );
    }
    throw failure(
      'setting-jinja',
      `A setting of ${FILE} cannot be rendered: ${messageOf(error)}.`,
      "Use env_var('X') only.",
    );
  }
}

function failure(code: string, message: string, fix: string): DinmoError {
  return new DinmoError({ kind: 'configuration', code, message, fix });
}
