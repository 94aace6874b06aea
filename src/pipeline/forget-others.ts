import type { DiffJob } from '../diff/job.ts';
import { stateTables } from '../diff/state-tables.ts';
import type { ActivationState } from '../record/ledger.ts';
import type { PersonState } from '../record/person.ts';
import type { Prepared } from './prepare-run.ts';
import type { Bench } from './run-activations.ts';

/** One person, as one activation's state knows it. */
export interface Whose {
  readonly prepared: Prepared;
  /** Name of the entity. */
  readonly entity: string;
  readonly person: PersonState;
}

/** Tables of activations of the same entity that hold these records for this person alone: they are no reason for a record to stay. */
export async function findOwnElsewhere(
  storage: Bench['storage'],
  { prepared, entity, person }: Whose,
): Promise<ReadonlySet<string>> {
  const own = new Set<string>();
  if (prepared.service.facts.destinationKey === null) return own;
  for (const other of storage.states.values()) {
    if (other.entity !== entity || other.activationId === prepared.state?.activationId) continue;
    const { snapshot, changes } = stateTables(storage.ledger.schema, other.tableSuffix);
    if (await person.isHeldBy(snapshot, true)) continue;
    own.add(snapshot.name).add(changes.name);
  }
  return own;
}

/** Whether another activation of the same objects holds one of the person's records. */
export async function isRecordOfAnother(job: DiffJob, person: PersonState): Promise<boolean> {
  for (const snapshot of job.otherSnapshots) if (await person.isHeldBy(snapshot, false)) return true;
  return false;
}

/**
 * Whether an activation of the account that reaches profiles in another way (any list; of a list also objects) knows one of the
 * person's profiles as somebody else's: the platform's own erasure would take it from that one too. What is of another entity is
 * somebody else's here, since only its own key says who it is. Activations of the same objects are asked about elsewhere.
 */
export async function isProfileOfAnother(
  storage: Bench['storage'],
  { prepared, entity, person }: Whose,
): Promise<boolean> {
  const { activation, service, state } = prepared;
  const isMember = service.facts.identifiers !== null;
  for (const other of storage.states.values()) {
    if (other.activationId === state?.activationId || other.activationId === activation.id) continue;
    if (!mayShareProfiles(prepared, other)) continue;
    const tables = stateTables(storage.ledger.schema, other.tableSuffix);
    const isHeld = await person.isKnownAt(other.service === 'audiences' ? tables.identifiers : tables.snapshot, {
      isMember,
      ofMembers: other.service === 'audiences',
      sameEntity: other.entity === entity,
    });
    if (isHeld) return true;
  }
  return false;
}

/** Of an account that nobody knows nobody can say that it is another one. */
function mayShareProfiles({ service, state, destination }: Prepared, other: ActivationState): boolean {
  if (other.platform !== destination.platform) return false;
  if (other.service !== 'audiences' && (other.service !== 'objects' || service.facts.identifiers === null))
    return false;
  const account = state?.account ?? null;
  return account === null || other.account === null || account === other.account;
}
