import type { Path } from '../artifacts/position.ts';
import type { DestinationBlock, SettingValue } from '../artifacts/settings.ts';
import { DinmoError, messageOf } from '../errors.ts';
import { type Finding, nearest } from '../finding.ts';
import type { ServiceFacts, SettingFact } from '../knowledge/service-facts.ts';
import { registerSecret } from '../log.ts';

type Config = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** The settings of one destination, checked against its service's facts, defaults filled in. */
export interface ServiceSettings {
  readonly config: Config;
  /** Values from the environment. Never log them. */
  readonly credentials: Readonly<Record<string, string>>;
}

export interface SettingsReading {
  /** null when an error was found. */
  readonly settings: ServiceSettings | null;
  readonly findings: readonly Finding[];
}

/**
 * Checks `config` and `credentials` of a destination against its service, fills in defaults and fetches the secrets.
 * Every mistake is a finding, all of them together; the values of credentials enter no message, and are registered to be
 * masked. `resolve` gives the value of a setting that may hold `env_var(...)`, and throws where it has none.
 */
export function readServiceSettings(input: {
  readonly facts: ServiceFacts;
  readonly destination: Pick<DestinationBlock, 'name' | 'config' | 'credentials' | 'origin'>;
  readonly resolve: (text: string, fact: SettingFact) => string;
}): SettingsReading {
  const { facts, destination } = input;
  const report = createReport(destination);
  checkNames(report, 'config', { given: destination.config, facts: facts.config });
  checkNames(report, 'credentials', { given: destination.credentials, facts: facts.credentials });
  const config: Record<string, Config[string]> = {};
  for (const fact of facts.config) {
    const given = resolveValue(report, fact, {
      value: destination.config[fact.name],
      resolve: (text) => input.resolve(text, fact),
    });
    const value = given === undefined ? fact.default : readValue(report, fact, given);
    if (value !== undefined) config[fact.name] = value;
    else if (fact.required) report.missing('config', fact);
  }
  const credentials: Record<string, string> = {};
  for (const fact of facts.credentials) {
    const written = destination.credentials[fact.name];
    if (written === undefined) {
      if (fact.required) report.missing('credentials', fact);
      continue;
    }
    const value = fetchSecret(report, fact, () => input.resolve(written, fact));
    if (value !== null) credentials[fact.name] = value;
  }
  const broken = report.findings.some((finding) => finding.severity === 'error');
  return { settings: broken ? null : { config, credentials }, findings: report.findings };
}

/** As `readServiceSettings`, for a caller that cannot go on: throws DinmoError `invalid-destination-settings` with everything that is wrong. */
export function requireServiceSettings(input: Parameters<typeof readServiceSettings>[0]): ServiceSettings {
  const { settings, findings } = readServiceSettings(input);
  if (settings !== null) return settings;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-destination-settings',
    message: findings.map((finding) => finding.message).join('; '),
    fix: findings[0]?.fix ?? 'Correct the destination in dinmo.yml.',
    location: findings[0]?.location ?? null,
  });
}

interface Report {
  readonly findings: Finding[];
  add(code: string, at: Path, text: { readonly message: string; readonly fix: string }): void;
  missing(part: 'config' | 'credentials', fact: SettingFact): void;
}

function createReport(destination: Pick<DestinationBlock, 'name' | 'origin'>): Report {
  const findings: Finding[] = [];
  const root: Path = ['destinations', destination.name];
  const add: Report['add'] = (code, at, text) => {
    const message = `Destination ${destination.name}: ${text.message}`;
    findings.push({
      code,
      severity: 'error',
      message,
      fix: text.fix,
      location: destination.origin.locate([...root, ...at]),
    });
  };
  return {
    findings,
    add,
    missing: (part, fact) =>
      add('missing-setting', [part], {
        message: `${part}.${fact.name} is missing (${fact.description})`,
        fix:
          part === 'config'
            ? `Add ${fact.name} under config.`
            : `Add ${fact.name}: "{{ env_var('…') }}" under credentials.`,
      }),
  };
}

function checkNames(
  report: Report,
  part: 'config' | 'credentials',
  names: { readonly given: Readonly<Record<string, unknown>>; readonly facts: readonly SettingFact[] },
): void {
  const known = names.facts.map((fact) => fact.name);
  for (const name of Object.keys(names.given)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const fix = near !== null ? `Did you mean ${near}?` : `Known are: ${known.join(', ') || 'none'}.`;
    report.add('unknown-setting', [part, name], { message: `${part}.${name} is not a setting of this service`, fix });
  }
}

function resolveValue(
  report: Report,
  fact: SettingFact,
  given: { readonly value: SettingValue | undefined; readonly resolve: (text: string) => string },
): SettingValue | undefined {
  if (typeof given.value !== 'string') return given.value;
  try {
    return given.resolve(given.value);
  } catch (thrown) {
    report.add('unresolved-setting', ['config', fact.name], {
      message: `config.${fact.name}: ${messageOf(thrown)}`,
      fix: 'Set the environment variable.',
    });
    return undefined;
  }
}

function readValue(report: Report, fact: SettingFact, given: SettingValue): Config[string] | undefined {
  const value = convert(fact, given);
  if (value === null) {
    const expected = {
      string: 'a text',
      integer: `a whole number above 0${fact.max === undefined ? '' : `, and at most ${fact.max}`}`,
      boolean: 'true or false',
      'string[]': 'a list of texts',
    };
    report.add('invalid-setting', ['config', fact.name], {
      message: `config.${fact.name} must be ${expected[fact.type]}`,
      fix: fact.type === 'string' ? 'Put the value in quotes.' : 'Correct the value.',
    });
    return undefined;
  }
  if (fact.choices !== undefined && !fact.choices.includes(String(value))) {
    const near = nearest(String(value), fact.choices);
    report.add('invalid-setting', ['config', fact.name], {
      message: `config.${fact.name} must be one of ${fact.choices.join(', ')}`,
      fix: near === null ? 'Choose one of them.' : `Did you mean ${near}?`,
    });
    return undefined;
  }
  return value;
}

/** null: the value does not fit. Account numbers are often written without quotes, so a whole number is taken for a text; a text of digits for a number, since env_var gives text. */
function convert(fact: SettingFact, given: SettingValue): Config[string] | null {
  if (fact.type === 'string[]') return Array.isArray(given) ? given : null;
  if (fact.type === 'boolean') {
    if (given === 'true' || given === 'false') return given === 'true';
    return typeof given === 'boolean' ? given : null;
  }
  if (fact.type === 'integer') {
    const number = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given;
    return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 && number <= (fact.max ?? number)
      ? number
      : null;
  }
  if (typeof given === 'number') return Number.isSafeInteger(given) ? String(given) : null;
  return typeof given === 'string' && given !== '' ? given : null;
}

function fetchSecret(report: Report, fact: SettingFact, resolve: () => string): string | null {
  try {
    const value = resolve();
    registerSecret(value);
    // A stray line break is the usual fault of a pasted secret, and a header cannot carry it.
    const isPlain = /^\P{Cc}+$/u.test(value) && value.trim() === value;
    if (isPlain && !/^(["']).*\1$/.test(value)) return value;
    report.add('invalid-credential', ['credentials', fact.name], {
      message: `credentials.${fact.name} is empty, or has ${isPlain ? 'quotes' : 'spaces or line breaks'} around it`,
      fix: 'Set the environment variable again, without quotes or line breaks.',
    });
  } catch (thrown) {
    report.add('unresolved-setting', ['credentials', fact.name], {
      message: `credentials.${fact.name}: ${messageOf(thrown)}`,
      fix: 'Set the environment variable.',
    });
  }
  return null;
}
