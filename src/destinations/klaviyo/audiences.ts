import type { IdentifierKind } from '../../artifacts/annotation.ts';
import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { narrow } from '../answer.ts';
import type {
  Batch,
  BatchOutcome,
  FieldValue,
  Job,
  OutgoingRow,
  Receipt,
  Service,
  ServiceContext,
  Session,
} from '../destination.ts';
import { renderJson } from '../json.ts';
import { oneByOne } from '../one-by-one.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type KlaviyoApi, readAccount, verifyRead, withPause } from './api.ts';
import { eraseProfiles } from './deletion.ts';
import { MEMBERS_MAX, PROFILE_KEYS } from './facts.ts';
import { readImport, submitImport } from './import-jobs.ts';
import { openList } from './list.ts';
import { findProfiles } from './lookup.ts';
import { klaviyoNormaliser } from './normalise.ts';
import { type Refusal, withoutWord } from './response.ts';
import { importProfile, rowEnd, SINGLES_MAX, SPACING_MS } from './single-imports.ts';

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: klaviyoNormaliser,
    validate: (row, _now, config) => {
      if (row.operation === 'delete' || config === undefined || valuesOf(row, config).length > 0) return null;
      return { code: 'no-identifier', message: `The row has no ${String(config['match_by'])} (config.match_by)` };
    },
    async open(context) {
      const api = createApi(context);
      const account = await readAccount(api, context.clock);
      const isOther = account !== null && context.accountBefore !== null && account !== context.accountBefore;
      // In another account the recorded id is somebody else's list: it is not renamed.
      const listId = await openList(api, isOther ? { ...context, audienceNameBefore: null } : context);
      return hideRowValues(createSession({ api, context, listId, written: new Map() }, account));
    },
    async deleteAudience(context, audienceId) {
      const path = `lists/${encodeURIComponent(audienceId)}`;
      const answer = await createApi(context).call({ method: 'DELETE', path });
      if (answer.kind === 'value' || answer.status === 404) return;
      const said = 'code' in answer.outcome ? answer.outcome : { code: 'unexpected-answer', message: 'no answer' };
      throw new DinmoError({
        kind: 'destination',
        code: said.code,
        message: `Deleting the list: ${said.message}`,
        fix: 'Delete the list in Klaviyo, or run the command again later.',
      });
    },
    erase: (context, people) => {
      const kind = kindOf(context.config);
      const profiles = people
        .flatMap(({ identifiers }) => identifiers.filter((one) => one.kind === kind))
        .map(({ value, recordId }) => ({ key: value, recordId }));
      return eraseProfiles(context, profiles, PROFILE_KEYS[kind]);
    },
    verify: (context) => verifyRead(context, 'lists?fields[list]=name', 'the key reads lists'),
  };
}

interface Work {
  readonly api: KlaviyoApi;
  readonly context: ServiceContext;
  readonly listId: string;
  /** Ids of the profiles that this session has written, by value: a batch that comes again writes the others. */
  readonly written: Map<string, string>;
}

function createSession(work: Work, account: string | null): Session {
  return {
    audienceId: work.listId,
    account,
    send(batch, signal) {
      if (batch.operation === 'delete') return removeMembers(work, batch, signal);
      const isSmall = work.context.changes <= SINGLES_MAX && batch.rows.length <= SINGLES_MAX;
      return isSmall ? addOneByOne(work, batch, signal) : addByJob(work, batch, signal);
    },
    poll: (job, signal) => readJob(work, job, signal),
    finish: async () => {},
    abandon: async () => {},
  };
}

function kindOf(config: ServiceContext['config']): keyof typeof PROFILE_KEYS {
  const wanted = config['match_by'];
  return wanted === 'phone' || wanted === 'external_id' ? wanted : 'email';
}

/** The row's identifiers of the kind that makes profiles, each once. */
function identifiersOf(row: OutgoingRow, config: ServiceContext['config']): ReadonlyMap<string, string | null> {
  const kind: IdentifierKind = kindOf(config);
  const found = new Map<string, string | null>();
  for (const one of row.identifiers) {
    if (one.kind === kind) found.set(one.value, one.recordId ?? found.get(one.value) ?? null);
  }
  return found;
}

function valuesOf(row: OutgoingRow, config: ServiceContext['config']): readonly string[] {
  return [...identifiersOf(row, config).keys()];
}

function profileOf(value: string, config: ServiceContext['config']): FieldValue {
  return { type: 'profile', attributes: { [PROFILE_KEYS[kindOf(config)]]: value } };
}

/** Lists take profile ids only: each profile is made or found first, then all are added at once. */
async function addOneByOne(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const { api, context, written: ids } = work;
  const steps = { clock: context.clock, signal, spacingMs: SPACING_MS, repeatable: true };
  const outcome = await oneByOne(batch.rows, steps, async (row) => {
    const recordIds: Record<string, string> = {};
    let pauseMs: number | null = null;
    for (const [value, known] of identifiersOf(row, context.config)) {
      // A profile that is known by an id may be gone since: it is made again by its identifier, which finds it otherwise.
      const written = ids.has(value) ? null : await importProfile(api, profileOf(value, context.config), signal);
      if (written?.kind === 'outcome') return rowEnd(row.seq, written);
      if (written !== null) ids.set(value, written.id);
      pauseMs = written?.pauseMs ?? pauseMs;
      recordIds[`${kindOf(context.config)}:${value}`] = ids.get(value) ?? known ?? '';
    }
    return { kind: 'receipt', receipt: { seq: row.seq, status: 'accepted', identifierRecordIds: recordIds }, pauseMs };
  });
  if (outcome.kind !== 'receipts') return outcome;
  const taken = outcome.receipts.filter((receipt) => receipt.status === 'accepted');
  const members = taken.flatMap((receipt) => Object.values(receipt.identifierRecordIds ?? {}));
  const added = await changeMembers(work, 'POST', { ids: members, signal });
  // Perhaps one of them is gone by now.
  if (added.kind === 'outcome' && added.outcome.kind !== 'retry') ids.clear();
  return added.kind === 'outcome' ? added.outcome : withPause(outcome, added.pauseMs);
}

/** The job makes the profiles and adds them to the list. Two rows of one profile, or two profiles of one row, leave their places. */
async function addByJob({ api, context, listId }: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const values = batch.rows.map((row) => valuesOf(row, context.config));
  if (values.some((some) => some.length === 0)) return narrow('no-identifier', 'A row has nothing to be found by');
  const all = new Set(values.flat());
  const inRows = all.size === batch.rows.length && values.every((some) => some.length === 1);
  const profiles = [...all].map((value) => profileOf(value, context.config));
  return submitImport(api, { profiles, listId, inRows, signal });
}

async function readJob({ api }: Work, job: Job, signal: AbortSignal): Promise<BatchOutcome> {
  const end = await readImport(api, job, signal);
  if (end.kind === 'outcome') return end.outcome;
  if (end.faults.size === 0) return { kind: 'accepted' };
  const receipts = job.rows.map(({ seq }): Receipt => {
    const fault = end.faults.get(seq);
    if (fault === undefined) return { seq, status: 'accepted' };
    return { seq, status: 'rejected', code: fault.code, message: fault.message };
  });
  return { kind: 'receipts', receipts };
}

/** Who has no profile is in no list. A recorded id that is gone is looked up anew. */
async function removeMembers(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const { config } = work.context;
  const members = new Map(batch.rows.flatMap((row) => [...identifiersOf(row, config)]));
  const known = [...members.values()].filter((id) => id !== null);
  const unknown = [...members].filter(([, id]) => id === null).map(([value]) => value);
  const found = await lookUp(work, unknown, signal);
  if (found.kind === 'outcome') return found.outcome;
  const removed = await changeMembers(work, 'DELETE', { ids: [...known, ...found.ids], signal });
  if (removed.kind === 'changed') return acceptAll(batch, removed.pauseMs);
  if (removed.status !== 404 || known.length === 0) return removed.outcome;
  const again = await lookUp(work, [...members.keys()], signal);
  if (again.kind === 'outcome') return again.outcome;
  const left = await changeMembers(work, 'DELETE', { ids: again.ids, signal });
  return left.kind === 'changed' ? acceptAll(batch, left.pauseMs) : left.outcome;
}

function acceptAll({ rows }: Batch, pauseMs: number | null): BatchOutcome {
  const receipts = rows.map(({ seq }): Receipt => ({ seq, status: 'accepted' }));
  return withPause({ kind: 'receipts', receipts }, pauseMs);
}

async function lookUp(
  { api, context }: Work,
  values: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly kind: 'ids'; readonly ids: readonly string[] } | Refusal> {
  const attribute = PROFILE_KEYS[kindOf(context.config)];
  const found = await findProfiles({ api, clock: context.clock, attribute, signal }, values);
  if (found.kind === 'outcome') return found;
  return { kind: 'ids', ids: [...found.profiles.values()].map(({ id }) => id) };
}

/** `POST` or `DELETE /api/lists/{id}/relationships/profiles`, with at most 1,000 ids. Consent is not touched. */
async function changeMembers(
  { api, listId }: Work,
  method: 'POST' | 'DELETE',
  { ids, signal }: { readonly ids: readonly string[]; readonly signal: AbortSignal },
): Promise<{ readonly kind: 'changed'; readonly pauseMs: number | null } | Refusal> {
  const unique = [...new Set(ids)];
  let pauseMs: number | null = null;
  for (let start = 0; start < unique.length; start += MEMBERS_MAX) {
    const data = unique.slice(start, start + MEMBERS_MAX).map((id) => ({ type: 'profile', id }));
    const path = `lists/${encodeURIComponent(listId)}/relationships/profiles`;
    const answer = await api.call({ method, path, body: renderJson({ data }), signal });
    if (answer.kind === 'outcome') return answer;
    if (answer.status !== 204) return withoutWord(answer.status, 'that the members have changed');
    pauseMs = answer.pauseMs;
  }
  return { kind: 'changed', pauseMs };
}
