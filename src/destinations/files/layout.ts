import { join, resolve } from 'node:path';
import type { ServiceContext } from '../destination.ts';

export const FORMATS = ['csv', 'jsonl', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

/** Where the files of one sync stand. Names that begin with a dot are working files. */
export interface Layout {
  /** The folder of the destination. */
  readonly root: string;
  /** The folder of the activation's change files. */
  readonly changes: string;
  /** What the working files of a full replace begin with, inside `root`. */
  readonly wholePrefix: string;
  readonly format: Format;
  /** Rows wait here until the file is published. */
  readonly spool: string;
}

export function layOut(
  context: Pick<ServiceContext, 'activation' | 'syncId' | 'mode' | 'config' | 'projectDir'>,
): Layout {
  const root = resolve(context.projectDir, String(context.config['path']));
  const changes = join(root, fileName(context.activation));
  const wholePrefix = `.${fileName(context.activation)}.`;
  const sync = fileName(context.syncId);
  const format = FORMATS.find((candidate) => candidate === context.config['format']) ?? 'csv';
  const spool = context.mode === 'full' ? join(root, `${wholePrefix}${sync}.spool`) : join(changes, `.${sync}.spool`);
  return { root, changes, wholePrefix, format, spool };
}

/** Where a spool is published: `<activation>.<ext>` for a full replace, `<activation>/<sync>.<ext>` for changes. */
export function publishedPath(
  layout: Layout,
  spool: { readonly whole: boolean; readonly activation: string; readonly syncId: string; readonly format: Format },
): string {
  const name = spool.whole ? fileName(spool.activation) : fileName(spool.syncId);
  return join(spool.whole ? layout.root : layout.changes, `${name}.${spool.format}`);
}

/** A name as one path segment: what could leave the folder or hide the file becomes `-`. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, '-').replace(/^\.+/, '-');
}
