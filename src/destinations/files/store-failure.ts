import { DinmoError, messageOf } from '../../errors.ts';
import { scrub } from '../../log.ts';

/** Why a store did not do what it was asked. */
export interface StoreFailure {
  /** The place as users write it. */
  readonly title: string;
  /** The vendor's own words, or ours where it has none. */
  readonly said: string;
}

/** The bucket or folder is not there. */
export function placeMissing({ title, said }: StoreFailure): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-place-missing',
    message: `${title} does not exist: ${scrub(said)}`,
    fix: 'Make the bucket or folder, or correct config.path.',
  });
}

/** Known, but without the rights. */
export function accessDenied({ title, said }: StoreFailure): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-access-denied',
    message: `${title} may not be written with these credentials: ${scrub(said)}`,
    fix: 'Give them the rights that the documentation of the files destination lists.',
  });
}

/** Not known, or incomplete. */
export function credentialsRefused({ title, said }: StoreFailure): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-credentials',
    message: `${title} cannot be reached with these credentials: ${scrub(said)}`,
    fix: 'Check the variables that the destination’s credentials name, and whether they have expired.',
  });
}

export function clockSkew({ title, said }: StoreFailure): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-clock-skew',
    message: `${title} refused a signature that is out of time: ${scrub(said)}`,
    fix: 'Set the clock of this machine (NTP), then run it again.',
  });
}

/** `region`: where the bucket is, if the answer says. */
export function wrongRegion({ title, said }: StoreFailure, region: string | null): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-wrong-region',
    message: `${title} is in another region${region === null ? '' : `, ${region}`}: ${scrub(said)}`,
    fix: 'Set config.region of the destination to the region of the bucket.',
  });
}

/** The server showed a key that is not pinned: another machine may stand in its place. */
export function hostKeyRefused(title: string, shown: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-host-key',
    message: `${title} showed the host key ${shown}, which is not the one of config.host_key`,
    fix: 'Ask who runs the server which fingerprint is its own. Change host_key only if they name this one: else another machine answers in its place.',
  });
}

/** A fault on the way or of the other side, after all tries. */
export function storeUnavailable({ title, said }: StoreFailure): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'files-unavailable',
    message: `${title} could not be written: ${scrub(said)}`,
    fix: 'Nothing half-written was published. Run the sync again; `dinmo doctor` tests the destination.',
  });
}

/** Settings of the destination that do not do. */
export function settingsRefused(title: string, what: string, fix: string): DinmoError {
  return new DinmoError({ kind: 'configuration', code: 'invalid-setting', message: `${title}: ${what}`, fix });
}

/** The system's own failures name a path and no value; DuckDB's may quote a value, so their text stays inside. */
export function writeError(path: string, thrown: unknown): DinmoError {
  if (thrown instanceof DinmoError) return thrown;
  const fromSystem = thrown instanceof Error && 'syscall' in thrown;
  return new DinmoError({
    kind: 'destination',
    code: 'file-not-written',
    message: `${path} could not be written${fromSystem ? `: ${messageOf(thrown)}` : ''}`,
    fix: fromSystem
      ? 'Check that the folder of config.path exists, can be written and has room.'
      : "Check that the disk has room, and the columns' types; or choose the format csv or jsonl.",
  });
}
