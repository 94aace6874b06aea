import { DinmoError } from '../../errors.ts';
import { readObject, readText, refused } from '../answer.ts';
import type { ServiceContext } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import { deleteRecords } from './collections.ts';
import type { SalesforceApi } from './connection.ts';
import { findWhere } from './soql.ts';

type Context = Pick<
  ServiceContext,
  'audienceId' | 'audienceName' | 'audienceNameBefore' | 'activation' | 'clock' | 'logger'
>;

/** Record ids of campaigns begin with 701. */
const CAMPAIGN_ID = /^701[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?$/;

/**
 * The id of the campaign: the recorded one, whatever its name is by now; the one that `audience:` names by id; else the one of that
 * name, or a new one. Renames a recorded one whose wanted name has changed. Throws DinmoError where it is out of reach, or where
 * several campaigns have the name.
 */
export async function openCampaign(api: SalesforceApi, context: Context): Promise<string> {
  const name = context.audienceName ?? context.activation;
  if (context.audienceId !== null) {
    const id = context.audienceId;
    const before = context.audienceNameBefore;
    if (before !== null && before !== name && !CAMPAIGN_ID.test(name)) await rename(api, context, { id, name });
    return id;
  }
  return await untilSettled(context, 'Finding or creating the campaign', async (): Promise<Step<string>> => {
    if (CAMPAIGN_ID.test(name)) return await readById(api, name);
    const found = await findWhere(api, { select: ['Id', 'Name'], from: 'Campaign', field: 'Name', values: [name] });
    if (found.kind === 'outcome') return found;
    // SOQL compares without case.
    const ids = found.rows.flatMap((row) => (row['Name'] === name ? (readText(row['Id']) ?? []) : []));
    if (ids.length > 1) return { kind: 'outcome', outcome: AMBIGUOUS };
    const [id] = ids;
    return id === undefined ? await create(api, name) : { kind: 'value', value: id };
  });
}

const AMBIGUOUS = refused(
  'campaign-ambiguous',
  'Several campaigns have that name',
  'Give the id of the campaign (701…) as `audience:`, or rename one of them.',
);

async function readById(api: SalesforceApi, id: string): Promise<Step<string>> {
  const found = await findWhere(api, { select: ['Id'], from: 'Campaign', field: 'Id', values: [id] });
  if (found.kind === 'outcome') return found;
  const known = readText(found.rows[0]?.['Id']);
  if (known !== null) return { kind: 'value', value: known };
  const fix = 'Give the id or the name of a campaign that the user may see as `audience:`.';
  return { kind: 'outcome', outcome: refused('campaign-missing', 'There is no campaign of that id', fix) };
}

/** Should the answer get lost, the next try finds it by its name. */
async function create(api: SalesforceApi, name: string): Promise<Step<string>> {
  const body = JSON.stringify({ Name: name.toWellFormed(), IsActive: true });
  const answer = await api.call({ method: 'POST', path: 'sobjects/Campaign', body });
  if (answer.kind === 'outcome') return answer;
  const id = readText(readObject(answer.json)?.['id']);
  if (id !== null) return { kind: 'value', value: id };
  const outcome = refused(
    'campaign-without-id',
    'Salesforce answered without the id of the campaign',
    'Run the sync again.',
  );
  return { kind: 'outcome', outcome };
}

/** A name that cannot be changed stops nothing: the campaign is known by its id. */
async function rename(
  api: SalesforceApi,
  context: Context,
  campaign: { readonly id: string; readonly name: string },
): Promise<void> {
  const body = JSON.stringify({ Name: campaign.name.toWellFormed() });
  const path = `sobjects/Campaign/${encodeURIComponent(campaign.id)}`;
  const answer = await api.call({ method: 'PATCH', path, body });
  if (answer.kind === 'answer') context.logger.info('audience.renamed', { audience: campaign.id });
  else context.logger.warn('audience.not_renamed', { audience: campaign.id });
}

/**
 * Deletes the campaign (`DELETE composite/sobjects?ids=…`, 67.0): it goes to the recycle bin, for 15 days. Its members would go
 * with it, so one that still has any, whom others have added, stays. One that is gone is deleted. Throws DinmoError.
 */
export async function deleteCampaign(api: SalesforceApi, id: string): Promise<void> {
  const left = await findWhere(api, { select: ['Id'], from: 'CampaignMember', field: 'CampaignId', values: [id] });
  if (left.kind === 'outcome') throw notDeleted('code' in left.outcome ? left.outcome : NO_ANSWER);
  if (left.rows.length > 0) {
    throw notDeleted({
      code: 'campaign-not-empty',
      message: `it has ${left.rows.length} members that dinmo did not add`,
    });
  }
  const answer = await deleteRecords(api, [id], new AbortController().signal);
  if (answer.kind === 'outcome') throw notDeleted('code' in answer.outcome ? answer.outcome : NO_ANSWER);
  const [result] = answer.results;
  if (result?.kind === 'fault') throw notDeleted(result);
}

const NO_ANSWER = { code: 'unexpected-answer', message: 'no answer' };

function notDeleted({ code, message }: { readonly code: string; readonly message: string }): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code,
    message: `Deleting the campaign: ${message}`,
    fix: 'Delete the campaign in Salesforce, or run the command again later.',
  });
}
