import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** Where things are kept: what rounds start from, and what they leave behind. */
export interface Places {
  /** Data sets and states; kept, since they take minutes to make. */
  readonly kept: string;
  /** A new folder for one run. Emptied at the end. */
  scratch(name: string): string;
}

export function createPlaces(): Places & { clean(): void } {
  const kept = join(ROOT, 'bench/.data');
  const scratch = join(kept, 'scratch');
  mkdirSync(kept, { recursive: true });
  rmSync(scratch, { recursive: true, force: true });
  let runs = 0;
  return {
    kept,
    scratch: (name) => {
      runs += 1;
      const folder = join(scratch, `${runs}-${name}`);
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    clean: () => rmSync(scratch, { recursive: true, force: true }),
  };
}

/** Makes what is not there yet, in a place that gets its name once all of it is made. */
export async function makeOnce(path: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  await make(unfinished);
  const { renameSync } = await import('node:fs');
  renameSync(unfinished, path);
  return path;
}
