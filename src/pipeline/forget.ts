import { DinmoError, type ExitCode } from '../errors.ts';
import { erasureOf } from '../knowledge/service-facts.ts';
import type { Activation, Entity } from '../knowledge/store.ts';
import type { ActivationState } from '../record/ledger.ts';
import type { PersonCounts } from '../record/person.ts';
import type { SyncReport } from '../report/activation-report.ts';
import type { ForgetReport, ForgottenAt } from '../report/forget-report.ts';
import { leftActivation, prepareLeft, prepareRemoval } from './clean-members.ts';
import { withoutBlock } from './clean-state.ts';
import type { Context } from './context.ts';
import { prepareTelling } from './events.ts';
import { countPerson, forgetAt } from './forget-activation.ts';
import { findHolders, Histories, memberText, type Remembered, readKey } from './forget-key.ts';
import { scrubRehearsal } from './forget-rehearsal.ts';
import { clockOf, type ForgetOptions, loggerOf } from './options.ts';
import { entitiesOnTheWay, type Prepared } from './prepare-run.ts';
import { type Bench, type Choice, conduct, loggerFrom } from './run-activations.ts';
import { newId, rehearsalSchema } from './storage.ts';
import { requireTarget, syncRun } from './sync.ts';
import { type ActivationResult, plainResult } from './verdict.ts';

/**
 * Erases one person: from every destination that can, from the state of every activation of the entity, from the history of rows.
 * Without `yes` it counts. Killed at any moment it can be run again, and goes on: what is not known to be gone stays in the state.
 * The answer is the receipt, which says nothing of who it was.
 */
export async function forgetPerson(options: ForgetOptions): Promise<ForgetReport> {
  const at = clockOf(options).now();
  const notes: Notes = {
    receipt: newId(at),
    known: new Map(),
    ends: new Map(),
    target: null,
    history: null,
    holders: { stillIn: [], notAsked: [] },
    notCovered: [],
  };
  const report = await conduct({
    options,
    syncId: notes.receipt,
    access: options.yes ? 'write' : 'read',
    allow: (context) => {
      requireTarget(context, 'forget');
      readKey(requireEntity(context, options.entity), options.key);
    },
    choose: (bench) => choose(bench, options, notes),
    each: (bench, activation) => forgetOne(bench, { options: { ...options, ...loggerFrom(bench) }, notes }, activation),
  });
  return forgetReport(options, notes, { report, at: new Date(at).toISOString() });
}

/** What is learned on the way. */
interface Notes {
  readonly receipt: string;
  /** Of activations that know the person. */
  readonly known: Map<string, { readonly counts: PersonCounts; readonly state: ActivationState }>;
  readonly ends: Map<string, Pick<ForgottenAt, 'outcome' | 'removed' | 'stays' | 'reason'>>;
  target: string | null;
  history: ForgetReport['history'];
  holders: Pick<ForgetReport, 'stillIn' | 'notAsked'>;
  notCovered: ForgetReport['notCovered'];
}

/** Throws DinmoError `unknown-entity`. */
function requireEntity({ store }: Context, name: string): Entity {
  const entity = store.entities.get(name);
  if (entity) return entity;
  throw new DinmoError({
    kind: 'configuration',
    code: 'unknown-entity',
    message: `There is no entity ${name}.`,
    fix: `There are: ${[...store.entities.keys()].join(', ') || 'none'}.`,
  });
}

/** The activations of the entity: disabled ones hold what they sent, and so do those whose block is gone. */
async function choose(bench: Bench, options: ForgetOptions, notes: Notes): Promise<Choice> {
  const { context, storage } = bench;
  const { store } = context;
  const entity = requireEntity(context, options.entity);
  const key = readKey(entity, options.key);
  notes.target = context.project.profile().targetName;
  const living = [...store.activations.values()].filter((activation) => activation.entity === entity.name);
  const left = withoutBlock(storage.states, store).filter((state) => state.entity === entity.name);
  notes.holders = await findHolders(bench, entity, key);
  if (options.yes && !options.sandboxUrl) await cleanRehearsal(bench, notes, { entity: entity.name, key });
  notes.notCovered = [...store.activations.values()].flatMap((activation) =>
    activation.entity !== entity.name && reaches(context, activation, entity.name)
      ? [{ activation: activation.id, entity: activation.entity }]
      : [],
  );
  const ids = [...living.map(({ id }) => id), ...left.map(({ activationId }) => activationId)];
  await cleanHistory(bench, notes, {
    ...{ activations: ids, keys: [key], yes: options.yes },
    member: { entity: entity.name, text: memberText(entity, key) },
  });
  const activations = living.map((activation): Activation => ({ ...activation, enabled: true }));
  for (const state of left) {
    const destination = store.destinations.get(state.destination) ?? { name: state.destination, origin: entity.origin };
    activations.push(leftActivation(state, destination, []));
  }
  return { activations };
}

/** Whether an activation may have sent something of an entity that is not its own. */
function reaches(context: Context, { entity: name, mapping, identifiers }: Activation, target: string): boolean {
  const entity = context.store.entities.get(name);
  const paths = [
    ...mapping.flatMap(({ source }) => (source.kind === 'column' ? [source.path] : [])),
    ...identifiers.map(({ path }) => path),
  ];
  return (
    [...(entity?.relationships.values() ?? [])].some(({ to }) => to === target) ||
    paths.some((path) => entitiesOnTheWay(context, name, path).includes(target))
  );
}

/** Before the state forgets under which keys the person stood there. */
async function cleanHistory(
  bench: Bench,
  notes: Notes,
  { yes, ...whom }: Remembered & { readonly yes: boolean },
): Promise<void> {
  const before = notes.history?.rows ?? 0;
  try {
    const histories = await Histories.open(bench);
    const rows = before + (await histories.count(whom));
    if (yes && rows > before) await histories.remove(whom);
    notes.history = { rows, removed: yes, reason: notes.history?.reason ?? null };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const reason = 'they could not be removed, since they are dbt’s tables: remove them there, by the hash of the key.';
    notes.history = { rows: before, removed: false, reason };
  }
}

/** It is no reason to stop, but one to say so. */
async function cleanRehearsal(
  bench: Bench,
  notes: Notes,
  { entity, key }: { readonly entity: string; readonly key: string },
): Promise<void> {
  try {
    await scrubRehearsal(bench, entity, key);
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const { stillIn, notAsked } = notes.holders;
    const { schema } = rehearsalSchema(bench.storage.ledger.schema);
    notes.holders = { stillIn, notAsked: [...notAsked, schema] };
  }
}

async function forgetOne(
  bench: Bench,
  { options, notes }: { readonly options: ForgetOptions; readonly notes: Notes },
  activation: Activation,
): Promise<ActivationResult> {
  const { context, storage } = bench;
  const entity = requireEntity(context, options.entity);
  const key = readKey(entity, options.key);
  const state = storage.states.get(activation.id) ?? storage.states.get(activation.was ?? '') ?? null;
  if (state === null) return plainResult(activation, 'skipped', 'never synced', 0);
  const person = await countPerson(bench, { state, activation, key });
  await cleanHistory(bench, notes, {
    activations: [state.activationId],
    keys: person.keys.filter((other) => other !== key),
    ...{ member: null, yes: options.yes },
  });
  const { rows, identifiers, rejections, pending } = person.counts;
  if (rows + identifiers + rejections + pending === 0) return plainResult(activation, 'skipped', 'nothing known', 0);
  notes.known.set(activation.id, { counts: person.counts, state });
  const prepared = await prepareFor(bench, activation, state);
  const erasure = erasureOf(prepared.service.facts);
  if (!options.yes) {
    notes.ends.set(activation.id, { outcome: 'found', removed: 0, stays: erasure.stays, reason: null });
    return plainResult(activation, 'blocked', 'confirm with --yes', 1);
  }
  const { result, end } = await forgetAt(syncRun(bench, options, notes.receipt), prepared, {
    key,
    entity: entity.name,
    ...person,
    keepExisting: options.keepExisting === true,
    isStillThere: notes.holders.stillIn.length > 0,
  });
  notes.ends.set(activation.id, { ...end, stays: erasure.stays });
  loggerOf(options).info('person.forgotten', { outcome: end.outcome, rows, removed: end.removed });
  return result;
}

async function prepareFor(bench: Bench, activation: Activation, state: ActivationState): Promise<Prepared> {
  const { context, storage } = bench;
  if (context.store.activations.has(activation.id))
    return await prepareTelling({ context, storage }, { activation, secrets: 'needed' });
  const left = await prepareLeft(bench, state);
  return left.service.facts.operations.includes('delete') ? await prepareRemoval(bench, state) : left;
}

function forgetReport(
  options: ForgetOptions,
  notes: Notes,
  { report, at }: { readonly report: SyncReport; readonly at: string },
): ForgetReport {
  const { known, ends, holders, history } = notes;
  const activations = report.activations.flatMap(({ activation, reason }): ForgottenAt[] => {
    const about = known.get(activation);
    if (about === undefined) return [];
    const { counts, state } = about;
    const { destination, platform, service } = state;
    const end = ends.get(activation) ?? { outcome: 'failed', removed: 0, stays: null, reason };
    const rows = Math.max(counts.rows, end.removed);
    return [{ activation, destination, platform, service, rows, shared: counts.shared, ...end }];
  });
  const isOpen = holders.stillIn.length > 0 || (history?.reason ?? null) !== null;
  const isFound = !options.yes && (history?.rows ?? 0) > 0;
  const exitCode = Math.max(report.exitCode, isOpen || isFound ? 1 : 0) as ExitCode; // the greatest of exit codes is one of them
  return {
    receipt: notes.receipt,
    at,
    entity: options.entity,
    target: notes.target,
    sandbox: Boolean(options.sandboxUrl),
    confirmed: options.yes,
    activations,
    history,
    ...holders,
    notCovered: notes.notCovered,
    error: report.error,
    exitCode,
  };
}
