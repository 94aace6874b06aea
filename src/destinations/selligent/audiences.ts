import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { narrow, readObject, readText, refused } from '../answer.ts';
import { readEmail } from '../contact-point.ts';
import type { Batch, BatchOutcome, Normaliser, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { createNormaliser, trimmed } from '../identifier-rules.ts';
import { type Step, untilSettled } from '../opening.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, eraseRecords, requireFieldNames, requireFields, type SelligentApi, verifyList } from './api.ts';
import { MAIL_FIELD, ROWS_MAX, rowsMax } from './facts.ts';

/** Identifiers as lists hold them, in clear: e-mail addresses trimmed and in lower case, ids trimmed. */
const normaliser: Normaliser = createNormaliser(1, { email: readEmail, external_id: trimmed });

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser,
    limits: (config) => ({ rowsPerRequestMax: rowsMax(config) }),
    validate: (row, _now, config) => {
      if (row.operation === 'delete' || config === undefined || valuesOf(row, config).length > 0) return null;
      const message = `The row has no ${String(config['match_by'])}, by which contacts are found (config.match_by)`;
      return { code: 'no-contact-id', message, leaves: true };
    },
    async open(context) {
      const api = createApi(context);
      requireOwnField(context.config);
      await requireFields(api, context, [String(context.config['id_field'])]);
      const name = context.audienceName ?? context.activation;
      const segment = context.audienceId ?? apiNameOf(name);
      const found = await untilSettled(context, 'Finding the static segment', () => findSegment(api, segment));
      if (!found && context.config['create_segment'] !== true) throw segmentMissing(segment);
      return hideRowValues(createSession({ api, config: context.config, name, segment }, found));
    },
    erase: (context, people) =>
      eraseRecords(
        context,
        people.flatMap((person) => valuesOf(person, context.config)),
      ),
    verify: verifyList,
  };
}

/** An id in the field of addresses finds nobody. Throws DinmoError `invalid-setting`, `invalid-field-name`. */
function requireOwnField({ match_by: kind, id_field: field }: ServiceContext['config']): void {
  requireFieldNames([String(field)]);
  if (kind !== 'external_id' || field !== MAIL_FIELD) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: 'config.id_field is MAIL, which holds e-mail addresses and no external id',
    fix: 'Set id_field to the field of the list that holds your own id of a contact.',
  });
}

/** The API name that an audience's name becomes: letters, digits and `_`, which stands for everything else. Throws DinmoError `invalid-audience-name`. */
export function apiNameOf(name: string): string {
  const ascii = name.normalize('NFD').replaceAll(/\p{M}/gu, '');
  const apiName = ascii.replaceAll(/[^A-Za-z0-9_]+/g, '_').replaceAll(/^_+|_+$/g, '');
  if (apiName !== '' && apiName.length <= 100) return apiName;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-audience-name',
    message:
      'The audience’s name gives no API name of a segment: it has no letter or digit, or more than 100 characters',
    fix: 'Give it another name with `audience:`.',
  });
}

/** `GET lists/{list}/segments/{segment}`. A segment that follows a filter takes no members. */
async function findSegment(api: SelligentApi, segment: string): Promise<Step<boolean>> {
  const answer = await api.read(`segments/${encodeURIComponent(segment)}`);
  if (answer.kind === 'outcome') return answer.status === 404 ? { kind: 'value', value: false } : answer;
  const body = readObject(answer.value);
  if (body === null)
    return { kind: 'outcome', outcome: narrow('segment-unreadable', 'Selligent answered 2xx without the segment') };
  const type = readText(body['type'] ?? body['Type']) ?? '';
  if (!/dynamic|derived|external/i.test(type)) return { kind: 'value', value: true };
  return {
    kind: 'outcome',
    outcome: refused(
      'segment-not-static',
      'The segment is none that members can be loaded into',
      'Make a static segment, and name it with `audience:`.',
    ),
  };
}

function segmentMissing(segment: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'segment-missing',
    message: `The list has no segment with the API name ${segment}`,
    fix: 'Make a static segment of that API name in Selligent, name another with `audience:`, or set create_segment: true.',
  });
}

interface Work {
  readonly api: SelligentApi;
  readonly config: ServiceContext['config'];
  readonly name: string;
  readonly segment: string;
}

function createSession(work: Work, found: boolean): Session {
  let exists = found;
  return {
    audienceId: work.segment,
    account: null,
    async send(batch, signal) {
      const values = [...new Set(batch.rows.flatMap((row) => valuesOf(row, work.config)))];
      // A removal may carry nothing that the destination goes by: it never went there.
      if (values.length === 0 || (!exists && batch.operation === 'delete')) return { kind: 'accepted' };
      if (values.length > ROWS_MAX) return tooMany(batch, values.length);
      if (!exists) {
        const refusal = await createSegment(work, values[0] ?? '', signal);
        if (refusal !== null) return refusal;
        exists = true;
      }
      return ofRows(batch, values.length, await changeMembers(work, batch, { values, signal }));
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

/** A member with two addresses is two contacts. */
function tooMany(batch: Batch, count: number): BatchOutcome {
  const message = `${count} identifiers are more than one request takes`;
  if (batch.rows.length === 1) return narrow('too-many-identifiers', message);
  return { kind: 'too_large', code: 'too-many-identifiers', message };
}

/** The row's identifiers of the kind that contacts are found by, each once, the first rank first. */
function valuesOf(row: Pick<OutgoingRow, 'identifiers'>, config: ServiceContext['config']): readonly string[] {
  const kind = config['match_by'] === 'external_id' ? 'external_id' : 'email';
  const sorted = row.identifiers.filter((one) => one.kind === kind).sort((a, b) => a.rank - b.rank);
  return [...new Set(sorted.map(({ value }) => value))];
}

/**
 * A static segment comes into being with a load of the list (`create_segment_name`), which would make contacts that are not there:
 * one member is enough. An answer that was lost may have made it, so that it is looked for first. null: it is there.
 */
async function createSegment(work: Work, value: string, signal: AbortSignal): Promise<BatchOutcome | null> {
  const { api, segment, name } = work;
  const found = await findSegment(api, segment);
  if (found.kind === 'outcome') return found.outcome;
  if (found.value) return null;
  const keyField = String(work.config['id_field']);
  const more = { create_segment_name: name, create_segment_api_name: segment };
  const outcome = await api.load({ path: 'data', keyField, fields: [keyField], rows: [[value]], more, signal });
  if (outcome.kind === 'accepted') return null;
  // One member may be at fault, and the engine finds out which.
  return outcome.kind === 'counted' ? narrow(outcome.code, outcome.message) : outcome;
}

async function changeMembers(
  work: Work,
  { operation }: Batch,
  { values, signal }: { readonly values: readonly string[]; readonly signal: AbortSignal },
): Promise<BatchOutcome> {
  const keyField = String(work.config['id_field']);
  const path = `segments/${encodeURIComponent(work.segment)}/data`;
  const members = { path, keyField, fields: [keyField], rows: values.map((value) => [value]), signal };
  return await (operation === 'delete' ? work.api.remove(members) : work.api.load(members));
}

/** A count is of contacts, which are as many as the rows where each has one of its own. */
function ofRows({ rows }: Batch, contacts: number, outcome: BatchOutcome): BatchOutcome {
  if (outcome.kind !== 'counted') return outcome;
  return { ...outcome, accepted: contacts === rows.length ? outcome.accepted : 0 };
}
