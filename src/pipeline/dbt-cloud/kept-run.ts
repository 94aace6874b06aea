import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listAt, readJson, textAt } from '../../artifacts/json-file.ts';
import type { ElsewhereArtifacts } from '../../artifacts/project.ts';
import { isMap } from '../../artifacts/shape.ts';
import type { CloudAccess } from './access.ts';

/** Artifacts of a run, fetched to this machine; `sources` are those of its freshness steps. */
export interface CloudArtifacts extends ElsewhereArtifacts {
  readonly sources: readonly string[];
}

/** What was fetched of a run that has ended. */
export interface KeptRun {
  readonly access: CloudAccess;
  /** Names in the run's folder. */
  readonly files: readonly string[];
}

/** Says which files belong to it and how long they are; a folder without it is not whole. */
const SEAL = 'run.json';
/** How many runs are kept. */
const KEPT_MAX = 5;
/** A fetch that died is cleared away after this long. */
const PART_MS_MAX = 86_400_000;

/** Seals a folder, in which the files stand. */
export function writeKeptRun(folder: string, { access, files }: KeptRun): void {
  const seal = {
    origin: access.origin,
    account_id: access.accountId,
    files: files.map((name) => ({ name, bytes: statSync(join(folder, name)).size })),
  };
  writeFileSync(join(folder, SEAL), `${JSON.stringify(seal, null, 2)}\n`);
}

/** The artifacts of a run that was fetched before; null where they are not all there, or another account's. */
export function readKeptRun(folder: string, access: CloudAccess): CloudArtifacts | null {
  try {
    const seal = readJson(join(folder, SEAL));
    if (!isMap(seal)) return null;
    if (textAt(seal, 'origin') !== access.origin || textAt(seal, 'account_id') !== access.accountId) return null;
    const names: string[] = [];
    for (const file of listAt(seal, 'files')) {
      const name = isMap(file) ? textAt(file, 'name') : null;
      if (!isMap(file) || name === null || statSync(join(folder, name)).size !== file['bytes']) return null;
      names.push(name);
    }
    if (!names.includes('manifest.json')) return null;
    const of = (start: string): readonly string[] =>
      names
        .filter((name) => name.startsWith(start))
        .sort()
        .map((name) => join(folder, name));
    return { dir: folder, runResults: of('run_results.'), sources: of('sources.') };
  } catch {
    return null;
  }
}

/** Leaves the newest few and this one. */
export function removeOldRuns(folder: string, keep: string): void {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const aged = entries.flatMap(({ name }) => {
    try {
      return [{ name, changedMs: statSync(join(folder, name)).mtimeMs }];
    } catch {
      return [];
    }
  });
  const runs = aged.filter(({ name }) => /^\d+$/.test(name) && name !== keep);
  const old = runs.toSorted((a, b) => b.changedMs - a.changedMs).slice(KEPT_MAX - 1);
  const dead = aged.filter(({ name, changedMs }) => name.endsWith('.part') && Date.now() - changedMs > PART_MS_MAX);
  for (const { name } of [...old, ...dead]) rmSync(join(folder, name), { recursive: true, force: true });
}
