import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { DinmoError } from '../errors.ts';
import { type GeneratedFile, isGenerated } from './header.ts';
import { ownFiles } from './walk.ts';

/** A file that was left alone, and why. */
export interface Refusal {
  readonly path: string;
  /** `foreign`: the tool did not write it. `outside`: a link leads out of the project. `not-a-file`: a folder or a link stands there. */
  readonly reason: 'foreign' | 'outside' | 'not-a-file';
  readonly message: string;
}

/** Paths are relative to the project, forward slashes, sorted. */
export interface WriteReport {
  readonly written: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
  readonly refused: readonly Refusal[];
}

/** A file that `generate` would change. */
export interface StaleFile {
  readonly path: string;
  readonly reason: 'missing' | 'differs' | 'left-over' | 'foreign';
}

/** Where generated files may be found: the folder they go to, and the project's model paths (they may have gone elsewhere before). */
export interface GeneratedFolders {
  readonly root: string;
  readonly modelPaths: readonly string[];
}

/**
 * Makes the project hold exactly these generated files: writes those that differ, each in one step, and removes the
 * tool's own files that are not among them. A file that the tool did not write is neither overwritten nor removed.
 * Throws DinmoError `generated-outside-project` when a path leads out of the project.
 */
export function writeModels(
  projectDir: string,
  files: readonly GeneratedFile[],
  folders: GeneratedFolders,
): WriteReport {
  const written: string[] = [];
  const unchanged: string[] = [];
  const refused: Refusal[] = [];
  for (const file of files) {
    const refusal = refusalOf(projectDir, file.path);
    if (refusal !== null) {
      refused.push(refusal);
      continue;
    }
    if (isSame(readIfFile(absolute(projectDir, file.path)), file.content)) {
      unchanged.push(file.path);
      continue;
    }
    replaceFile(absolute(projectDir, file.path), file.content);
    written.push(file.path);
  }
  const removed = leftOvers(projectDir, files, folders);
  for (const path of removed) removeGenerated(projectDir, path);
  return { written: written.sort(), unchanged: unchanged.sort(), removed, refused };
}

/** What `writeModels` would change; empty when the project is up to date. Writes nothing. */
export function checkStale(
  projectDir: string,
  files: readonly GeneratedFile[],
  folders: GeneratedFolders,
): readonly StaleFile[] {
  const stale: StaleFile[] = [];
  for (const file of files) {
    if (refusalOf(projectDir, file.path) !== null) {
      stale.push({ path: file.path, reason: 'foreign' });
      continue;
    }
    const current = readIfFile(absolute(projectDir, file.path));
    if (current === null) stale.push({ path: file.path, reason: 'missing' });
    else if (!isSame(current, file.content)) stale.push({ path: file.path, reason: 'differs' });
  }
  for (const path of leftOvers(projectDir, files, folders)) stale.push({ path, reason: 'left-over' });
  return stale.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Every file under these folders that the tool wrote, with its content, sorted by path. Links to folders are not followed. */
export function generatedFiles(projectDir: string, folders: readonly string[]): readonly GeneratedFile[] {
  const found = new Map<string, GeneratedFile>();
  for (const folder of folders) {
    for (const path of filesUnder(projectDir, folder)) {
      if (!/\.(sql|yml)$/.test(path)) continue;
      const content = readIfFile(absolute(projectDir, path));
      if (content !== null && isGenerated(path, content)) found.set(path, { path, content });
    }
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Replaces or creates one generated file; the caller has made sure that it is the tool's own. */
export function rewriteGenerated(projectDir: string, file: GeneratedFile): void {
  replaceFile(absolute(projectDir, file.path), file.content);
}

/** Removes one generated file, and the folders that it leaves empty below the project's own. */
export function removeGenerated(projectDir: string, path: string): void {
  rmSync(absolute(projectDir, path));
  const segments = path.split('/');
  for (let depth = segments.length - 1; depth > 1; depth--) {
    const folder = absolute(projectDir, segments.slice(0, depth).join('/'));
    if (readdirSync(folder).length > 0) return;
    rmdirSync(folder);
  }
}

function leftOvers(projectDir: string, files: readonly GeneratedFile[], folders: GeneratedFolders): readonly string[] {
  const wanted = new Set(files.map((file) => file.path));
  return generatedFiles(projectDir, [folders.root, ...folders.modelPaths])
    .map((file) => file.path)
    .filter((path) => !wanted.has(path));
}

function refusalOf(projectDir: string, path: string): Refusal | null {
  const target = absolute(projectDir, path);
  if (!staysInside(projectDir, dirname(target))) {
    return { path, reason: 'outside', message: `A link leads ${path} out of the project.` };
  }
  const entry = lstatSync(target, { throwIfNoEntry: false });
  if (entry === undefined) return null;
  if (!entry.isFile()) return { path, reason: 'not-a-file', message: `A folder or link stands at ${path}.` };
  if (isGenerated(path, readFileSync(target, 'utf8'))) return null;
  return { path, reason: 'foreign', message: `${path} was not written by dinmo, so it is left as it is.` };
}

/** The nearest folder that exists must be in the project once links are followed. */
function staysInside(projectDir: string, folder: string): boolean {
  let existing = folder;
  while (lstatSync(existing, { throwIfNoEntry: false }) === undefined) existing = dirname(existing);
  if (!existsSync(existing)) return false;
  const step = relative(realpathSync(projectDir), realpathSync(existing));
  return step === '' || !(step === '..' || step.startsWith(`..${sep}`) || isAbsolute(step));
}

function absolute(projectDir: string, path: string): string {
  const target = resolve(projectDir, path);
  const step = relative(resolve(projectDir), target);
  if (isAbsolute(path) || step === '' || step === '..' || step.startsWith(`..${sep}`) || isAbsolute(step)) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'generated-outside-project',
      message: `Generated models would go to ${path}, which is not inside the dbt project.`,
      fix: 'Let `models_path` in dinmo.yml name a folder under one of the model-paths of dbt_project.yml.',
    });
  }
  return target;
}

function filesUnder(projectDir: string, folder: string): readonly string[] {
  const start = absolute(projectDir, folder);
  if (!staysInside(projectDir, start)) return [];
  return ownFiles(start).map((path) => relative(projectDir, path).split(sep).join('/'));
}

function readIfFile(path: string): string | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : null;
}

/** Line ends that a checkout on another system changed are no difference. */
function isSame(current: string | null, content: string): boolean {
  return current !== null && current.replace(/\r\n/g, '\n') === content;
}

function replaceFile(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.dinmo-tmp`;
  try {
    writeFileSync(temporary, content, { flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
