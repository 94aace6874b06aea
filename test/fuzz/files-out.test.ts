import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { ServiceContext, Session } from '../../src/destinations/destination.ts';
import { files } from '../../src/destinations/files/index.ts';
import { fieldsOf, makeBatch, makeContext, makeRow } from '../destinations/rows.ts';

/** A disk that is full, or a folder that is none: the run is refused in plain words, and what was published stays whole. */
const folder = mkdtempSync(join(tmpdir(), 'dinmo-out-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [service] = files.services;
const rows = [1, 2, 3].map((seq) =>
  makeRow({ seq, fieldsJson: fieldsOf({ email: `person.${seq}@shop.example`, name: 'x'.repeat(70_000) }) }),
);

async function open(mode: ServiceContext['mode'], format: string): Promise<Session> {
  if (service === undefined) throw new Error('files have services');
  const columns = [
    { field: 'email', dataType: 'VARCHAR' },
    { field: 'name', dataType: 'VARCHAR' },
  ];
  return service.open(makeContext({ mode, config: { path: 'out', format }, projectDir: folder, columns }));
}

const REFUSED = {
  kind: 'destination',
  code: 'file-not-written',
  message: expect.stringMatching(/^\/.*could not be written/),
};
const withoutRows = (text: string): boolean => !/person|shop\.example|xxx/.test(text);

describe.runIf(existsSync('/dev/full'))('a disk that is full', () => {
  test.each(['csv', 'jsonl', 'parquet'])('at publishing %s', async (format) => {
    const target = join(folder, 'out', `vip.there.${format}`);
    mkdirSync(join(folder, 'out'), { recursive: true });
    writeFileSync(target, 'what was there');
    const session = await open('full', format);
    expect(await session.send(makeBatch(rows), new AbortController().signal)).toMatchObject({ kind: 'receipts' });
    symlinkSync('/dev/full', join(folder, 'out', `.vip.there.${format}.tmp`));
    const failure = await session.finish().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(failure).toMatchObject({ ...REFUSED, fix: expect.stringMatching(/\S/) });
    expect(failure instanceof Error && withoutRows(failure.message)).toBe(true);
    await session.abandon();
    expect(readdirSync(join(folder, 'out')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('a folder that is none', () => {
  test.each(['full', 'delta'] as const)('is refused before anything is sent (%s)', async (mode) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'out'), 'a file');
    await expect(open(mode, 'csv')).rejects.toMatchObject(REFUSED);
    expect(await service?.verify(makeContext({ config: { path: 'out' }, projectDir: folder }))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('not a folder'),
    });
  });

  test.each(['full', 'delta'] as const)('any more, when the rows were taken (%s)', async (mode) => {
    mkdirSync(folder, { recursive: true });
    const session = await open(mode, 'csv');
    await session.send(makeBatch(rows), new AbortController().signal);
    rmSync(join(folder, 'out'), { recursive: true });
    await expect(session.finish()).rejects.toMatchObject(REFUSED);
    await session.abandon();
  });
});
