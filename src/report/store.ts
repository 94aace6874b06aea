import { DinmoError } from '../errors.ts';
import { nearest } from '../finding.ts';
import { typeName } from '../knowledge/print.ts';
import type {
  Activation,
  Destination,
  Entity,
  KnowledgeStore,
  MappedField,
  MappedIdentifier,
  Property,
  Segment,
} from '../knowledge/store.ts';
import { formatMany, renderTable, type TableColumn, wrap } from './layout.ts';
import { renderRule } from './rule-text.ts';
import type { Style } from './style.ts';

const left = (title: string): TableColumn => ({ title, align: 'left' });
const right = (title: string): TableColumn => ({ title, align: 'right' });

/** The whole Knowledge Store, a line for each thing. */
export function renderStore(store: KnowledgeStore, style: Style): string {
  const { entities, segments, destinations } = store;
  const parts = [
    `${style.bold(store.project)}  ${store.adapterType}, time zone ${store.timezone}`,
    section(
      'Entities',
      style,
      entities.size === 0 ? 'none yet: `dinmo init` proposes some' : entityTable(store, style),
    ),
    section('Segments', style, segments.size === 0 ? 'none yet' : segmentTable(store, style)),
    section(
      'Destinations',
      style,
      destinations.size === 0 ? 'none yet: they go into dinmo.yml' : destinationTable(store, style),
    ),
    section('Activations', style, activationLines(store, style)),
  ];
  return parts.join('\n\n');
}

function section(title: string, style: Style, body: string): string {
  return `${style.bold(title)}\n${body}`;
}

function entityTable(store: KnowledgeStore, style: Style): string {
  const rows = [...store.entities.values()].map((entity) => {
    const properties = [...entity.properties.values()].filter((property) => !property.hidden);
    const identifiers = properties.filter((property) => property.identifier !== null).length;
    return {
      cells: [
        ...[entity.name, entity.type, entity.class, entity.primaryKey.join(', ')],
        ...[String(properties.length), String(identifiers), String(entity.relationships.size)],
      ],
    };
  });
  const counts = [right('properties'), right('identifiers'), right('relations')];
  return renderTable([left('name'), left('type'), left('class'), left('key'), ...counts], rows, style.width);
}

function segmentTable(store: KnowledgeStore, style: Style): string {
  const rows = [...store.segments.values()].map((segment) => {
    const to = activationsOf(store, 'segment', segment.name).map((activation) => activation.destination);
    return { cells: [segment.name, segment.entity, segment.definition.kind, to.join(', ')] };
  });
  return renderTable([left('name'), left('entity'), left('by'), left('goes to')], rows, style.width);
}

function destinationTable(store: KnowledgeStore, style: Style): string {
  const rows = [...store.destinations.values()].map(({ name, platform, service, exclude, consent }) => ({
    cells: [name, platform, service, exclude.join(', '), consentText(consent)],
  }));
  return renderTable(
    [left('name'), left('platform'), left('service'), left('never sent'), left('consent')],
    rows,
    style.width,
  );
}

/** `show activations` */
export function renderActivations(store: KnowledgeStore, style: Style): string {
  return activationLines(store, style);
}

function activationLines(store: KnowledgeStore, style: Style): string {
  if (store.activations.size === 0) return 'none yet: `dinmo activate <segment> --to <destination>` writes one';
  const rows = [...store.activations.values()].map((activation) => ({
    cells: [activation.id, activation.destination, activation.mode, activation.operations.join(', ')],
    notes: activation.enabled ? [] : ['not enabled'],
  }));
  return renderTable([left('id'), left('to'), left('mode'), left('operations')], rows, style.width);
}

function activationsOf(store: KnowledgeStore, kind: Activation['parent']['kind'], name: string): readonly Activation[] {
  return [...store.activations.values()].filter(({ parent }) => parent.kind === kind && parent.name === name);
}

/** `show entity X`. Throws DinmoError `unknown-entity`. */
export function renderEntity(store: KnowledgeStore, name: string, style: Style): string {
  const entity = find(store.entities, name, 'entity');
  const properties = [...entity.properties.values()].filter((property) => !property.hidden);
  const relationships = [...entity.relationships.values()].map((way) => ({
    cells: [way.name, way.type, way.to, way.keys.map(([own, their]) => `${own} = ${their}`).join(', ')],
  }));
  const lines = [
    `${style.bold(entity.name)}  ${entity.type}, ${entity.class}, ${entity.node.uniqueId}`,
    ...(entity.description === '' ? [] : [wrap(entity.description.trim(), style.width)]),
    `primary key  ${entity.primaryKey.join(', ')}`,
    ...(entity.eventTime === null ? [] : [`event time   ${entity.eventTime}`]),
    ...(entity.where === null ? [] : ['only rows where', ...renderRule(entity.where, '  ')]),
    '',
    renderTable([left('property'), left('type'), left('is')], properties.map(propertyRow), style.width),
    '',
    relationships.length === 0
      ? 'No relationships.'
      : renderTable([left('relation'), left('type'), left('to'), left('by')], relationships, style.width),
  ];
  const segments = [...store.segments.values()].filter((segment) => segment.entity === entity.name);
  if (segments.length > 0) lines.push('', `segments     ${segments.map((segment) => segment.name).join(', ')}`);
  return [...lines, ...activationSummary(activationsOf(store, 'entity', entity.name))].join('\n');
}

function propertyRow(property: Property): { readonly cells: readonly string[] } {
  const { identifier } = property;
  const rank = identifier !== null && identifier.rank > 1 ? ` (rank ${identifier.rank})` : '';
  const roles = [
    ...(identifier === null ? [] : [`${identifier.kind}${rank}`]),
    ...(property.customAttribute === null ? [] : ['custom attribute']),
    ...(property.categorical ? [`categorical${property.values === null ? '' : ` of ${property.values.length}`}`] : []),
  ];
  return { cells: [property.name, property.type === null ? 'not known' : typeName(property.type), roles.join(', ')] };
}

/** `show segment X`. Throws DinmoError `unknown-segment`. */
export function renderSegment(store: KnowledgeStore, name: string, style: Style): string {
  const segment = find(store.segments, name, 'segment');
  const lines = [
    `${style.bold(segment.name)}  ${segment.label}`,
    ...(segment.description === '' ? [] : [wrap(segment.description.trim(), style.width)]),
    `entity   ${segment.entity}`,
    `written  ${segment.origin.file}:${segment.origin.locate(segment.at).line}`,
    ...definitionLines(segment),
    ...limitLines(segment),
  ];
  return [...lines, ...activationSummary(activationsOf(store, 'segment', segment.name))].join('\n');
}

function definitionLines({ definition }: Segment): readonly string[] {
  if (definition.kind === 'sql') return [`members  rows of ${definition.node.uniqueId}`];
  if (definition.where === null) return ['members  everyone'];
  return ['members  where', ...renderRule(definition.where, '  ')];
}

function limitLines({ limit, holdout }: Segment): readonly string[] {
  const lines: string[] = [];
  if (limit !== null) {
    const much = limit.rows === null ? `${limit.percent ?? 100} percent` : formatMany(limit.rows, 'row');
    lines.push(`limit    ${much}, by ${limit.by.join('.')} ${limit.order}`);
  }
  if (holdout !== null) lines.push(`holdout  ${holdout.percent} percent are kept out of activations`);
  return lines;
}

function activationSummary(activations: readonly Activation[]): readonly string[] {
  return activations.flatMap((activation) => [
    '',
    `activation ${activation.id}${activation.enabled ? '' : ' (not enabled)'}`,
    `  to ${activation.destination}, ${activation.mode}: ${activation.operations.join(', ')}`,
    ...(activation.audience === null ? [] : [`  audience ${activation.audience}`]),
    ...(activation.identifiers.length === 0
      ? []
      : [`  identifiers ${activation.identifiers.map(identifierText).join(', ')}`]),
    ...(activation.consent.length === 0
      ? []
      : [`  only where ${activation.consent.map(({ path }) => path.join('.')).join(' and ')}`]),
    ...activation.mapping.map((field) => `  ${field.field} ← ${sourceText(field)}`),
  ]);
}

function consentText(consent: Destination['consent']): string {
  if (consent === null) return '';
  const text = (columns: readonly (readonly string[])[]): string => columns.map((path) => path.join('.')).join(', ');
  if (consent.kind === 'columns') return text(consent.columns);
  return Object.entries(consent.entities)
    .map(([entity, columns]) => `${entity}: ${text(columns)}`)
    .join('; ');
}

function identifierText({ kind, path, form, hintOnly }: MappedIdentifier): string {
  const how = [
    ...(form === undefined ? [] : ['hashed already']),
    ...(hintOnly ? ['read for phone numbers, not sent'] : []),
  ];
  return `${kind} ← ${path.join('.')}${how.length === 0 ? '' : ` (${how.join(', ')})`}`;
}

function sourceText({ source }: MappedField): string {
  if (source.kind === 'column') return source.path.join('.');
  return source.kind === 'segment' ? `is in segment ${source.segment}` : `the constant ${String(source.value)}`;
}

function find<Thing>(things: ReadonlyMap<string, Thing>, name: string, what: 'entity' | 'segment'): Thing {
  const found = things.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, things.keys());
  const known = [...things.keys()].join(', ');
  throw new DinmoError({
    kind: 'configuration',
    code: `unknown-${what}`,
    message: `The project has no ${what} ${name}.`,
    fix: near === null ? (known === '' ? `It has none yet.` : `It has: ${known}.`) : `Did you mean ${near}?`,
  });
}

/** The entity, where there is one of that name; for JSON. Throws DinmoError `unknown-entity`. */
export function requireEntity(store: KnowledgeStore, name: string): Entity {
  return find(store.entities, name, 'entity');
}

/** The segment of that name. Throws DinmoError `unknown-segment`. */
export function requireSegment(store: KnowledgeStore, name: string): Segment {
  return find(store.segments, name, 'segment');
}
