import { readObject, readText } from '../answer.ts';
import type { Service } from '../destination.ts';
import { createApi } from './api.ts';

/** `GET /users/me`: who the credentials are. An anonymous answer (no id) means that they count for nothing. */
export const verifyAccount: Service['verify'] = async (context) => {
  const answer = await createApi(context).call({ method: 'GET', path: '/users/me' });
  if (answer.kind === 'outcome')
    return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
  const user = readObject(answer.value['user']);
  const role = readText(user?.['role']);
  if (readText(user?.['id']) === null || role === null || role === 'end-user')
    return { ok: false, detail: 'the credentials are those of no agent' };
  return { ok: true, detail: `the credentials are those of an ${role}` };
};
