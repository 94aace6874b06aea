import type { FieldFact, ServiceFacts, ServiceLookup, SettingFact } from '../knowledge/service-facts.ts';
import { formatCount, wrap } from './layout.ts';
import type { Style } from './style.ts';

/** Every service of every platform, in the order of the lookup. */
export function allServices(lookup: ServiceLookup): readonly ServiceFacts[] {
  return lookup.platforms.flatMap((platform) =>
    lookup.services(platform).flatMap((service) => lookup.facts(platform, service) ?? []),
  );
}

/** `show platforms`: what each service takes and can do. */
export function renderPlatforms(lookup: ServiceLookup, style: Style): string {
  return allServices(lookup)
    .map((facts) => renderService(facts, style))
    .join('\n\n');
}

function renderService(facts: ServiceFacts, style: Style): string {
  const lines = [
    `${style.bold(`${facts.platform} · ${facts.service}`)}  ${facts.title}${apiText(facts)}`,
    `modes        ${facts.modes.map((mode) => (mode === facts.defaultMode ? `${mode} (default)` : mode)).join(', ')}`,
    `operations   ${operationsText(facts)}`,
    ...settingLines('config', facts.config),
    ...settingLines('credentials', facts.credentials),
    ...identifierLines(facts),
    ...fieldLines(facts),
    `limits       ${limitsText(facts)}`,
  ];
  return lines.map((line) => wrap(line, style.width, ' '.repeat(13))).join('\n');
}

/** `, API v26.0`, with the day on which it ends where one is known. */
export function apiText({ api }: ServiceFacts): string {
  if (api === null) return '';
  return `, API ${api.version}${api.sunset === null ? '' : ` until ${api.sunset}`}`;
}

/** `insert, update; on request: delete` */
export function operationsText({ operations, defaultOperations }: ServiceFacts): string {
  const rest = operations.filter((operation) => !defaultOperations.includes(operation));
  const more = rest.length === 0 ? '' : `; on request: ${rest.join(', ')}`;
  return `${defaultOperations.join(', ')}${more}`;
}

function settingLines(title: string, settings: readonly SettingFact[]): readonly string[] {
  return settings.map((setting, index) => {
    const name = index === 0 ? title.padEnd(13) : ' '.repeat(13);
    return `${name}${setting.name}: ${setting.description}${settingTraits(setting)}`;
  });
}

/** ` (required, core, default csv, one of …)`; empty when there is nothing to say. */
export function settingTraits(setting: SettingFact): string {
  const traits = [
    ...(setting.required ? ['required'] : []),
    ...(setting.core ? ['never changes once synced'] : []),
    ...(setting.default === undefined ? [] : [`default ${String(setting.default)}`]),
    ...(setting.choices === undefined ? [] : [`one of ${setting.choices.join(', ')}`]),
  ];
  return traits.length === 0 ? '' : ` (${traits.join('; ')})`;
}

function identifierLines({ identifiers, destinationKey }: ServiceFacts): readonly string[] {
  if (identifiers === null) {
    const by =
      destinationKey === null ? 'by the primary key' : `by the field that config.${destinationKey.setting} names`;
    return [`rows         known ${by}`];
  }
  return [
    `matches on   ${identifiers.matching.join(', ')}`,
    ...(identifiers.hints.length === 0 ? [] : [`beside them  ${identifiers.hints.join(', ')}`]),
  ];
}

function fieldLines({ fields, defaultMapping }: ServiceFacts): readonly string[] {
  const names = fields.known.map((field: FieldFact) => `${field.name}${field.required ? ' (required)' : ''}`);
  const open = fields.open ? [...names, names.length === 0 ? 'any' : 'any other'] : names;
  const without = {
    all: 'every property',
    identifiers: 'what is known by identifier',
    none: 'nothing: it is required',
  };
  return open.length === 0 ? [] : [`fields       ${open.join(', ')}; without a mapping: ${without[defaultMapping]}`];
}

/** `10,000 rows and 16,000,000 bytes a request` */
export function limitsText({ limits }: ServiceFacts): string {
  const rate =
    limits.requestsPerSecondMax === null
      ? ''
      : `, ${limits.requestsPerSecondMax} request${limits.requestsPerSecondMax === 1 ? '' : 's'} a second`;
  return `${formatCount(limits.rowsPerRequestMax)} rows and ${formatCount(limits.requestBytesMax)} bytes a request${rate}`;
}
