import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { z } from 'zod';
import { DinmoError } from '../../errors.ts';
import { jsonAnswer, nothingHeld, type SimulatedDestination, type SimulatedPlatform } from '../platform.ts';
import type { FileState } from '../sandbox-state.ts';

const FILES_MAX = 1000;
const COUNTED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Files are written to disk, not sent: a rehearsal writes them to a folder of its own, and the sandbox shows what is in the
 * folder that it was told of. Only folders with a part named `dinmo_sandbox` are looked into.
 */
export const files: SimulatedPlatform = {
  name: 'files',
  faults: () => [],
  htmlApplies: false,
  failure: () => notServed(),
  open(saved): SimulatedDestination {
    let folder = z.string().nullable().parse(saved);
    return {
      handle: notServed,
      holdings: (rowsMax) => ({ ...nothingHeld, files: folder === null ? [] : readFolder(folder, rowsMax) }),
      save: () => folder,
      configure(setup) {
        if (setup.folder === undefined) return;
        if (!setup.folder.split(/[\\/]/).includes('dinmo_sandbox') || setup.folder.split(/[\\/]/).includes('..')) {
          throw new DinmoError({
            ...{ kind: 'configuration', code: 'sandbox-folder-refused' },
            message: 'The sandbox looks only into folders that have a part named dinmo_sandbox.',
            fix: 'Give the folder that a rehearsal writes to: <target path>/dinmo_sandbox/<path>.',
          });
        }
        folder = setup.folder;
      },
    };
  },
};

function notServed() {
  return jsonAnswer(404, { error: { code: 'not-served', message: 'files are written to disk, not sent' } });
}

function readFolder(folder: string, filesMax: number): readonly FileState[] {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    // Nothing was written yet.
    return [];
  }
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .slice(-Math.min(filesMax, FILES_MAX))
    .flatMap((file) => describe(folder, file) ?? []);
}

function describe(folder: string, file: string): FileState | null {
  try {
    const { size: bytes } = statSync(file);
    const path = relative(folder, file).split(sep).join('/');
    return { path, bytes, rows: bytes > COUNTED_BYTES_MAX ? null : countRows(file) };
  } catch {
    // Replaced while we looked.
    return null;
  }
}

function countRows(file: string): number | null {
  if (file.endsWith('.jsonl'))
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '').length;
  if (!file.endsWith('.csv')) return null;
  // A line break inside quotes does not end a row; doubled quotes toggle twice and change nothing.
  let quoted = false;
  let lines = 0;
  let pending = false;
  for (const character of readFileSync(file, 'utf8')) {
    if (character === '"') quoted = !quoted;
    if (character === '\n' && !quoted) {
      lines += 1;
      pending = false;
    } else pending = true;
  }
  return Math.max(0, lines + (pending ? 1 : 0) - 1);
}
