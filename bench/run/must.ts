/** Why an experiment cannot be run on this machine. */
export class Skipped extends Error {}

/** Ends a round whose outcome is not what it has to be. */
export function must(condition: boolean, complaint: string): asserts condition {
  if (!condition) throw new Error(complaint);
}
