import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';

/** Every file under a folder, absolute, sorted; none where there is no such folder. Links are left alone. */
export function ownFiles(folder: string): readonly string[] {
  return entries(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ownFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

/** The same through links, as dbt reads a project; a folder that was seen is not entered again. */
export function linkedFiles(folder: string, seen: Set<string> = new Set()): readonly string[] {
  const real = realpathIfAny(folder);
  if (real === null || seen.has(real)) return [];
  seen.add(real);
  return entries(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    const target = entry.isSymbolicLink() ? statIfAny(path) : entry;
    if (target?.isDirectory()) return linkedFiles(path, seen);
    return target?.isFile() ? [path] : [];
  });
}

function entries(folder: string): readonly Dirent[] {
  if (!statIfAny(folder)?.isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function realpathIfAny(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** null for what is not there, and for a link that leads nowhere or in a circle. */
function statIfAny(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
