import { messageOf } from '../errors.ts';
import type { ConsentBlock, Guards, IdentifierKind, ServiceKind } from './annotation.ts';
import { BlockReader } from './block-reader.ts';
import { COUNTRY_CODES, nearestCountryCode } from './country-code.ts';
import { hasJinja, renderJinja } from './jinja.ts';
import { IDENTIFIER_KINDS, readGuards, readSchedule } from './parse-activation.ts';
import { readConsent } from './parse-consent.ts';
import type { Origin, Path } from './position.ts';
import { describe, type ShapeProblems, shortened } from './shape.ts';

/** A value of `config` or `credentials`: `env_var(...)` still as written; see `resolveSetting` and `resolveCredential`. */
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
  /** null: nobody is asked. */
  readonly consent: ConsentBlock | null;
  readonly guards: Guards;
  /** The country of national phone numbers of rows that have none; null: that of the project. */
  readonly defaultCountry: string | null;
  readonly origin: Origin;
}

/** Keys of a destination. */
export const DESTINATION_KEYS = [
  ...['platform', 'service', 'config', 'credentials', 'base_url', 'defaults', 'exclude', 'consent', 'guards'],
  'default_country',
] as const;
/** Keys of a destination's `defaults:`. */
export const DEFAULTS_KEYS = ['identifiers', 'attributes', 'schedule', 'attempts'] as const;
const SERVICES: readonly ServiceKind[] = ['events', 'audiences', 'objects'];

/** One expression and nothing else: `{{ env_var('X') }}` or `{{ env_var('X', 'default') }}`. */
export const CREDENTIAL =
  /^\s*\{\{-?\s*env_var\(\s*(?:'([^']+)'|"([^"]+)")\s*(?:,\s*(?:'([^']*)'|"([^"]*)")\s*)?\)\s*-?\}\}\s*$/;

/** The variable that a credential names, with its default; null when the text is anything else. */
export function parseCredential(text: string): { readonly variable: string; readonly fallback: string | null } | null {
  const match = CREDENTIAL.exec(text);
  const variable = match?.[1] ?? match?.[2];
  return match === null || variable === undefined ? null : { variable, fallback: match[3] ?? match[4] ?? null };
}

/** Reads one block of `destinations:`. Null when it names no platform or service, and nothing could be done with it. */
export function parseDestination(
  name: string,
  value: unknown,
  place: { readonly at: Path; readonly problems: ShapeProblems; readonly origin: Origin },
): DestinationBlock | null {
  const { at, problems, origin } = place;
  const reader = BlockReader.open(value, DESTINATION_KEYS, { at, problems, what: 'A destination' });
  if (reader === null) return null;
  const platform = reader.requiredText('platform', 'A destination');
  const service = reader.requiredChoice('service', SERVICES, 'A destination');
  const rest = {
    config: readConfig(reader),
    credentials: readCredentials(reader),
    baseUrl: readBaseUrl(reader),
    defaults: readDefaults(reader),
    exclude: reader.texts('exclude') ?? [],
    consent: readConsent(reader),
    guards: readGuards(reader) ?? {},
    defaultCountry: readDefaultCountry(reader),
  };
  return platform === null || service === null ? null : { name, platform, service, ...rest, origin };
}

function readConfig(reader: BlockReader): Readonly<Record<string, SettingValue>> {
  const config: [string, SettingValue][] = [];
  for (const [key, value, at] of reader.entries('config', 'settings')) {
    const setting = settingValue(value);
    const jinja = jinjaProblem(value);
    if (jinja !== null)
      reader.problems.add('invalid-value', at, `A setting cannot be rendered: ${jinja}.`, ENV_VAR_ONLY);
    else if (setting !== null) config.push([key, setting]);
    else {
      const message = `A setting is text, a number, true or false, or a list of texts, not ${describe(value)}.`;
      reader.problems.add('wrong-type', at, message, 'Quote the value if it is meant as text.');
    }
  }
  return Object.fromEntries(config);
}

const ENV_VAR_ONLY = 'Write the value, or `"{{ env_var(\'NAME\') }}"` and nothing else of Jinja.';

/** What is wrong with the Jinja of a setting, whatever the variables hold; null where nothing is. */
function jinjaProblem(value: unknown): string | null {
  if (typeof value !== 'string' || !hasJinja(value)) return null;
  try {
    renderJinja(value, { env_var: () => '1' });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function settingValue(value: unknown): SettingValue | null {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null;
}

/** A value in clear is reported without being repeated, and is not kept. */
function readCredentials(reader: BlockReader): Readonly<Record<string, string>> {
  const credentials: [string, string][] = [];
  for (const [key, value, at] of reader.entries('credentials', 'credentials')) {
    const variable = key.toUpperCase().replaceAll(/\W/g, '_');
    const fix = `Put it into an environment variable and write \`${key}: "{{ env_var('${variable}') }}"\`.`;
    if (typeof value === 'string' && parseCredential(value) !== null) credentials.push([key, value]);
    else if (value === null) {
      reader.problems.add('null-value', at, `\`${key}\` has no value.`, fix);
    } else {
      reader.problems.add(
        'clear-text-credential',
        at,
        `The credential \`${key}\` ${isJinja(value) ? JINJA_AMISS : 'is written in clear text'}.`,
        fix,
      );
    }
  }
  return Object.fromEntries(credentials);
}

const JINJA_AMISS = 'is not one `env_var` in quotes, with nothing before or after it';

/** Without quotes `{{ env_var('X') }}` is a map that has a map for a key. */
function isJinja(value: unknown): boolean {
  return typeof value === 'string' ? hasJinja(value) : typeof value === 'object';
}

function readBaseUrl(reader: BlockReader): string | null {
  const url = reader.text('base_url');
  if (url === null || hasJinja(url)) return url;
  const parsed = URL.parse(url);
  const isWeb = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (isWeb && parsed.username === '' && parsed.search === '' && parsed.hash === '') return url;
  const fix = 'Write a scheme, a host and a path only, such as https://proxy.example.com/meta.';
  return reader.problems.add('invalid-value', reader.path('base_url'), '`base_url` is not a plain web address.', fix);
}

/** `default_country:` of a project or of a destination. */
export function readDefaultCountry(reader: BlockReader): string | null {
  const code = reader.text('default_country');
  if (code === null || COUNTRY_CODES.includes(code)) return code;
  const near = nearestCountryCode(code);
  const message = `\`${shortened(code)}\` is no country whose phone numbers are known.`;
  const fix = near === null ? 'Write the two letters of ISO 3166-1, such as FR, GB or US.' : `Write \`${near}\`.`;
  return reader.problems.add('invalid-value', reader.path('default_country'), message, fix);
}

function readDefaults(holder: BlockReader): DestinationBlock['defaults'] {
  const absent = { identifiers: null, attributes: null, schedule: null, attempts: null };
  if (!holder.has('defaults')) return absent;
  const reader = BlockReader.open(holder.raw('defaults'), DEFAULTS_KEYS, {
    at: holder.path('defaults'),
    problems: holder.problems,
    what: '`defaults`',
  });
  if (reader === null) return absent;
  return {
    identifiers: reader.choices('identifiers', IDENTIFIER_KINDS),
    attributes: reader.texts('attributes'),
    schedule: readSchedule(reader),
    attempts: reader.number('attempts', { min: 1, max: 1000 }),
  };
}
