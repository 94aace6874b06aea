import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import { invalidRequest, notFound } from './hubspot-answer.ts';
import type { Records } from './records.ts';

const erasure = z.strictObject({ objectId: z.string().min(1), idProperty: z.string().optional() });

/**
 * `POST …/contacts/gdpr-delete`: 204, for good. Contacts only; an e-mail address that no contact has is put on a blocklist, which
 * nobody is to do here. The id that was erased is handed to `forget`.
 */
export function eraseContact(
  {
    records,
    type,
    forget,
  }: { readonly records: Records; readonly type: string; readonly forget: (id: string) => void },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const body = erasure.safeParse(readJson(request));
  if (!body.success || type !== 'contacts') {
    context.violate(
      'gdpr-delete-shape',
      type === 'contacts' ? 'the body is not one objectId' : 'only contacts are erased',
    );
    return invalidRequest(context, 'Invalid input JSON', 1);
  }
  const { objectId, idProperty } = body.data;
  if (idProperty !== undefined || !/^\d+$/.test(objectId)) {
    context.violate('gdpr-delete-blocklist', 'an address that no contact has would be blocked for ever');
    return invalidRequest(context, 'objectId is not a record id', 1);
  }
  if (context.poison([objectId]) !== null) return invalidRequest(context, 'The contact cannot be deleted', 1);
  if (!records.archive(type, objectId)) return notFound(context, 'resource not found');
  forget(objectId);
  return jsonAnswer(204, undefined, { rows: 1 });
}
