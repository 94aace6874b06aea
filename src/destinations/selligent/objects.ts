import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { readEmail } from '../contact-point.ts';
import type { Batch, BatchOutcome, Invalidity, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, eraseRecords, requireFieldNames, requireFields, type SelligentApi, verifyList } from './api.ts';
import { MAIL_FIELD, rowsMax } from './facts.ts';

export function createObjects(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    limits: (config) => ({ rowsPerRequestMax: rowsMax(config) }),
    validate: (row, _now, config) => validateRecord(row, config),
    // A load names its fields once, for all of its rows.
    homogeneity: (row) => (row.operation === 'delete' ? '' : JSON.stringify(Object.keys(row.fields() ?? {}))),
    async open(context) {
      const api = createApi(context);
      requireDeletable(context);
      const names = [String(context.config['id_field']), ...context.columns.map(({ field }) => field)];
      requireFieldNames(names);
      await requireFields(api, context, names);
      return hideRowValues(createSession(api, String(context.config['id_field'])));
    },
    erase: (context, people) =>
      eraseRecords(
        context,
        people.map(({ key }) => key),
      ),
    verify: verifyList,
  };
}

function validateRecord(row: OutgoingRow, config: ServiceContext['config'] | undefined): Invalidity | null {
  if (row.operation === 'delete') return null;
  if (config?.['id_field'] === MAIL_FIELD && readEmail(row.key) === null)
    return { code: 'invalid-email', message: 'The value of the id field is not an e-mail address' };
  if (!Object.values(row.fields() ?? {}).some((value) => typeof value === 'object' && value !== null)) return null;
  return { code: 'nested-value', message: 'A field of a list holds one value, no array and no object' };
}

/** Selligent never says whether it made a record, so that none counts as ours. Throws DinmoError `delete-needs-delete-existing`. */
function requireDeletable({ operations, config }: ServiceContext): void {
  if (!operations.includes('delete') || config['delete_existing'] === true) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'delete-needs-delete-existing',
    message: 'Selligent does not say which records were there before, so that none would be deleted',
    fix: 'Set delete_existing: true where records may be deleted, or take delete out of the operations.',
  });
}

function createSession(api: SelligentApi, keyField: string): Session {
  return {
    audienceId: null,
    account: null,
    send: (batch, signal) => (batch.operation === 'delete' ? remove : load)({ api, keyField, signal }, batch),
    finish: async () => {},
    abandon: async () => {},
  };
}

interface Work {
  readonly api: SelligentApi;
  readonly keyField: string;
  readonly signal: AbortSignal;
}

async function load({ api, keyField, signal }: Work, { rows }: Batch): Promise<BatchOutcome> {
  const named = rows.map((row) => Object.keys(row.fields() ?? {}).filter((name) => name !== keyField));
  const others = named[0] ?? [];
  if (named.some((names) => names.join() !== others.join()))
    return { kind: 'too_large', code: 'fields-differ', message: 'Rows of one load have the same fields' };
  // null is NULL; an empty text is one (since version 5.89).
  const values = rows.map((row) => {
    const fields = row.fields() ?? {};
    return [row.key, ...others.map((name) => fields[name] ?? null)];
  });
  return api.load({ path: 'data', keyField, fields: [keyField, ...others], rows: values, signal });
}

async function remove({ api, keyField, signal }: Work, { rows }: Batch): Promise<BatchOutcome> {
  // Only younger records may go, and Selligent does not say how old one is: it stays.
  const leaving = rows.filter((row) => row.createdSince == null);
  if (leaving.length === 0) return { kind: 'accepted' };
  const outcome = await api.remove({
    ...{ path: 'data', keyField, fields: [keyField], signal },
    rows: leaving.map(({ key }) => [key]),
  });
  if (outcome.kind !== 'counted') return outcome;
  return { ...outcome, accepted: outcome.accepted + rows.length - leaving.length };
}
