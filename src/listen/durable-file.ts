import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The end of the name of a file that is being written. */
export const UNFINISHED = '.tmp';

/**
 * Writes a file so that it stands there whole once this returns, and either as before or whole whenever the process or the
 * machine dies. Throws what the file system throws.
 */
export function writeDurably(path: string, text: string): void {
  const unfinished = join(dirname(path), `.${basename(path)}${UNFINISHED}`);
  try {
    const file = openSync(unfinished, 'w', 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (thrown) {
    rmSync(unfinished, { force: true });
    throw thrown;
  }
  syncFolder(dirname(path));
}

/** The name of a new file is part of its folder, which has to reach the disk too. Not every system can do that. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
