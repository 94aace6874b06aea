import { createWriteStream } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '../../clock.ts';
import type { Layout } from './layout.ts';
import { renderManifest } from './manifest.ts';
import { writeParquet } from './parquet.ts';
import type { Spool } from './spool.ts';
import type { Store } from './store.ts';
import { writeError } from './store-failure.ts';
import { renderCsv, renderJsonl, type Writing } from './text.ts';

/** What is published, and where. */
export interface Publication {
  readonly store: Store;
  readonly layout: Layout;
  readonly spool: Spool;
  readonly clock: Clock;
}

/** Writes a spool's rows in their format, publishes the file, and then its manifest: what has one is complete. Throws DinmoError. */
export async function publish({ store, layout, spool, clock }: Publication): Promise<void> {
  const working = store.workingPath(layout.data, 'tmp');
  const { header } = spool;
  try {
    const path = working;
    const bytes = await written(() => writeFormat({ spool: spool.path, header, layout }, path), path);
    // Before the file goes: it may not be here any more afterwards.
    const manifest =
      layout.manifest === null
        ? null
        : await renderManifest({ layout, header, counts: spool.counts(), file: { path, bytes }, now: clock.now() });
    await store.put(layout.data, { path, bytes });
    if (layout.manifest !== null && manifest !== null) await putText(store, layout.manifest, manifest);
    await rm(spool.path, { force: true });
  } catch (thrown) {
    throw writeError(store.title, thrown);
  } finally {
    await rm(working, { force: true }).catch(() => {
      // A folder that is gone: what was wrong is thrown already.
    });
  }
}

async function putText(store: Store, name: string, text: string): Promise<void> {
  const path = store.workingPath(name, 'tmp');
  try {
    const bytes = await written(() => writeFile(path, text, { mode: 0o600 }), path);
    await store.put(name, { path, bytes });
  } finally {
    await rm(path, { force: true });
  }
}

/** Bytes of what was written to a path. */
async function written(write: () => Promise<void>, path: string): Promise<number> {
  try {
    await write();
    return (await stat(path)).size;
  } catch (thrown) {
    throw writeError(path, thrown);
  }
}

async function writeFormat(writing: Writing, target: string): Promise<void> {
  const { format, gzip } = writing.layout.form;
  if (format === 'parquet') return writeParquet(writing, target);
  const lines = Readable.from(joined(format === 'csv' ? renderCsv(writing) : renderJsonl(writing)));
  // Its header holds no time, so that the same rows are the same bytes.
  if (gzip) await pipeline(lines, createGzip(), createWriteStream(target));
  else await pipeline(lines, createWriteStream(target));
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
