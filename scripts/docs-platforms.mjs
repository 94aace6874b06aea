// @ts-check
// One page for each platform: what its folder says by hand, then every service as its facts say; and a page that lists them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceLookup } from '../src/destinations/registry.ts';
import { erasureOf } from '../src/knowledge/service-facts.ts';
import { allServices, limitsText, operationsText } from '../src/report/platforms.ts';

/** @typedef {import('../src/knowledge/service-facts.ts').ServiceFacts} ServiceFacts */
/** @typedef {(header: readonly string[], rows: readonly (readonly string[])[]) => string} Table */

const ERASES = { profile: 'erases the person', member: 'takes back what was sent', none: 'nothing' };

const INDEX_TEXT = `What each platform can do. The page of each says what to create on its side, the least rights that do, how a destination
of it is written in \`dinmo.yml\`, its fields, limits and traps. \`dinmo show platforms\` prints the same facts, and
\`dinmo doctor\` says whether a destination can be reached.

\`dinmo activate <segment> --to <destination>\` writes an activation that works wherever the annotated columns allow, and
says what is missing otherwise.

Settings that are called *core* are recorded at the first sync and never change after: another account is another destination.`;

/**
 * `docs/platforms.md` and `docs/platforms/<platform>.md`.
 * @param {string} root the repository @param {string} note @param {Table} table
 * @returns {Readonly<Record<string, string>>}
 */
export function platformPages(root, note, table) {
  const services = allServices(serviceLookup());
  const names = [...new Set(services.map(({ platform }) => platform))];
  /** @param {string} name */
  const of = (name) => services.filter(({ platform }) => platform === name);
  const rows = services.map((facts, place) => [
    services[place - 1]?.platform === facts.platform ? '' : `[${facts.platform}](platforms/${facts.platform}.md)`,
    facts.service,
    facts.title,
    operationsText(facts),
    facts.identifiers === null ? '' : facts.identifiers.matching.join(', '),
    ERASES[erasureOf(facts).kind],
  ]);
  const header = ['platform', 'service', '', 'operations', 'matches people on', '`dinmo forget`'];
  const index = ['# Platforms', note, INDEX_TEXT, table(header, rows)].join('\n\n');
  const pages = names.map((name) => [
    `docs/platforms/${name}.md`,
    page(root, { name, services: of(name), note, table }),
  ]);
  return { 'docs/platforms.md': index, ...Object.fromEntries(pages) };
}

/** @param {string} root @param {{ name: string, services: readonly ServiceFacts[], note: string, table: Table }} given */
function page(root, { name, services, note, table }) {
  const written = readFileSync(join(root, 'src/destinations', name, 'README.md'), 'utf8').trim();
  const [title = '', ...body] = written.split('\n');
  return [
    title,
    note,
    body.join('\n').trim(),
    '## Settings and fields',
    'Core settings never change after the first sync. The default mode is in bold.',
    ...services.map((facts) => section(facts, table)),
  ].join('\n\n');
}

/** @param {ServiceFacts} facts @param {Table} table */
function section(facts, table) {
  const fields = facts.fields.known.map((field) => [
    `\`${field.name}\``,
    field.type,
    field.required ? 'required' : '',
    field.description,
  ]);
  const settings = settingRows(facts);
  return [
    `### ${facts.service}`,
    `${facts.title}.`,
    `\`\`\`yaml\n${example(facts)}\n\`\`\``,
    lines(facts).join('\n'),
    ...(settings.length === 0 ? [] : [table(['setting', 'type', '', 'meaning'], settings)]),
    ...(fields.length === 0 ? [] : [table(['field', 'type', '', 'meaning'], fields)]),
  ].join('\n\n');
}

/**
 * What is not required, since there are other ways, and yet belongs to an example that works.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const USUAL = {
  google: ['service_account_json'],
  salesforce: ['client_secret'],
  sql: ['host', 'database', 'user', 'password'],
  zendesk: ['email', 'api_token'],
};

/** The shortest destination that can work. @param {ServiceFacts} facts */
function example({ platform, service, config, credentials }) {
  /** @param {{ required: boolean, name: string }} fact */
  const belongs = ({ required, name }) => required || (USUAL[platform] ?? []).includes(name);
  const settings = config
    .filter(belongs)
    .map(
      ({ name, type, choices }) =>
        `${name}: ${choices?.[0] ?? { integer: 1, boolean: true, 'string[]': '[…]', string: '"…"' }[type]}`,
    );
  const secrets = credentials
    .filter(belongs)
    .map(({ name }) => `${name}: "{{ env_var('${`${platform}_${name}`.toUpperCase()}') }}"`);
  return [
    'destinations:',
    `  ${platform}_${service}:`,
    `    platform: ${platform}`,
    `    service: ${service}`,
    ...(settings.length === 0 ? [] : [`    config: {${settings.join(', ')}}`]),
    ...(secrets.length === 0 ? [] : ['    credentials:', ...secrets.map((line) => `      ${line}`)]),
  ].join('\n');
}

/** @param {ServiceFacts} facts */
function settingRows(facts) {
  const all = [
    ...facts.config.map((fact) => /** @type {const} */ (['config', fact])),
    ...facts.credentials.map((fact) => /** @type {const} */ (['credentials', fact])),
  ];
  return all.map(([part, fact]) => {
    const traits = [fact.required ? 'required' : 'optional', ...(fact.core ? ['core'] : [])].join(', ');
    const value = fact.default === undefined ? '' : ` Default: \`${String(fact.default)}\`.`;
    const choices =
      fact.choices === undefined ? '' : ` One of ${fact.choices.map((choice) => `\`${choice}\``).join(', ')}.`;
    return [`\`${part}.${fact.name}\``, fact.type, traits, `${fact.description}.${value}${choices}`];
  });
}

/** @param {ServiceFacts} facts */
function lines(facts) {
  const { identifiers, destinationKey, memberships, jobs, api } = facts;
  const known =
    destinationKey === null ? 'the primary key' : `the field that \`config.${destinationKey.setting}\` names`;
  const without = {
    all: 'every property is sent',
    identifiers: 'what is known by its identifier kind',
    none: 'nothing, so a mapping is required',
  };
  const nulls = { skip: 'left out', clear: 'sent as empty', null: 'sent as null' };
  return [
    `- modes: ${facts.modes.map((mode) => (mode === facts.defaultMode ? `**${mode}**` : mode)).join(', ')}`,
    `- operations: ${operationsText(facts)}`,
    identifiers === null
      ? `- rows are known by ${known}`
      : `- matches people on: ${identifiers.matching.join(', ')}${identifiers.hints.length === 0 ? '' : `; takes beside them: ${identifiers.hints.join(', ')}`}`,
    ...(identifiers?.hashed === undefined
      ? []
      : [`- columns of SHA-256 (\`form: sha256\`) are taken for: ${identifiers.hashed.join(', ')}`]),
    `- without a mapping: ${without[facts.defaultMapping]}; NULL: ${nulls[facts.nulls]}`,
    ...(facts.eventAgeDaysMax === null ? [] : [`- events up to ${facts.eventAgeDaysMax} days old`]),
    ...(memberships === undefined
      ? []
      : [
          `- memberships end after ${memberships.daysMax} days${memberships.setting === undefined ? '' : `, or what \`config.${memberships.setting}\` says`}; they are renewed before`,
        ]),
    ...(jobs === undefined
      ? []
      : [
          `- jobs: up to ${jobs.openMax} at once, each waited for ${jobs.deadlineMinutes} minutes, then left to the next run`,
        ]),
    `- \`dinmo forget\`: ${erasureText(facts)}`,
    `- limits: ${limitsText(facts)}`,
    ...(api === null
      ? []
      : [`- API ${api.version}${api.sunset === null ? '' : `, which ends on ${api.sunset}`}: <${api.docs}>`]),
  ];
}

/** @param {ServiceFacts} facts */
function erasureText(facts) {
  const { kind, stays } = erasureOf(facts);
  return stays === null ? ERASES[kind] : `${ERASES[kind]}. ${stays}`;
}
