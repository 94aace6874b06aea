import type { Origin, Path } from '../artifacts/position.ts';

/**
 * Whether the user's file has something at this path, even something that could not be read: only what is there has a
 * place of its own. So one mistake does not make others of everything that names the thing.
 */
export function isWritten(origin: Origin | null, path: Path): boolean {
  if (origin === null) return false;
  const own = origin.locate(path);
  const parent = origin.locate(path.slice(0, -1));
  return own.file !== parent.file || own.line !== parent.line || own.column !== parent.column;
}
