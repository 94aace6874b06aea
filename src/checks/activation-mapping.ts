import { type Finding, nearest } from '../finding.ts';
import { type FindingDoc, findingOf, listed, meant } from '../knowledge/finding-doc.ts';
import { destinationKeyField, identifierOfField } from '../knowledge/mapping.ts';
import { type FieldFact, isRequiredField } from '../knowledge/service-facts.ts';
import type { MappedField } from '../knowledge/store.ts';
import { Resolution, resolvePath } from '../segment/resolve-path.ts';
import { type Check, type CheckContext, placeOf, statedBlock, type Target, targets } from './check.ts';
import { markColumn } from './mark-column.ts';
import { ruleDoc } from './rule-docs.ts';

const UNKNOWN_FIELD: FindingDoc = {
  code: 'unknown-field',
  severity: 'error',
  title: 'The service has no such field',
  why: 'The platform would refuse it, or drop it silently.',
  fix: 'Take fields that `dinmo show platforms` lists for the service.',
  bad: 'mapping: {curency: currency}',
  good: 'mapping: {currency: currency}',
};

const MISSING_FIELD: FindingDoc = {
  code: 'missing-field',
  severity: 'error',
  title: 'A required field is not mapped',
  why: 'The platform refuses rows without it.',
  fix: 'Add the field to `mapping:`, with a column or a constant.',
  bad: 'mapping: {value: amount}',
  good: 'mapping: {event_name: {value: Purchase}, value: amount}',
};

const MISSING_KEY: FindingDoc = {
  code: 'destination-key-not-mapped',
  severity: 'error',
  title: 'The field by which the platform knows a row is not mapped',
  why: 'Without it the platform cannot tell a known record from a new one.',
  fix: 'Map a column to it, or mark the column with its identifier kind.',
  bad: 'mapping: {firstname: first_name}   # nothing feeds email',
  good: 'mapping: {email: email, firstname: first_name}',
};

const MAPPING_REQUIRED: FindingDoc = {
  code: 'mapping-required',
  severity: 'error',
  title: 'The service needs a mapping',
  why: 'It knows no fields of its own, so there is no default to send.',
  fix: 'Add `mapping:` with their fields and your columns.',
  bad: 'catalog: {to: catalog}',
  good: 'catalog: {to: catalog, mapping: {sku: product_id}}',
};

const HIDDEN: FindingDoc = {
  code: 'hidden-column-mapped',
  severity: 'error',
  title: 'A hidden column is mapped',
  why: 'Somebody decided that this column never leaves the warehouse.',
  fix: 'Leave it out of the mapping, or remove `hidden: true` from the column.',
  bad: 'mapping: {note: internal_note}   # internal_note: {hidden: true}',
  good: 'mapping: {note: public_note}',
};

/** Resolved as the paths of a filter are, with the same codes: what is wrong with a name does not depend on who names it. */
function checkPath(
  context: CheckContext,
  target: Target,
  place: { path: readonly string[]; field: string },
): Finding[] {
  const { activation } = target;
  const entity = context.store.entities.get(activation.entity);
  if (entity === undefined) return [];
  const block = statedBlock(context, activation);
  const stated = block?.mapping !== null && block?.mapping !== undefined && place.field in block.mapping;
  const at = [...activation.at, ...(stated ? ['mapping', place.field] : ['attributes'])];
  const resolution = new Resolution(context.store, activation.origin);
  const resolved = resolvePath(resolution, { entity, at }, place.path);
  if (resolved === null) return [...resolution.findings];
  if (!resolved.property.hidden) return [];
  const message = `The activation \`${activation.id}\` maps \`${place.path.join('.')}\`, which is hidden.`;
  return [findingOf(HIDDEN, { message, location: activation.origin.locate(at) })];
}

function checkSegment(context: CheckContext, target: Target, field: MappedField): Finding[] {
  if (field.source.kind !== 'segment') return [];
  const { activation } = target;
  const location = placeOf(activation, 'mapping', field.field);
  const segment = context.store.segments.get(field.source.segment);
  if (segment === undefined) {
    const near = nearest(field.source.segment, context.store.segments.keys());
    const message = `\`${field.field}\` of \`${activation.id}\` asks for the segment \`${field.source.segment}\`, which does not exist${meant(near)}`;
    return [findingOf(ruleDoc('unknown-segment'), { message, location })];
  }
  if (segment.entity === activation.entity) return [];
  const message = `\`${field.field}\` of \`${activation.id}\` asks for the segment \`${segment.name}\` of \`${segment.entity}\`, but the rows are of \`${activation.entity}\`.`;
  return [findingOf(ruleDoc('segment-of-other-entity'), { message, location })];
}

/** Fields that the service must have, and those that it does not know. */
function checkFields(context: CheckContext, { activation, facts, destination }: Target): Finding[] {
  const findings: Finding[] = [];
  const mapped = new Set(activation.mapping.map((field) => field.field));
  const known = facts.fields.known.map((fact) => fact.name);
  const mapping = placeOf(activation, 'mapping');
  for (const field of facts.fields.open ? [] : mapped) {
    if (known.includes(field)) continue;
    const kinds = [...(facts.identifiers?.matching ?? []), ...(facts.identifiers?.hints ?? [])];
    const near = nearest(field, [...known, ...kinds]);
    const message = `The activation \`${activation.id}\` maps \`${field}\`, which is no field of ${facts.title}${meant(near)}`;
    const fix = known.length === 0 ? 'Remove it: this service takes identifiers only.' : `Known are ${listed(known)}.`;
    findings.push(findingOf(UNKNOWN_FIELD, { message, fix, location: placeOf(activation, 'mapping', field) }));
  }
  const stated = statedBlock(context, activation)?.mapping ?? null;
  if (facts.defaultMapping === 'none' && stated === null) {
    const message = `The activation \`${activation.id}\` needs a \`mapping:\`: ${facts.title} has no default.`;
    return [...findings, findingOf(MAPPING_REQUIRED, { message, location: mapping })];
  }
  for (const fact of facts.fields.known) {
    if (!isRequiredField(facts, destination.config, fact) || mapped.has(fact.name)) continue;
    if (identifierOfField(facts, fact.name) !== null) continue;
    const message = `The activation \`${activation.id}\` does not map \`${fact.name}\`, which ${facts.title} requires (${fact.description}).`;
    const fix = fixOf(context, { activation, facts, destination }, fact);
    findings.push(findingOf(MISSING_FIELD, { message, fix, location: mapping }));
  }
  const key = destinationKeyField(facts, destination.config);
  const isFed = activation.mapping.some((field) => field.field === key && field.source.kind === 'column');
  if (key !== null && !isFed) {
    const message = `No column feeds \`${key}\`, by which ${facts.title} knows the rows of \`${activation.id}\`.`;
    const kind = facts.fields.known.find((fact) => fact.name === key)?.identifier ?? null;
    const mark = kind === null ? null : markColumn(context, activation.entity, [kind]);
    const map = `add to the activation \`mapping: {${key}: <column>}\``;
    const fix = mark === null ? `Name the column: ${map}.` : `${mark} Or ${map}.`;
    findings.push(findingOf(MISSING_KEY, { message, fix, location: mapping }));
  }
  return findings;
}

/** What to write, and where: an identifier of the entity, a setting of the destination, or the mapping. */
function fixOf(context: CheckContext, { activation, destination }: Target, fact: FieldFact): string {
  const map = `add to the activation \`mapping: {${fact.name}: <column>}\``;
  const constant = `or a constant: \`{${fact.name}: {value: …}}\``;
  const setting = (fact.requiredWhere ?? []).find(({ is }) => is.length === 0)?.setting;
  if (fact.identifier !== undefined) {
    return `${markColumn(context, activation.entity, [fact.identifier])} Or ${map}.`;
  }
  if (setting === undefined) return `A${map.slice(1)}, ${constant}.`;
  return `Set \`config.${setting}\` of the destination \`${destination.name}\` in dinmo.yml, or ${map}, ${constant}.`;
}

export const activationMapping: Check = {
  name: 'activation-mapping',
  docs: [UNKNOWN_FIELD, MISSING_FIELD, MISSING_KEY, MAPPING_REQUIRED, HIDDEN],
  run: (context) =>
    targets(context).flatMap((target) => {
      const { activation, facts } = target;
      const columns = activation.mapping.flatMap((field) =>
        field.source.kind === 'column' ? [{ field: field.field, path: field.source.path }] : [],
      );
      // An identifier that the mapping leads elsewhere stands under the field's name.
      const identifiers = activation.identifiers.map(({ kind, path }) => {
        const fields = Object.keys(statedBlock(context, activation)?.mapping ?? {});
        return { path, field: fields.find((field) => identifierOfField(facts, field) === kind) ?? kind };
      });
      return [
        ...[...columns, ...identifiers].flatMap((place) => checkPath(context, target, place)),
        ...activation.mapping.flatMap((field) => checkSegment(context, target, field)),
        ...checkFields(context, target),
      ];
    }),
};
