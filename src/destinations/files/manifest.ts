import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Operation } from '../../artifacts/annotation.ts';
import { type Layout, ownColumns } from './layout.ts';
import type { SpoolHeader } from './spool.ts';

/** What a spool holds, counted while it was filled. */
export type RowCounts = Readonly<Record<Operation, number>>;

interface ManifestInput {
  readonly layout: Layout;
  readonly header: SpoolHeader;
  readonly counts: RowCounts;
  readonly file: { readonly path: string; readonly bytes: number };
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The manifest of one sync, as JSON text: which files it published and what is in them. It is written last, so that who follows
 * manifests never takes a publication that is not complete. Members are only ever added to version 1.
 */
export async function renderManifest({ layout, header, counts, file, now }: ManifestInput): Promise<string> {
  const { form, whole } = layout;
  const csv = form.format === 'csv' ? { delimiter: form.delimiter, header: form.header } : {};
  const manifest = {
    manifest_version: 1,
    activation: header.activation,
    sync_id: header.syncId,
    published_at: new Date(now).toISOString(),
    content: whole ? 'whole' : 'changes',
    format: form.format,
    compression: form.gzip ? 'gzip' : 'none',
    ...csv,
    operation_column: whole ? null : form.operationColumn,
    columns: [
      ...ownColumns(layout).map((name) => ({ name, type: 'text' })),
      ...header.columns.map(({ field, dataType }) => ({ name: field, type: dataType })),
    ],
    rows: counts.insert + counts.update + counts.delete,
    operations: whole ? null : counts,
    files: [
      {
        // Relative to the manifest, so that a copy of the folder can be read as well.
        name: layout.data.split('/').at(-1),
        rows: counts.insert + counts.update + counts.delete,
        bytes: file.bytes,
        sha256: await hashFile(file.path),
      },
    ],
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}
