import type { FieldValue, OutgoingRow } from '../destination.ts';
import { renderJson } from '../json.ts';

export type ObjectType = 'users' | 'organizations';

/**
 * Properties of a user or an organization that can be written (Ticketing API v2); what else a mapping names is a custom field,
 * by its key.
 */
const STANDARD: Readonly<Record<ObjectType, ReadonlySet<string>>> = {
  users: new Set(
    'alias custom_role_id default_group_id details email external_id locale locale_id moderator name notes only_private_comments organization_id phone remote_photo_url restricted_agent role shared_phone_number signature skip_verify_email suspended tags ticket_restriction time_zone verified'.split(
      ' ',
    ),
  ),
  organizations: new Set(
    'details domain_names external_id group_id name notes shared_comments shared_tickets tags'.split(' '),
  ),
};

const CUSTOM: Readonly<Record<ObjectType, string>> = { users: 'user_fields', organizations: 'organization_fields' };

/** The key of a custom field that a mapped name means: `plan` and `user_fields.plan` alike; null: a property of the record itself. */
export function customFieldKey(type: ObjectType, name: string): string | null {
  const prefix = `${CUSTOM[type]}.`;
  if (name.startsWith(prefix)) return name.slice(prefix.length);
  return STANDARD[type].has(name) ? null : name;
}

/**
 * One record of a request, as JSON text: every digit kept, NULL clears. `idField` always holds the row's key, as the mapping
 * writes it: the key itself is in lower case, and would rewrite an external id. No mail goes to a new user (`skip_verify_email`).
 */
export function renderRecord(type: ObjectType, idField: string, row: OutgoingRow): string {
  const own: Record<string, FieldValue> = type === 'users' ? { skip_verify_email: true } : {};
  const custom: Record<string, FieldValue> = {};
  for (const [name, value] of Object.entries(row.fields() ?? {})) {
    const key = customFieldKey(type, name);
    if (key === null) own[name] = value;
    else custom[key] = value;
  }
  const fields = Object.keys(custom).length === 0 ? {} : { [CUSTOM[type]]: custom };
  return renderJson({ ...own, [idField]: writtenKey(idField, row), ...fields });
}

/** The key as the mapping writes it; an e-mail address in lower case. */
export function writtenKey(idField: string, row: OutgoingRow): string {
  const value = row.fields()?.[idField];
  if (idField === 'email' || value === null || value === undefined || typeof value === 'object') return row.key;
  const written = String(value).trim();
  return written.toLowerCase() === row.key.toLowerCase() ? written : row.key;
}

/** Where the keys of custom fields are listed. */
export function customFieldsPath(type: ObjectType): string {
  return type === 'users' ? '/user_fields' : '/organization_fields';
}
