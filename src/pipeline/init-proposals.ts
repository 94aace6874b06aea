import type { EntityClass, IdentifierKind } from '../artifacts/annotation.ts';
import { MATCHING_KINDS } from '../artifacts/annotation.ts';
import type { ManifestNode } from '../artifacts/manifest.ts';
import type { Project } from '../artifacts/project.ts';
import { indexTests, keyFacts } from '../knowledge/keys.ts';
import { NodeColumns } from '../knowledge/node-columns.ts';
import { GENERATED_TAG } from '../models/names.ts';

const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** At most so many models are proposed: more would not be read. */
const MODELS_MAX = 8;

/** A model that looks like an entity. */
export interface ProposedEntity {
  readonly model: string;
  readonly name: string;
  /** The name of the way to many of them, where the model's own name would read badly. */
  readonly plural: string | null;
  readonly type: 'dimension' | 'fact';
  readonly class: EntityClass;
  /** `stated`: dbt says it, so that nothing needs to be written; `guessed` from its name; `unknown`. */
  readonly key:
    | { readonly kind: 'stated' | 'guessed'; readonly columns: readonly string[] }
    | { readonly kind: 'unknown' };
  readonly eventTime: string | null;
  readonly identifiers: readonly { readonly column: string; readonly kind: IdentifierKind }[];
}

const CLASSES: readonly (readonly [EntityClass, RegExp])[] = [
  ['customers', /customer|client|user|contact|member|subscriber|lead|people|person|account|visitor|patient|guest/],
  ['events', /event|session|visit|page_?view|click|impression/],
  ['financial', /order|payment|invoice|transaction|subscription|refund|purchase|sale|booking|contract/],
  ['products', /product|item|article|catalog|plan|sku/],
  ['stores', /store|shop|location|branch|venue/],
];

const KINDS: readonly (readonly [IdentifierKind, RegExp])[] = [
  ['email', /^(customer_|user_|contact_)?e_?mail(_address)?$/],
  ['phone', /^(customer_|user_|contact_)?((mobile_|tele)?phone|mobile)(_number)?$/],
  ['mobile_advertising_id', /^(idfa|gaid|aaid|maid|mobile_advertising_id)$/],
  ['fbc', /^_?fbc$/],
  ['fbp', /^_?fbp$/],
  ['gclid', /^gclid$/],
  ['ttclid', /^ttclid$/],
  ['msclkid', /^msclkid$/],
  ['first_name', /^(first_?name|given_name)$/],
  ['last_name', /^(last_?name|family_name|surname)$/],
  ['date_of_birth', /^(date_of_birth|birth_?date|birthday|dob)$/],
  ['gender', /^gender$/],
  ['city', /^city$/],
  ['zip', /^(zip|zip_?code|postal_?code|postcode)$/],
  ['country', /^country(_code)?$/],
  ['ip', /^ip(_address)?$/],
  ['user_agent', /^user_?agent$/],
];

const TIME =
  /^(occurred|ordered|event|created|paid|purchased|started|sent|viewed|visited|completed)_?(at|time|timestamp|date|on|ts)$/;

/** Models that look like entities, the likeliest first: of this project, not annotated, not generated, no staging models where there are others. */
export function proposeEntities(project: Project): readonly ProposedEntity[] {
  const tests = indexTests(project.manifest);
  const own = [...project.manifest.nodes.values()].filter(
    (node) =>
      node.resourceType === 'model' &&
      node.packageName === project.manifest.metadata.projectName &&
      node.annotation === undefined &&
      node.relationName !== null &&
      !node.tags.includes(GENERATED_TAG),
  );
  const finished = own.filter((node) => !/^(stg|int|base|tmp|src|raw)_/.test(node.name));
  const annotated = new Set(project.annotations.flatMap((one) => ('node' in one ? [one.node] : [])));
  return (finished.length > 0 ? finished : own)
    .filter((node) => !annotated.has(node.uniqueId))
    .map((node) => proposeEntity(project, node, tests))
    .filter((entity) => entity.class !== 'other' || entity.identifiers.length > 0)
    .filter((entity, index, all) => all.findIndex((other) => other.name === entity.name) === index)
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, MODELS_MAX);
}

function proposeEntity(project: Project, node: ManifestNode, tests: ReturnType<typeof indexTests>): ProposedEntity {
  const columns = columnNames(project, node);
  const base = node.name.toLowerCase().replace(/^(dim|fct|fact|mart|d|f)_/, '');
  const name = singular(base);
  const key = proposeKey(new NodeColumns(project, node), { tests, name, columns });
  const keyColumns = key.kind === 'unknown' ? [] : key.columns;
  const entityClass = CLASSES.find(([, pattern]) => pattern.test(base))?.[0] ?? 'other';
  const eventTime = columns.find((column) => TIME.test(column.toLowerCase())) ?? null;
  const isFact = /^(fct|fact)_/.test(node.name) || entityClass === 'events' || entityClass === 'financial';
  const found = columns.flatMap((column) => {
    const kind = KINDS.find(([, pattern]) => pattern.test(column.toLowerCase()))?.[0];
    return kind === undefined || keyColumns.includes(column) ? [] : [{ column, kind }];
  });
  const once = found.filter((one, index) => found.findIndex((other) => other.kind === one.kind) === index);
  const matching: readonly IdentifierKind[] = MATCHING_KINDS;
  return {
    model: node.name,
    name: NAME.test(name) ? name : 'entity',
    plural: base !== node.name && NAME.test(base) ? base : null,
    type: isFact && eventTime !== null ? 'fact' : 'dimension',
    class: entityClass,
    key,
    eventTime: isFact ? eventTime : null,
    // Hints recognise nobody on their own.
    identifiers: once.some(({ kind }) => matching.includes(kind)) ? once : [],
  };
}

function columnNames(project: Project, node: ManifestNode): readonly string[] {
  const listed = [...node.columns.values()].map((column) => column.name);
  const known = new Set(listed.map((column) => column.toLowerCase()));
  const catalog = [...(project.catalog.get(node.uniqueId)?.keys() ?? [])];
  return [...listed, ...catalog.filter((column) => !known.has(column.toLowerCase()))];
}

function proposeKey(
  columns: NodeColumns,
  by: { readonly tests: ReturnType<typeof indexTests>; readonly name: string; readonly columns: readonly string[] },
): ProposedEntity['key'] {
  const facts = keyFacts(columns, by.tests);
  for (const evidence of [facts.constraints, facts.columns, facts.combinations]) {
    const [only] = evidence;
    if (only !== undefined && evidence.length === 1) return { kind: 'stated', columns: only.columns };
  }
  const guesses = [`${by.name}_id`, 'id', `${by.name}_key`, `${by.name}_sk`];
  const guess = facts.columns[0]?.columns[0] ?? by.columns.find((column) => guesses.includes(column.toLowerCase()));
  return guess === undefined ? { kind: 'unknown' } : { kind: 'guessed', columns: [guess] };
}

function singular(word: string): string {
  if (/people$/.test(word)) return word.replace(/people$/, 'person');
  if (/ies$/.test(word)) return word.replace(/ies$/, 'y');
  if (/(ss|x|ch|sh)es$/.test(word)) return word.replace(/es$/, '');
  return /[^s]s$/.test(word) ? word.slice(0, -1) : word;
}

function rank(entity: ProposedEntity): number {
  const order: readonly EntityClass[] = ['customers', 'financial', 'events', 'products', 'stores', 'other'];
  return order.indexOf(entity.class) - (entity.identifiers.length > 0 ? 0.5 : 0);
}

/** The proposals as a file of dinmo/, with a first segment where one can be made. */
export function renderAnnotations(entities: readonly ProposedEntity[], destination: string): string {
  const people = entities.find((entity) => entity.identifiers.some(({ kind }) => kind === 'email'));
  const email = people?.identifiers.find(({ kind }) => kind === 'email')?.column;
  const lines = ['models:', ...entities.flatMap(renderEntity)];
  if (people !== undefined && email !== undefined) {
    lines.push(
      ...[
        '',
        'segments:',
        `  ${people.name}_with_email:`,
        `    entity: ${people.name}`,
        '    label: Reachable by e-mail',
      ],
      ...[`    where: {attribute: ${scalar(email)}, is_null: false}`, '    activations:', `      ${destination}: {}`],
    );
  }
  return `${lines.join('\n')}\n`;
}

function renderEntity(entity: ProposedEntity): readonly string[] {
  const lines = [
    `  ${scalar(entity.model)}:`,
    '    entity:',
    `      name: ${entity.name}`,
    ...(entity.plural === null ? [] : [`      plural: ${entity.plural}`]),
    `      type: ${entity.type}`,
    `      class: ${entity.class}`,
    keyLine(entity.key),
  ];
  if (entity.eventTime !== null)
    lines.push(`      ${entity.type === 'fact' ? '' : '# '}event_time: ${scalar(entity.eventTime)}`);
  if (entity.identifiers.length > 0) {
    lines.push('    columns:');
    for (const { column, kind } of entity.identifiers) lines.push(`      ${scalar(column)}: {identifier: ${kind}}`);
  }
  return lines;
}

function keyLine(key: ProposedEntity['key']): string {
  if (key.kind === 'unknown') return '      primary_key: …   # which column, or [columns], tell its rows apart?';
  const text = key.columns.length === 1 ? scalar(key.columns[0] ?? '') : `[${key.columns.map(scalar).join(', ')}]`;
  if (key.kind === 'stated') return `      # primary_key: ${text}, as dbt's tests or constraints say`;
  return `      primary_key: ${text}   # a guess from its name: unique and not_null tests would prove it`;
}

/** A name as YAML text, quoted where it would be read as something else. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z_][\w$]*$/.test(text) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
