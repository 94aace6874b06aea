import type { OutgoingRow, ServiceContext } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import { createApi, type HubspotApi } from './api.ts';
import { type AssociationField, associationProblem, readAssociationField } from './associations.ts';
import { optionProblem, readSchema, type Schema, schemaProblem } from './schema.ts';

const NO_SCHEMA: Schema = new Map();

/**
 * What HubSpot says of the object type before anything is written to it: the mapped properties exist and take values, the id property
 * is unique, so is the property by which an association finds its record, and the two types can be associated. Gives the
 * definitions; none where HubSpot would not say.
 */
export async function inspectObjects(
  api: HubspotApi,
  config: ServiceContext['config'],
  fields: readonly string[],
): Promise<Step<Schema>> {
  const [type, idProperty] = [String(config['object_type']), String(config['id_property'])];
  const associations = fields.flatMap((field) => readAssociationField(field) ?? []);
  const names = fields.filter((field) => readAssociationField(field) === null);
  const reading = await readSchema(api, type, [...new Set([idProperty, ...names])]);
  if (reading?.kind === 'outcome') return reading;
  const problem = reading === null ? null : schemaProblem(reading, { type, idProperty });
  if (problem !== null) return { kind: 'outcome', outcome: problem };
  for (const association of associations) {
    const outcome = await inspectAssociation(api, type, association);
    if (outcome !== null) return outcome;
  }
  return { kind: 'value', value: reading?.schema ?? NO_SCHEMA };
}

async function inspectAssociation(
  api: HubspotApi,
  from: string,
  association: AssociationField,
): Promise<Step<Schema> | null> {
  const { type, property } = association;
  const reading = property === null ? null : await readSchema(api, type, [property]);
  if (reading?.kind === 'outcome') return reading;
  const outcome =
    (property === null || reading === null
      ? null
      : schemaProblem({ ...reading, schema: writable(reading.schema) }, { type, idProperty: property })) ??
    (await associationProblem(api, from, association));
  return outcome === null ? null : { kind: 'outcome', outcome };
}

/** A property by which a record is found may well be one that HubSpot sets itself. */
function writable(schema: Schema): Schema {
  return new Map([...schema].map(([name, definition]) => [name, { ...definition, readOnly: false }]));
}

/** For `plan --remote`: the object type is looked at as before a sync, and the rows are held against the options of their properties. */
export async function validateObjects(
  context: ServiceContext,
  rows: readonly OutgoingRow[],
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const api = createApi(context);
  const fields = context.columns.map(({ field }) => field);
  const schema = await untilSettled(context, 'Looking at the object type', () =>
    inspectObjects(api, context.config, fields),
  );
  if (schema.size === 0) return { ok: true, detail: 'HubSpot would not say which properties it has' };
  const problems = rows.flatMap((row) => optionProblem(schema, row.fields() ?? {}) ?? []);
  const [first] = problems;
  if (first === undefined)
    return { ok: true, detail: 'the mapped properties exist, and take the values of these rows' };
  return { ok: false, detail: `${problems.length} of ${rows.length} rows would be rejected: ${first}` };
}
