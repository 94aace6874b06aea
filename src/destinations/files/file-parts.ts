import type { FileHandle } from 'node:fs/promises';

/** Bytes of a file from a place on; throws where it has become shorter. */
export async function readPart(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const part = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await handle.read(part, read, length - read, from + read);
    if (bytesRead === 0) throw new Error('the working file has become shorter');
    read += bytesRead;
  }
  return part;
}

/** What browsers and readers are told of a file. */
export function contentType(name: string): string {
  if (name.endsWith('.gz')) return 'application/gzip';
  if (name.endsWith('.csv')) return 'text/csv; charset=utf-8';
  if (name.endsWith('.jsonl')) return 'application/x-ndjson';
  if (name.endsWith('.json')) return 'application/json';
  return 'application/vnd.apache.parquet';
}
