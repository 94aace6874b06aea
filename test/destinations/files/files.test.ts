import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingRow, Service, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { parquetType } from '../../../src/destinations/files/parquet.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { makeBatch, makeContext, makeRow, scriptedHttp } from '../rows.ts';

let dir: string;
let files: Service;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dinmo [files] '));
  files = await findService('files', 'objects');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const COLUMNS = [
  { field: 'name', dataType: 'VARCHAR' },
  { field: 'points', dataType: 'BIGINT' },
  { field: 'spent', dataType: 'DECIMAL(18,2)' },
];

const open = (part: Partial<ServiceContext> & { readonly format?: string } = {}): Promise<Session> =>
  files.open(
    makeContext({ projectDir: dir, columns: COLUMNS, config: { path: 'out', format: part.format ?? 'csv' }, ...part }),
  );

const send = async (session: Session, rows: readonly OutgoingRow[], id?: string): Promise<unknown> =>
  session.send(makeBatch(rows, id), new AbortController().signal);

const member = (seq: number, name: string | null, operation: OutgoingRow['operation'] = 'insert'): OutgoingRow =>
  makeRow({
    seq,
    operation,
    keyJson: String(seq),
    fieldsJson: `{"name":${JSON.stringify(name)},"points":12345678901234567,"spent":"1.50"}`,
  });

const read = (name: string): Promise<string> => readFile(join(dir, 'out', name), 'utf8');
const names = async (folder = ''): Promise<readonly string[]> => (await readdir(join(dir, 'out', folder))).sort();

describe('a file of changes', () => {
  it('appears when the sync finishes, with operation, key and every digit', async () => {
    const session = await open();
    await send(session, [member(1, 'Ann'), member(2, 'O"Neil, Bo\nB')]);
    await send(session, [member(3, null, 'update')]);
    await send(session, [member(4, 'Zoe', 'delete')]);
    expect((await names('vip.there')).filter((name) => !name.startsWith('.'))).toEqual([]);
    await session.finish();
    await session.abandon();
    expect(await names('vip.there')).toEqual(['sync-1.csv']);
    expect(await read('vip.there/sync-1.csv')).toBe(
      '_operation,_key,name,points,spent\n' +
        'insert,1,Ann,12345678901234567,1.50\n' +
        'insert,2,"O""Neil, Bo\nB",12345678901234567,1.50\n' +
        'update,3,,12345678901234567,1.50\n' +
        'delete,4,,,\n',
    );
  });

  it('tells NULL from an empty text, and keeps spaces', async () => {
    const session = await open();
    await send(session, [member(1, ''), member(2, ' x '), member(3, null)]);
    await session.finish();
    const lines = (await read('vip.there/sync-1.csv')).split('\n').slice(1, 4);
    expect(lines.map((line) => line.split(',')[2])).toEqual(['""', '" x "', '']);
  });

  it('takes a batch that is sent again once', async () => {
    const session = await open({ format: 'jsonl' });
    await send(session, [member(1, 'Ann')], 'same');
    expect(await send(session, [member(1, 'Ann')], 'same')).toMatchObject({
      kind: 'receipts',
      receipts: [{ status: 'accepted' }],
    });
    await session.finish();
    expect(await read('vip.there/sync-1.jsonl')).toBe(
      '{"_operation":"insert","_key":1,"name":"Ann","points":12345678901234567,"spent":"1.50"}\n',
    );
  });

  it.each(['csv', 'jsonl', 'parquet'])('keeps every kind of line break in a value (%s)', async (format) => {
    const name = 'a\u2028b\u2029c\u0085d\re\r\nf\vg';
    const session = await open({ format });
    await send(session, [member(1, name), member(2, 'Bo')]);
    await session.finish();
    const path = join(dir, 'out', 'vip.there', `sync-1.${format}`);
    if (format === 'parquet') expect(await queryParquet(path)).toMatchObject([{ name }, { name: 'Bo' }]);
    else {
      const text = await readFile(path, 'utf8');
      expect(text).toContain(format === 'csv' ? `insert,1,"${name}",` : `"_key":1,"name":${JSON.stringify(name)},`);
      expect(text).toContain(format === 'csv' ? '\ninsert,2,Bo,' : '\n{"_operation":"insert","_key":2,"name":"Bo",');
    }
  });

  it('keeps the order of delivery when batches arrive together', async () => {
    const session = await open({ format: 'jsonl' });
    await Promise.all(Array.from({ length: 20 }, (_, seq) => send(session, [member(seq, 'x')])));
    await session.finish();
    const keys = (await read('vip.there/sync-1.jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)._key);
    expect(keys).toEqual(Array.from({ length: 20 }, (_, seq) => seq));
  });

  it.each(['csv', 'jsonl'] as const)(
    'is packed as %s.gz where asked, and the same rows are the same bytes',
    async (format) => {
      const packed: Buffer[] = [];
      for (const syncId of ['sync-1', 'sync-2']) {
        const config = { path: 'out', format, compression: 'gzip', manifest: true };
        const session = await open({ syncId, config });
        await send(session, [member(1, 'Zoë'), member(2, null)]);
        await session.finish();
        packed.push(await readFile(join(dir, 'out', 'vip.there', `${syncId}.${format}.gz`)));
        const manifest = JSON.parse(await read(`vip.there/${syncId}.manifest.json`));
        const sha256 = createHash('sha256')
          .update(`${packed.at(-1)?.toString('latin1')}`, 'latin1')
          .digest('hex');
        expect(manifest).toMatchObject({ compression: 'gzip', files: [{ name: `${syncId}.${format}.gz`, sha256 }] });
      }
      expect(packed[1]).toEqual(packed[0]);
      const text = gunzipSync(packed[0] ?? '').toString();
      expect(text).toContain('Zoë');
      expect(text.trimEnd().split('\n')).toHaveLength(format === 'csv' ? 3 : 2);
    },
  );

  it('is not packed where the format packs itself', async () => {
    await expect(open({ config: { path: 'out', format: 'parquet', compression: 'gzip' } })).rejects.toMatchObject({
      code: 'invalid-setting',
    });
  });

  it('is not written for nothing', async () => {
    const session = await open();
    await session.finish();
    expect(await names('vip.there')).toEqual([]);
  });

  it('is not there when the sync stops early or crashes, and nothing else is left of it', async () => {
    const stopped = await open();
    await send(stopped, [member(1, 'Ann')]);
    await stopped.abandon();
    expect(await names('vip.there')).toEqual([]);
    const crashed = await open({ syncId: 'sync-2' });
    await send(crashed, [member(1, 'Ann')]);
    await writeFile(join(dir, 'out', 'vip.there', '.sync-2.csv.tmp'), 'half');
    await writeFile(join(dir, 'out', 'vip.there', 'sync-0.csv'), 'of an earlier sync');
    await (await open({ syncId: 'sync-3' })).abandon();
    expect(await names('vip.there')).toEqual(['sync-0.csv']);
    expect(files.acknowledges).toBe('finish');
  });
});

describe('a full replace', () => {
  it('holds exactly the rows to send, and replaces the last one at once', async () => {
    const first = await open({ mode: 'full' });
    await send(first, [member(1, 'Ann'), member(2, 'Bob')]);
    await first.finish();
    const second = await open({ mode: 'full', syncId: 'sync-2' });
    await send(second, [member(2, 'Bob', 'update')]);
    expect(await send(second, [member(1, null, 'delete')])).toMatchObject({ kind: 'receipts' });
    expect(await read('vip.there.csv')).toContain('Ann');
    await second.finish();
    expect(await read('vip.there.csv')).toBe('name,points,spent\nBob,12345678901234567,1.50\n');
    expect(await names()).toEqual(['vip.there.csv']);
  });

  it('publishes an empty segment as a file with a header', async () => {
    const session = await open({ mode: 'full' });
    await session.finish();
    expect(await read('vip.there.csv')).toBe('name,points,spent\n');
  });

  it('leaves the last one as it was when it stops early or crashes', async () => {
    const first = await open({ mode: 'full' });
    await send(first, [member(1, 'Ann')]);
    await first.finish();
    const stopped = await open({ mode: 'full', syncId: 'sync-2' });
    await send(stopped, [member(2, 'Bob')]);
    await stopped.abandon();
    const crashed = await open({ mode: 'full', syncId: 'sync-3' });
    await send(crashed, [member(3, 'Cat')]);
    await (await open({ mode: 'full', syncId: 'sync-4' })).abandon();
    expect(await names()).toEqual(['vip.there.csv']);
    expect(await read('vip.there.csv')).toContain('Ann');
  });
});

describe('Parquet', () => {
  const types = [
    ['id', 'BIGINT', '12345678901234567'],
    ['price', 'NUMERIC(12, 2)', '"19.90"'],
    ['when/at', 'TIMESTAMP WITH TIME ZONE', '"2026-03-01T10:00:00.250Z"'],
    ['day', 'DATE', '"2026-03-01"'],
    ['ok', 'BOOLEAN', 'true'],
    ['tags', 'VARCHAR[]', '["a","b"]'],
    ['raw', 'JSON', '{"x":1}'],
    ['na"me', 'STRING', '"it\'s"'],
    ['nothing', 'INT64', 'null'],
  ] as const;

  it('has the columns’ own types', async () => {
    const columns = types.map(([field, dataType]) => ({ field, dataType }));
    const session = await open({ format: 'parquet', columns });
    const fieldsJson = `{${types.map(([field, , value]) => `${JSON.stringify(field)}:${value}`).join(',')}}`;
    await send(session, [makeRow({ seq: 1, fieldsJson }), makeRow({ seq: 2, fieldsJson })]);
    await send(session, [makeRow({ seq: 3, operation: 'delete' })]);
    await session.finish();
    const [first, , last] = await queryParquet(join(dir, 'out', 'vip.there', 'sync-1.parquet'));
    expect(first).toEqual({
      _operation: 'insert',
      _key: '1',
      id: '12345678901234567',
      price: '19.90',
      'when/at': '2026-03-01 10:00:00.25+00',
      day: '2026-03-01',
      ok: true,
      tags: ['a', 'b'],
      raw: '{"x":1}',
      'na"me': "it's",
      nothing: null,
    });
    expect(last).toMatchObject({ _operation: 'delete', _key: '3', id: null });
  });

  it('publishes an empty full replace with its columns', async () => {
    const session = await open({ format: 'parquet', mode: 'full' });
    await session.finish();
    expect(await queryParquet(join(dir, 'out', 'vip.there.parquet'))).toEqual([]);
  });

  it('knows the type names of the warehouses', () => {
    const names = [
      'NUMBER(38,0)',
      'TIMESTAMP_NTZ(9)',
      'ARRAY<INT64>',
      'HUGEINT',
      'FLOAT64',
      'numeric(10,2)',
      'GEOGRAPHY',
      'DECIMAL(76,38)',
    ];
    expect(names.map(parquetType)).toEqual([
      'DECIMAL(38,0)',
      'TIMESTAMP',
      'BIGINT[]',
      'DECIMAL(38,0)',
      'DOUBLE',
      'DECIMAL(10,2)',
      'VARCHAR',
      'VARCHAR',
    ]);
  });
});

describe('Google Cloud Storage', () => {
  it('goes on where it was told to, at the place that is configured, and never elsewhere', async () => {
    const begun = { status: 200, headers: { location: '/upload/x?upload_id=1' } };
    const elsewhere = { status: 200, headers: { location: 'https://elsewhere.example/upload/y?upload_id=2' } };
    const { http, asked } = scriptedHttp([begun, { status: 499 }, elsewhere, { status: 200, body: { size: 4 } }]);
    const config = { path: 'gs://shop-exports/a b', header: false, manifest: false };
    const session = await open({
      http,
      config,
      mode: 'full',
      baseUrl: 'http://127.0.0.1:9',
      columns: COLUMNS.slice(0, 1),
    });
    await send(session, [member(1, 'Ann')]);
    await session.finish();
    expect(asked.map(({ method, url }) => `${method} ${new URL(url).origin} ${new URL(url).pathname}`)).toEqual(
      [
        'POST /upload/storage/v1/b/shop-exports/o',
        'DELETE /upload/x',
        'POST /upload/storage/v1/b/shop-exports/o',
        'PUT /upload/y',
      ].map((line) => line.replace(' ', ' http://127.0.0.1:9 ')),
    );
  });
});

describe('failures', () => {
  it.each([
    [{ format: 'csv' }, ['_key']],
    [{ format: 'jsonl' }, ['_operation']],
    [{ format: 'csv', operation_column: 'op' }, ['op']],
    [{ format: 'parquet' }, ['_KEY']],
    [{ format: 'parquet' }, ['Name', 'name']],
  ])('refuses a name that a file would have twice: %j %j', async (config, fields) => {
    const columns = fields.map((field) => ({ field, dataType: 'VARCHAR' }));
    await expect(open({ columns, config: { path: 'out', ...config } })).rejects.toMatchObject({
      code: 'invalid-setting',
    });
  });

  it('says which folder cannot be written, before the first row', async () => {
    await writeFile(join(dir, 'out'), 'a file, not a folder');
    await expect(open()).rejects.toMatchObject({ code: 'file-not-written', kind: 'destination' });
  });
});

async function queryParquet(path: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("set timezone = 'UTC'");
  const pattern = path.replace(/[*?[]/g, (character) => `[${character}]`);
  const reader = await connection.runAndReadAll(`from read_parquet('${pattern}')`);
  const rows = reader.getRowObjectsJson();
  connection.closeSync();
  instance.closeSync();
  return rows;
}
