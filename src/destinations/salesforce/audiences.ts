import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { readText } from '../answer.ts';
import { readEmail } from '../contact-point.ts';
import type { Batch, BatchOutcome, Normaliser, OutgoingRow, Receipt, Service, Session } from '../destination.ts';
import { createNormaliser, trimmed } from '../identifier-rules.ts';
import { hideRowValues } from '../row-values.ts';
import { deleteCampaign, openCampaign } from './campaign.ts';
import { deleteRecords, isGoneCode, type Result, writeRecords } from './collections.ts';
import { createApi, type SalesforceApi } from './connection.ts';
import { commonFault, configurationFault, faultReceipt, type Refusal, type RowFault } from './response.ts';
import { ask, findWhere, soqlText } from './soql.ts';

/** Identifiers as Salesforce keeps them: e-mail addresses trimmed and in lower case, others trimmed; not hashed. */
const normaliser: Normaliser = createNormaliser(1, { email: readEmail, external_id: trimmed, user_id: trimmed });

/**
 * Campaign members, in two steps: contacts (or leads) are found by a field of theirs, then added to the campaign, or removed from
 * it, by their record ids. The contact itself is never made, changed or deleted.
 */
export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser,
    validate: null,
    async open(context) {
      const api = createApi(context);
      const account = await api.account();
      const isOther = account !== null && context.accountBefore !== null && account !== context.accountBefore;
      // In another org the recorded id is nobody’s campaign: it is not renamed.
      const campaignId = await openCampaign(api, isOther ? { ...context, audienceNameBefore: null } : context);
      const { member_object: object, member_field: field, member_status: status } = context.config;
      const work = {
        api,
        campaignId,
        object: String(object ?? 'Contact'),
        field: String(field),
        status: status === undefined ? null : String(status),
      };
      return hideRowValues(createSession(work, account));
    },
    deleteAudience: (context, audienceId) => deleteCampaign(createApi(context), audienceId),
    async verify(context) {
      const { member_object: object, member_field: field } = context.config;
      const api = createApi(context);
      const members = await ask(api, `SELECT Id, ${field} FROM ${object ?? 'Contact'} LIMIT 1`);
      const campaigns = members.kind === 'outcome' ? members : await ask(api, 'SELECT Id FROM CampaignMember LIMIT 1');
      if (campaigns.kind === 'found') return { ok: true, detail: 'the user reads members and campaigns' };
      return { ok: false, detail: 'message' in campaigns.outcome ? campaigns.outcome.message : 'no answer' };
    },
  };
}

interface Campaign {
  readonly api: SalesforceApi;
  readonly campaignId: string;
  readonly object: string;
  readonly field: string;
  readonly status: string | null;
}

function createSession(campaign: Campaign, account: string | null): Session {
  return {
    audienceId: campaign.campaignId,
    account,
    send: (batch, signal) =>
      batch.operation === 'delete' ? removeMembers(campaign, batch, signal) : addMembers(campaign, batch, signal),
    finish: async () => {},
    abandon: async () => {},
  };
}

/** The field of a campaign member that names the contact or lead. */
function memberField({ object }: Campaign): string {
  return `${object}Id`;
}

interface Person {
  /** `<kind>:<value>`, as receipts name an identifier. */
  readonly name: string;
  readonly value: string;
  readonly recordId: string | null;
}

function peopleOf(row: OutgoingRow): readonly Person[] {
  return row.identifiers.map(({ kind, value, recordId }) => ({ name: `${kind}:${value}`, value, recordId }));
}

/** Record ids by value in lower case; several where several contacts share it. */
type Ids = ReadonlyMap<string, readonly string[]>;

async function findPeople(
  { api, object, field }: Campaign,
  values: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly kind: 'ids'; readonly ids: Ids } | Refusal> {
  // A converted lead is a contact, and can be in no campaign any more.
  const and = object === 'Lead' ? { and: 'IsConverted = false' } : {};
  const found = await findWhere(api, { select: ['Id', field], from: object, field, values, ...and }, signal);
  if (found.kind === 'outcome') return found;
  const ids = new Map<string, string[]>();
  for (const row of found.rows) {
    const id = readText(row['Id']);
    const value = readText(row[field])?.toLowerCase();
    if (id === null || value === undefined) continue;
    ids.set(value, [...(ids.get(value) ?? []), id]);
  }
  return { kind: 'ids', ids };
}

/** People whose recorded contact is gone are looked up, and added, once more. */
async function addMembers(campaign: Campaign, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const people = batch.rows.flatMap(peopleOf);
  const unknown = people.filter(({ recordId }) => recordId === null).map(({ value }) => value);
  const found = await findPeople(campaign, unknown, signal);
  if (found.kind === 'outcome') return found.outcome;
  const known = people.flatMap(({ value, recordId }) =>
    recordId === null ? [] : [[value.toLowerCase(), [recordId]] as const],
  );
  const ids = new Map([...found.ids, ...known]);
  const added = await insertMembers(campaign, soleIds(ids), signal);
  if (added.kind === 'outcome') return added.outcome;
  const gone = known.filter(([, [id = '']]) => isGone(added.results.get(id))).map(([value]) => value);
  const again = await findPeople(campaign, gone, signal);
  if (again.kind === 'outcome') return again.outcome;
  const addedAgain = await insertMembers(campaign, soleIds(again.ids), signal);
  if (addedAgain.kind === 'outcome') return addedAgain.outcome;
  for (const value of gone) ids.set(value, again.ids.get(value) ?? []);
  const results = new Map([...added.results, ...addedAgain.results]);
  const faults = [...results.values()].flatMap((result) => (result.kind === 'fault' ? [result] : []));
  const common = commonFault(faults, Math.max(1, results.size));
  if (common !== null) return configurationFault(common);
  return { kind: 'receipts', receipts: batch.rows.map((row) => receiptOfAdd(row, ids, results)) };
}

function soleIds(ids: Ids): readonly string[] {
  return [...ids.values()].flatMap((some) => (some.length === 1 ? some : []));
}

function isGone(result: Result | undefined): boolean {
  return result?.kind === 'fault' && isGoneCode(result.code);
}

/** What became of each contact. One that is a member already counts as added. */
async function insertMembers(
  campaign: Campaign,
  contactIds: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly kind: 'inserted'; readonly results: ReadonlyMap<string, Result> } | Refusal> {
  const { api, campaignId, status } = campaign;
  const ids = [...new Set(contactIds)];
  const records = ids.map((id) =>
    JSON.stringify({
      attributes: { type: 'CampaignMember' },
      CampaignId: campaignId,
      [memberField(campaign)]: id,
      ...(status === null ? {} : { Status: status }),
    }),
  );
  const answer = await writeRecords(api, { target: { verb: 'insert' }, records, signal });
  if (answer.kind === 'outcome') return answer;
  const results = ids.flatMap((id, index) => {
    const result = answer.results[index];
    if (result === undefined) return [];
    const isMember = result.kind === 'fault' && result.code === 'DUPLICATE_VALUE';
    return [[id, isMember ? ({ kind: 'done', id, created: false } as const) : result] as const];
  });
  return { kind: 'inserted', results: new Map(results) };
}

/** A row is in when one of its identifiers is. */
function receiptOfAdd(row: OutgoingRow, ids: Ids, results: ReadonlyMap<string, Result>): Receipt {
  const { seq } = row;
  const recordIds: Record<string, string> = {};
  let fault: RowFault | null = null;
  for (const { name, value } of peopleOf(row)) {
    const some = ids.get(value.toLowerCase()) ?? [];
    const [id = ''] = some;
    const result = some.length === 1 ? results.get(id) : undefined;
    if (result?.kind === 'done') recordIds[name] = id;
    else if (result?.kind === 'fault') fault = result;
    else fault ??= some.length > 1 ? AMBIGUOUS : MISSING;
  }
  if (Object.keys(recordIds).length > 0) return { seq, status: 'accepted', identifierRecordIds: recordIds };
  return faultReceipt(seq, fault ?? MISSING);
}

const MISSING: RowFault = { code: 'member-not-found', message: 'Salesforce has nobody with that identifier' };
const AMBIGUOUS: RowFault = { code: 'member-ambiguous', message: 'Several people in Salesforce have that identifier' };

/** People who are not there, or not in the campaign, are out of it. */
async function removeMembers(campaign: Campaign, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const { api, campaignId } = campaign;
  const people = batch.rows.flatMap(peopleOf);
  const unknown = people.filter(({ recordId }) => recordId === null).map(({ value }) => value);
  const found = await findPeople(campaign, unknown, signal);
  if (found.kind === 'outcome') return found.outcome;
  const idsOf = ({ value, recordId }: Person): readonly string[] =>
    recordId === null ? (found.ids.get(value.toLowerCase()) ?? []) : [recordId];
  const field = memberField(campaign);
  const members = await findWhere(
    api,
    {
      select: ['Id', field],
      from: 'CampaignMember',
      field,
      values: people.flatMap(idsOf),
      and: `CampaignId = ${soqlText(campaignId)}`,
    },
    signal,
  );
  if (members.kind === 'outcome') return members.outcome;
  const memberships = members.rows.flatMap((row) => {
    const [id, person] = [readText(row['Id']), readText(row[field])];
    return id === null || person === null ? [] : [{ id, person }];
  });
  const removed = await deleteRecords(
    api,
    memberships.map(({ id }) => id),
    signal,
  );
  if (removed.kind === 'outcome') return removed.outcome;
  const faults = new Map<string, RowFault>();
  for (const [index, result] of removed.results.entries())
    if (result.kind === 'fault') faults.set(memberships[index]?.person ?? '', result);
  return {
    kind: 'receipts',
    receipts: batch.rows.map((row): Receipt => {
      const fault = peopleOf(row)
        .flatMap(idsOf)
        .flatMap((id) => faults.get(id) ?? [])[0];
      return fault === undefined ? { seq: row.seq, status: 'accepted' } : faultReceipt(row.seq, fault);
    }),
  };
}
