import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DinmoError, messageOf } from '../../errors.ts';
import { type Layout, publishedPath } from './layout.ts';
import { writeParquet } from './parquet.ts';
import type { SpoolHeader } from './spool.ts';
import { renderCsv, renderJsonl } from './text.ts';

/** Writes a spool's rows in their format beside the target, then renames: the target is whole or it is not there. */
export async function publishSpool(layout: Layout, spool: string, header: SpoolHeader): Promise<void> {
  const target = publishedPath(layout, header);
  const working = join(dirname(target), `.${basename(target)}.tmp`);
  try {
    await writeFormat(spool, header, working);
    await sync(working);
    await rename(working, target);
    await sync(dirname(target)).catch(() => {
      // Not every system lets a folder be synced; the rename itself is done.
    });
    await rm(spool, { force: true });
  } catch (thrown) {
    await rm(working, { force: true });
    throw writeError(target, thrown);
  }
}

async function writeFormat(spool: string, header: SpoolHeader, target: string): Promise<void> {
  if (header.format === 'parquet') return writeParquet(spool, header, target);
  const lines = header.format === 'csv' ? renderCsv(spool, header) : renderJsonl(spool, header);
  await pipeline(Readable.from(joined(lines)), createWriteStream(target));
}

/** Lines in pieces that are worth a write. */
async function* joined(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const line of lines) {
    piece += line;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes the folders, and removes what an earlier process left: rows that were not published count for nothing, and the
 * engine sends them again.
 */
export async function prepareFolder(layout: Layout, whole: boolean): Promise<void> {
  try {
    await mkdir(whole ? layout.root : layout.changes, { recursive: true });
    await removeWorkingFiles(layout.root, (name) => name.startsWith(layout.wholePrefix));
    await removeWorkingFiles(layout.changes, (name) => /^\..*\.(tmp|spool)$/.test(name));
  } catch (thrown) {
    throw writeError(layout.root, thrown);
  }
}

async function removeWorkingFiles(folder: string, isWorking: (name: string) => boolean): Promise<void> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  for (const name of names.filter(isWorking)) await rm(join(folder, name), { force: true });
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
