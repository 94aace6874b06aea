import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { readEmail, readPhone } from '../contact-point.ts';
import type { FieldValue, Invalidity, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { type BrazeApi, createApi, verifyKey } from './api.ts';
import { decimalFields, isOperator, renderValue, requireAttributes } from './attributes.ts';
import { deleteRows, eraseProfiles } from './deletion.ts';
import { objectsMax } from './facts.ts';
import { idFieldOf, renderProfile, requireAliasLabel } from './profile.ts';
import { readTrack } from './response.ts';

export function createObjects(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    limits: (config) => ({ rowsPerRequestMax: objectsMax(config) }),
    validate: (row, _now, config) => validateObject(row, config),
    async open(context) {
      requireAliasLabel(context.config);
      requireAttributes(context.columns, idFieldOf(context.config));
      requireDeletable(context);
      return hideRowValues(createSession(createApi(context), context));
    },
    erase: (context, people) =>
      eraseProfiles(
        context,
        people.map(({ key }) => key),
      ),
    verify: (context) => verifyKey(context, '/users/track'),
  };
}

function validateObject(row: OutgoingRow, config: ServiceContext['config'] | undefined): Invalidity | null {
  if (row.operation === 'delete') return null;
  const field = config === undefined ? null : idFieldOf(config);
  if (field === 'email' && readEmail(row.key) === null)
    return { code: 'invalid-email', message: 'The value of the id field is not an e-mail address' };
  if (field === 'phone' && readPhone(row.key, undefined) !== row.key)
    return { code: 'invalid-phone', message: 'The value of the id field is not a phone number in E.164' };
  if (!Object.values(row.fields() ?? {}).some(isOperator)) return null;
  return {
    code: 'attribute-operator',
    message:
      'A value such as {"inc": …} or {"add": …} is an order to Braze, which would be carried out again and again',
  };
}

/** Braze never says whether it made a profile, so that none counts as ours. Throws DinmoError `delete-needs-delete-existing`. */
function requireDeletable({ operations, config }: ServiceContext): void {
  if (!operations.includes('delete') || config['delete_existing'] === true) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'delete-needs-delete-existing',
    message: 'Braze does not say which profiles were there before, so that none would be deleted',
    fix: 'Set delete_existing: true where profiles may be deleted for ever, or take delete out of the operations.',
  });
}

function createSession(api: BrazeApi, context: ServiceContext): Session {
  const decimals = decimalFields(context.columns);
  return {
    audienceId: null,
    account: null,
    async send(batch, signal) {
      if (batch.operation === 'delete') return deleteRows({ api, config: context.config, signal }, batch);
      const attributes = batch.rows.map((row) => renderAttributes(row, context.config, decimals));
      const answer = await api.post('/users/track', { attributes }, signal);
      if (answer.kind === 'outcome') return answer.outcome;
      const owners = batch.rows.map(({ seq }) => [seq]);
      return readTrack(answer, { array: 'attributes', owners, rows: batch.rows, repeatable: true });
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

/** One attributes object; the id field stands in it once, as the key says. */
export function renderAttributes(
  row: OutgoingRow,
  config: ServiceContext['config'],
  decimals: ReadonlySet<string>,
): { readonly [name: string]: FieldValue } {
  const idField = idFieldOf(config);
  const fields = Object.entries(row.fields() ?? {}).filter(([name]) => name !== idField);
  const values = fields.map(([name, value]) => [name, renderValue(value, decimals.has(name))]);
  return { ...Object.fromEntries(values), ...renderProfile(config, row.key, config['update_existing_only'] === true) };
}
