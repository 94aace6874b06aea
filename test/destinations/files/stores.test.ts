import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import ssh2 from 'ssh2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutgoingRow, Service, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { readPrivateKey } from '../../../src/destinations/files/sftp-key.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { secret } from '../../privacy/canaries.ts';
import { makeBatch, makeContext, makeRow } from '../rows.ts';
import type { Fault, Front } from './front.ts';
import { BUCKET, isInstalled, startPublisher, startStores, type TestStore, type TestStores } from './stores.ts';

const KINDS = ['s3', 'gcs', 'sftp'] as const;
/** More than one part: some seconds for the emulators. */
const isDeep = process.env['DINMO_TEST_STORES'] === 'deep';

let stores: TestStores;
let files: Service;
let http: ClosableHttpClient;
let faults: readonly Front['fault'][];

describe.runIf(isInstalled)('files at a store', () => {
  beforeAll(async () => {
    [stores, files] = await Promise.all([startStores(), findService('files', 'objects')]);
    http = createHttpClient();
    faults = [stores.s3.front.fault, stores.gcs.front.fault];
  });
  afterAll(async () => {
    stores?.close();
    await http?.close();
  });
  let syncId = 'sync-0';
  let activation = 'vip.there';
  let count = 0;
  beforeEach(() => {
    count += 1;
    syncId = `sync-${count}`;
    activation = `vip.there_${count}`;
  });
  afterEach(() => {
    [stores.s3.front.fault, stores.gcs.front.fault] = faults as [Front['fault'], Front['fault']];
  });

  const context = (store: TestStore, part: Partial<ServiceContext> = {}): ServiceContext =>
    makeContext({
      ...store.reach,
      http,
      activation,
      syncId,
      columns: [{ field: 'name', dataType: 'VARCHAR' }],
      ...part,
      config: { ...store.reach.config, ...part.config },
    });
  const open = (store: TestStore, part?: Partial<ServiceContext>): Promise<Session> => files.open(context(store, part));
  const send = (session: Session, rows: readonly OutgoingRow[]): Promise<unknown> =>
    session.send(makeBatch(rows), new AbortController().signal);
  const member = (seq: number, name: string, operation: OutgoingRow['operation'] = 'insert'): OutgoingRow =>
    makeRow({ seq, operation, fieldsJson: JSON.stringify({ name }) });
  const own = async (store: TestStore): Promise<readonly string[]> =>
    (await store.names()).filter((name) => name.includes(activation));
  const manifestOf = async (store: TestStore, name: string): Promise<Record<string, unknown>> =>
    JSON.parse((await store.read(name)).toString());
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
    await work.then(
      () => null,
      (thrown: { readonly code?: string }) => thrown.code,
    );

  describe.each(KINDS)('%s', (kind) => {
    it('publishes the changes of a sync, and a manifest that says what they are', async () => {
      const store = stores[kind];
      const session = await open(store, { config: { delimiter: 'tab', operation_column: 'op' } });
      await send(session, [member(1, 'Ann'), member(2, 'a\tb')]);
      await send(session, [member(3, 'Cat', 'delete')]);
      expect(await own(store)).toEqual([]);
      await session.finish();
      await session.abandon();
      const data = `${activation}/${syncId}.csv`;
      expect(await own(store)).toEqual([data, `${activation}/${syncId}.manifest.json`]);
      const bytes = await store.read(data);
      expect(bytes.toString()).toBe('op\t_key\tname\ninsert\t1\tAnn\ninsert\t2\t"a\tb"\ndelete\t3\t\n');
      expect(await manifestOf(store, `${activation}/${syncId}.manifest.json`)).toMatchObject({
        ...{
          manifest_version: 1,
          activation,
          sync_id: syncId,
          content: 'changes',
          delimiter: '\t',
          operation_column: 'op',
        },
        columns: [{ name: 'op' }, { name: '_key' }, { name: 'name', type: 'VARCHAR' }],
        operations: { insert: 2, update: 0, delete: 1 },
        files: [{ name: `${syncId}.csv`, rows: 3, bytes: bytes.length, sha256: hash(bytes) }],
      });
    });

    it('replaces the last whole file; one of no bytes too', async () => {
      const store = stores[kind];
      for (const [id, rows] of [
        ['a', [member(1, 'Ann')]],
        ['b', []],
      ] as const) {
        const session = await open(store, { mode: 'full', syncId: id, config: { header: false } });
        if (rows.length > 0) await send(session, rows);
        await session.finish();
      }
      expect(await own(store)).toEqual([`${activation}.csv`, `${activation}.manifest.json`]);
      expect((await store.read(`${activation}.csv`)).length).toBe(0);
      expect(await manifestOf(store, `${activation}.manifest.json`)).toMatchObject({ sync_id: 'b', rows: 0 });
    });

    it('proves rights for doctor, and makes nothing', async () => {
      const before = await stores[kind].names();
      expect(await files.verify(context(stores[kind]))).toMatchObject({ ok: true });
      expect(await stores[kind].names()).toEqual(before);
    });

    it.runIf(isDeep)('sends a large file in parts, again where one was cut, byte for byte', async () => {
      const store = stores[kind];
      const session = await open(store, { mode: 'full', config: { format: 'jsonl' } });
      for (let batch = 0; batch < 20; batch += 1) await send(session, [member(batch, 'x'.repeat(2_000_000))]);
      let cuts = 0;
      for (const front of [stores.s3.front, stores.gcs.front]) {
        const before = front.fault;
        front.fault = (method, url, headers, body) => {
          const isSecond = url.includes('partNumber=2') || `${headers['content-range']}`.startsWith('bytes 16777216-');
          if (isSecond && cuts === 0) {
            cuts += 1;
            return 'cut';
          }
          return before(method, url, headers, body);
        };
      }
      stores.sftp.wire.cutAfter = 20_000_000;
      await session.finish();
      expect(kind === 'sftp' ? stores.sftp.wire.cutAfter : cuts).toBe(kind === 'sftp' ? null : 1);
      const bytes = await store.read(`${activation}.jsonl`);
      expect(await manifestOf(store, `${activation}.manifest.json`)).toMatchObject({
        files: [{ bytes: bytes.length, sha256: hash(bytes) }],
      });
      expect(await own(store)).toHaveLength(2);
    });
  });

  it.runIf(isDeep).each(KINDS)(
    '%s: a process that is killed between file and manifest publishes nothing',
    async (kind) => {
      const store = stores[kind];
      const part = { activation, syncId, columns: [{ field: 'name', dataType: 'VARCHAR' }] };
      const held = join(stores.sftp.root, 'held');
      writeFileSync(held, '');
      let isHeld = false;
      for (const front of [stores.s3.front, stores.gcs.front]) {
        const before = front.fault;
        front.fault = (method, url, headers, body) => {
          if (!url.includes('manifest')) return before(method, url, headers, body);
          isHeld = true;
          return 'hold';
        };
      }
      const child = startPublisher({ ...store.reach, ...part });
      const data = `${activation}/${syncId}.csv`;
      await vi.waitUntil(async () => (kind === 'sftp' ? true : isHeld) && (await own(store)).includes(data), 20_000);
      child.kill('SIGKILL');
      await new Promise((done) => child.once('close', done));
      rmSync(held);
      [stores.s3.front.fault, stores.gcs.front.fault] = faults as [Front['fault'], Front['fault']];
      expect(await own(store)).toEqual([data]);
      const again = await open(store, { syncId: 'next' });
      await send(again, [member(1, 'Ann')]);
      await again.finish();
      const next = [`${activation}/next.csv`, `${activation}/next.manifest.json`];
      expect(await own(store)).toEqual([...next, data]);
    },
  );

  it.runIf(isDeep)('s3: an error inside of 200 at the end of an upload is none of its receipts', async () => {
    const before = stores.s3.front.fault;
    let met = 0;
    stores.s3.front.fault = (method, url, headers, body) => {
      const isEnd = method === 'POST' && url.includes('uploadId=');
      if (!isEnd || ++met > 1) return before(method, url, headers, body);
      const xml = { 'content-type': 'application/xml' };
      return { status: 200, headers: xml, body: '<Error><Code>InternalError</Code><Message>Again.</Message></Error>' };
    };
    const session = await open(stores.s3, { mode: 'full', config: { format: 'jsonl' } });
    for (let batch = 0; batch < 10; batch += 1) await send(session, [member(batch, 'x'.repeat(2_000_000))]);
    await session.finish();
    expect(met).toBe(2);
    expect(await own(stores.s3)).toHaveLength(2);
  });

  it.each(['s3', 'gcs'] as const)(
    '%s: a file whose manifest could not be written has none, and may be published again',
    async (kind) => {
      const store = stores[kind];
      const { front } = stores[kind];
      const before = front.fault;
      front.fault = (method, url, headers, body) =>
        url.includes('manifest')
          ? { status: 501, body: '<Error><Code>NotImplemented</Code></Error>' }
          : before(method, url, headers, body);
      const first = await open(store);
      await send(first, [member(1, 'Ann')]);
      await expect(first.finish()).rejects.toMatchObject({ kind: 'destination' });
      expect(await own(store)).toEqual([`${activation}/${syncId}.csv`]);
      front.fault = before;
      const again = await open(store);
      await send(again, [member(1, 'Ann')]);
      await again.finish();
      expect(await own(store)).toHaveLength(2);
    },
  );

  it.each(['s3', 'gcs'] as const)(
    '%s: a fault that passes is tried again, and a page of a gateway is no receipt',
    async (kind) => {
      const { front } = stores[kind];
      const before = front.fault;
      const isData = (method: string, url: string): boolean =>
        method === 'PUT' && (kind === 'gcs' ? url.includes('upload_id=') : url.includes(activation));
      let faults: readonly Fault[] = [];
      let met = 0;
      front.fault = (method, url, headers, body) => {
        const fault = isData(method, url) ? faults[met] : undefined;
        if (fault === undefined) return before(method, url, headers, body);
        met += 1;
        return fault;
      };
      const sync = async (): Promise<unknown> => {
        const session = await open(stores[kind]);
        await send(session, [member(1, 'Ann')]);
        return await codeOf(session.finish());
      };
      const xml = { 'content-type': 'application/xml' };
      const failure = { status: 500, headers: xml, body: '<Error><Code>InternalError</Code></Error>' };
      // Google does not know the session any more: the upload begins anew.
      faults = kind === 's3' ? [failure, 'cut'] : [failure, { status: 404 }, { status: 410 }];
      expect(await sync()).toBeNull();
      expect(met).toBe(faults.length);
      expect(await own(stores[kind])).toHaveLength(2);
      const page = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Please sign in</html>' };
      [activation, met, faults] = [`${activation}_page`, 0, Array.from({ length: 20 }, () => page)];
      expect(await sync()).toMatch(/^(files-unavailable|not-an-acknowledgement)$/);
      expect(await own(stores[kind])).toEqual([]);
    },
  );

  it('removes what a dead run left half-way, and nothing else', async () => {
    for (const Key of [`exports/${activation}.csv`, `exports/${activation}/sync-0.csv`, `exports/${activation}x.csv`])
      await stores.s3.admin.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }));
    await (await open(stores.s3)).abandon();
    const left = await stores.s3.admin.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    expect((left.Uploads ?? []).map(({ Key }) => Key)).toEqual([`exports/${activation}x.csv`]);
    const folder = join(stores.sftp.root, 'exports', activation);
    mkdirSync(folder, { recursive: true });
    for (const name of ['.sync-0.csv.0a1b2c3d.tmp', '.keep', 'sync-0.csv']) writeFileSync(join(folder, name), '');
    await (await open(stores.sftp)).abandon();
    expect(await own(stores.sftp)).toEqual([`${activation}/.keep`, `${activation}/sync-0.csv`]);
  });

  it('says what is wrong before the first row', async () => {
    const { s3, gcs, sftp } = stores;
    const at = (path: string) => ({ config: { path } });
    expect(await codeOf(open(s3, at('s3://no-such-bucket/exports')))).toMatch(/^files-(place-missing|access-denied)$/);
    expect(await codeOf(open(s3, { credentials: s3.stranger }))).toBe('files-access-denied');
    const wrong = { ...s3.reach.credentials, secret_access_key: secret('another-key') };
    expect(await codeOf(open(s3, { credentials: wrong }))).toBe('files-credentials');
    expect(await codeOf(open(s3, { credentials: { access_key_id: 'AKIA' } }))).toBe('invalid-setting');
    expect(await codeOf(open(gcs, at('gs://no-such-bucket/exports')))).toBe('files-place-missing');
    expect(await codeOf(open(gcs, { credentials: {} }))).toBe('files-credentials');
    expect(await codeOf(open(sftp, { config: { host_key: `SHA256:${'A'.repeat(43)}` } }))).toBe('files-host-key');
    expect(await codeOf(open(sftp, { config: { host_key: '' } }))).toBe('invalid-setting');
    expect(await codeOf(open(sftp, { credentials: { username: 'exporter', password: secret('no') } }))).toBe(
      'files-credentials',
    );
    const { path } = sftp.reach.config;
    expect(await codeOf(open(sftp, at(`${path}/forbidden`)))).toBe('files-access-denied');
    const full = await open(sftp, at(`${path}/full`));
    await send(full, [member(1, 'Ann')]);
    expect(await codeOf(full.finish())).toBe('files-unavailable');
  });

  it('writes to a folder that may be neither listed nor read', async () => {
    const session = await open(stores.sftp, { config: { path: `${stores.sftp.reach.config['path']}/dropbox` } });
    await send(session, [member(1, 'Ann')]);
    await session.finish();
    expect(await own(stores.sftp)).toHaveLength(2);
  });

  it('replaces a file on a server that has no extensions, and finds the pinned one among its keys', async () => {
    for (const [id, name] of [
      ['a', 'Ann'],
      ['b', 'Bob'],
    ] as const) {
      const session = await open(stores.plain, { mode: 'full', syncId: id });
      await send(session, [member(1, name)]);
      await session.finish();
    }
    expect(await own(stores.plain)).toEqual([`${activation}.csv`, `${activation}.manifest.json`]);
    expect((await stores.plain.read(`${activation}.csv`)).toString()).toBe('name\nBob\n');
    const stranger = await files.verify(context(stores.plain, { config: { host_key: `SHA256:${'A'.repeat(43)}` } }));
    for (const shown of stores.plain.hostKeys) expect(stranger.detail).toContain(shown);
  });

  it('logs in with keys in every form, opened by their passphrase, and with a password that is asked for', async () => {
    const { sftp } = stores;
    const passphrase = secret('sftp-passphrase');
    const open = { passphrase };
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const ed = generateKeyPairSync('ed25519').privateKey;
    const locked = ssh2.utils.generateKeyPairSync('ed25519', { passphrase, cipher: 'aes256-ctr', rounds: 8 });
    const lock = { format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
    const keys: readonly (readonly [key: string | Buffer, more?: { readonly passphrase: string }])[] = [
      [locked.private, open],
      [rsa.export({ type: 'pkcs1', format: 'pem' })],
      [rsa.export({ type: 'pkcs1', ...lock }), open],
      [rsa.export({ type: 'pkcs8', ...lock }), open],
      [ec.export({ type: 'pkcs8', format: 'pem' })],
      [ed.export({ type: 'pkcs8', format: 'pem' })],
    ];
    for (const [at, [key, more]] of keys.entries()) {
      const text = readPrivateKey(key.toString(), { title: 'there', passphrase });
      const parsed = ssh2.utils.parseKey(text, passphrase);
      if (parsed instanceof Error) throw parsed;
      sftp.allow(`${parsed.type} ${parsed.getPublicSSH().toString('base64')}`);
      const written = [key.toString(), key.toString().replaceAll('\n', '\\n'), Buffer.from(key).toString('base64')][
        at % 3
      ];
      const credentials = { username: 'exporter', private_key: `${written}`, ...more };
      expect(await files.verify(context(sftp, { credentials }))).toMatchObject({ ok: true });
    }
    for (const key of [locked.private, rsa.export({ type: 'pkcs8', ...lock }).toString(), 'bm8ga2V5'])
      for (const more of [{}, { passphrase: secret('another-passphrase') }]) {
        const credentials = { username: 'exporter', private_key: key, ...more };
        expect(await codeOf(files.open(context(sftp, { credentials })))).toBe('files-credentials');
      }
    const asked = { ...sftp.reach.credentials, username: 'asked' };
    expect(await files.verify(context(sftp, { credentials: asked }))).toMatchObject({ ok: true });
    const wrong = { username: 'asked', password: secret('not-this-one') };
    expect(await codeOf(files.open(context(sftp, { credentials: wrong })))).toBe('files-credentials');
  });

  it('names the region of a bucket that is elsewhere, and a clock that is off', async () => {
    const { front } = stores.s3;
    const headers = { 'x-amz-bucket-region': 'eu-west-3', 'content-type': 'application/xml' };
    front.fault = () => ({
      status: 301,
      headers,
      body: '<Error><Code>PermanentRedirect</Code><Message>Use the endpoint.</Message></Error>',
    });
    await expect(open(stores.s3)).rejects.toMatchObject({
      code: 'files-wrong-region',
      message: expect.stringContaining('eu-west-3'),
    });
    front.fault = () => ({
      status: 403,
      headers,
      body: '<Error><Code>RequestTimeTooSkewed</Code><Message>Too large.</Message></Error>',
    });
    await expect(open(stores.s3)).rejects.toMatchObject({ code: 'files-clock-skew' });
    front.fault = () => ({
      status: 403,
      headers,
      body: '<Error><Code>AccessDenied</Code><Message>No.</Message></Error>',
    });
    await expect(open(stores.s3)).rejects.toMatchObject({ code: 'files-access-denied' });
    front.fault = () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/elsewhere' } });
    await expect(open(stores.s3)).rejects.toMatchObject({
      code: 'files-unavailable',
      message: expect.stringContaining('a redirect, which is not followed'),
    });
  });
});
