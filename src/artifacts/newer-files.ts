import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { locateProject, type ProjectOptions } from './project.ts';

/**
 * Files of the project that dbt reads and that were changed after the manifest was written, relative to the project, the
 * newest first. A manifest that was downloaded or copied counts from then on, since a checkout gives files the time of today.
 */
export function filesNewerThanManifest(options: ProjectOptions, generatedAt: string): readonly string[] {
  const { dbtProject, targetPath } = locateProject(options);
  const { dir, modelPaths, seedPaths, snapshotPaths } = dbtProject;
  const written = Math.max(Date.parse(generatedAt) || 0, changedAt(join(targetPath, 'manifest.json')));
  const folders = new Set([...modelPaths, ...seedPaths, ...snapshotPaths, 'macros', 'tests']);
  const files = new Set(['dbt_project.yml', ...[...folders].flatMap((folder) => [...filesUnder(dir, folder)])]);
  return [...files]
    .map((file) => ({ file, at: changedAt(join(dir, file)) }))
    .filter(({ at }) => at > written)
    .sort((a, b) => b.at - a.at || (a.file < b.file ? -1 : 1))
    .map(({ file }) => file);
}

function* filesUnder(dir: string, folder: string): Generator<string> {
  for (const entry of entriesOf(join(dir, folder))) {
    if (entry.name.startsWith('.')) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesUnder(dir, path);
    else if (/\.(?:sql|ya?ml)$/.test(entry.name)) yield path;
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Milliseconds since the epoch; 0 for what is not there. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
