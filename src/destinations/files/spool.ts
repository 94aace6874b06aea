import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Operation } from '../../artifacts/annotation.ts';
import type { OutgoingRow } from '../destination.ts';

/** What the rows of a spool are. */
export interface SpoolHeader {
  readonly activation: string;
  readonly syncId: string;
  readonly columns: readonly { readonly field: string; readonly dataType: string }[];
}

/** One row, as it waits. The key and the fields are JSON text. */
export interface SpooledRow {
  readonly operation: Operation;
  readonly key: string;
  readonly keyJson: string;
  readonly fieldsJson: string | null;
}

/** Rows of one sync on disk, one JSON object a line, each batch whole or not at all. */
export interface Spool {
  readonly path: string;
  readonly header: SpoolHeader;
  /** Rows of each operation so far. */
  counts(): Readonly<Record<Operation, number>>;
  /** Adds the rows of a batch. Leaves the spool as it was when it fails. */
  append(rows: readonly OutgoingRow[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens a new spool, readable by its owner only. */
export async function openSpool(path: string, header: SpoolHeader): Promise<Spool> {
  const handle = await open(path, 'w', 0o600);
  let size = 0;
  const counts: Record<Operation, number> = { insert: 0, update: 0, delete: 0 };
  const add = async (text: string): Promise<void> => {
    try {
      await writeAll(handle, Buffer.from(text), size);
      size += Buffer.byteLength(text);
    } catch (thrown) {
      await handle.truncate(size).catch(() => {});
      throw thrown;
    }
  };
  return {
    path,
    header,
    counts: () => ({ ...counts }),
    append: async (rows) => {
      await add(rows.map(renderRow).join(''));
      for (const row of rows) counts[row.operation] += 1;
    },
    close: () => handle.close(),
  };
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const result = await handle.write(bytes, written, bytes.length - written, position + written);
    written += result.bytesWritten;
  }
}

/** Members in this order: `readSpool` cuts the line by it, so that JSON from the warehouse is never parsed and written again. */
function renderRow(row: OutgoingRow): string {
  const fields = row.operation === 'delete' ? null : row.fieldsJson;
  const text = `{"o":"${row.operation}","k":${JSON.stringify(row.key)},"t":${JSON.stringify(row.keyJson)},"f":${fields}}`;
  return `${text.replace(/[\r\n]+/g, ' ')}\n`;
}

/** The rows of a spool, in the order in which they were accepted. */
export async function* readSpool(path: string): AsyncGenerator<SpooledRow> {
  for await (const line of readLines(path)) if (line !== '') yield readRow(line);
}

/** Node's own reader of lines ends them at U+2028 and U+2029 as well, which stand in JSON texts as they are. */
async function* readLines(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of createReadStream(path, { encoding: 'utf8', highWaterMark: 1_048_576 })) {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest;
}

function readRow(line: string): SpooledRow {
  const at = line.indexOf(',"f":');
  // The head holds only texts that renderRow wrote, in which a quote is escaped: the first `,"f":` outside them ends it.
  const head = JSON.parse(`${line.slice(0, at)}}`) as { o: Operation; k: string; t: string };
  const fields = line.slice(at + 5, -1);
  return { operation: head.o, key: head.k, keyJson: head.t, fieldsJson: fields === 'null' ? null : fields };
}
