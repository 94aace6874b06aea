import type { FieldValue } from '../destination.ts';
import { renderJson } from '../json.ts';
import { readAssociationField } from './associations.ts';

/**
 * HubSpot's properties are texts: numbers by their digits, dates and timestamps as ISO 8601, lists (checkboxes) joined by `;`.
 * NULL clears a property, which is the empty text; a field that is to be left alone is not in `fields`. Associations are no properties.
 */
export function renderProperties(fields: Readonly<Record<string, FieldValue>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      readAssociationField(name) === null ? [[name, renderValue(value)] as const] : [],
    ),
  );
}

function renderValue(value: FieldValue): string {
  if (value === null) return '';
  if (Array.isArray(value)) return value.map(renderValue).join(';');
  return typeof value === 'object' ? renderJson(value) : String(value);
}
