import { type ChildProcess, spawn } from 'node:child_process';
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { secret } from '../../privacy/canaries.ts';
import { emulatorPython } from '../../warehouse/emulator-process.ts';
import { type Front, startFront, startWire, type Wire } from './front.ts';

const PYTHON = emulatorPython('stores');
export const isInstalled = PYTHON !== null;
export const BUCKET = 'shop-exports';
const PASSWORD = secret('sftp-password');

/** One store with what a destination of it needs, and a look at it from behind. Names are those below `exports`. */
export interface TestStore {
  readonly reach: Pick<ServiceContext, 'config' | 'credentials' | 'baseUrl'>;
  names(): Promise<readonly string[]>;
  read(name: string): Promise<Buffer>;
}

/** A process that publishes one row at a place. */
export function startPublisher(context: Partial<ServiceContext>): ChildProcess {
  const program = join(import.meta.dirname, 'publisher.ts');
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(JSON.stringify(context));
  return child;
}

type Keys = Readonly<Record<'access_key_id' | 'secret_access_key', string>>;

export interface TestStores {
  readonly s3: TestStore & { readonly front: Front; readonly admin: S3Client; readonly stranger: Keys };
  readonly gcs: TestStore & { readonly front: Front };
  readonly sftp: TestStore & {
    readonly wire: Wire;
    readonly root: string;
    /** Lets a public key log in, in OpenSSH's form. */
    allow(publicKey: string): void;
  };
  /** A second server of the same files: without extensions, and with two host keys. */
  readonly plain: TestStore & { readonly hostKeys: readonly string[] };
  close(): void;
}

/** The policy that the documentation of the platform recommends, for the bucket of the tests. */
function documentedPolicy(): unknown {
  const text = readFileSync(join(import.meta.dirname, '../../../src/destinations/files/README.md'), 'utf8');
  const block = /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  return JSON.parse(block.replaceAll('<bucket>', BUCKET).replaceAll('<prefix>', 'exports'));
}

export async function startStores(): Promise<TestStores> {
  if (PYTHON === null) throw new Error('the stores are not installed: npm run setup -- --with-versions');
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-stores-'));
  const root = join(folder, 'home');
  mkdirSync(root);
  const child = spawn(PYTHON, [join(import.meta.dirname, 'start-stores.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${JSON.stringify({ root, policy: documentedPolicy(), password: PASSWORD })}\n`);
  const line = await new Promise<string>((done, failed) => {
    createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => failed(new Error(`the stores ended with ${code}`)));
  });
  const { s3, gcs, sftp, plain } = JSON.parse(line);
  const [s3Front, gcsFront, wire] = [await startFront(s3.port), await startFront(gcs.port), await startWire(sftp.port)];
  const [accessKeyId, secretAccessKey] = [s3.keys.admin.access_key_id, s3.keys.admin.secret_access_key];
  const admin = new S3Client({
    endpoint: `http://127.0.0.1:${s3.port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  return {
    s3: { ...s3Store(admin, s3Front, s3.keys.writer), front: s3Front, admin, stranger: s3.keys.stranger },
    gcs: { ...gcsStore(gcsFront, gcs.port), front: gcsFront },
    sftp: {
      ...sftpStore(root, wire.port, sftp.host_keys[0]),
      ...{ wire, root },
      allow: (publicKey) => appendFileSync(join(folder, 'authorized_keys'), `${publicKey}\n`),
    },
    plain: { ...sftpStore(root, plain.port, plain.host_keys.at(-1)), hostKeys: plain.host_keys },
    close() {
      for (const part of [s3Front, gcsFront, wire]) part.close();
      admin.destroy();
      child.stdin.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function s3Store(admin: S3Client, front: Front, credentials: Keys): TestStore {
  return {
    reach: { config: { path: `s3://${BUCKET}/exports` }, credentials, baseUrl: front.url },
    async names() {
      const listed = await admin.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'exports/' }));
      return (listed.Contents ?? []).map(({ Key = '' }) => Key.slice('exports/'.length)).sort();
    },
    async read(name) {
      const got = await admin.send(new GetObjectCommand({ Bucket: BUCKET, Key: `exports/${name}` }));
      return Buffer.from((await got.Body?.transformToByteArray()) ?? []);
    },
  };
}

/** The token endpoint, the check of tokens and the end of a session, which the emulator lacks, stand before it. */
function gcsStore(front: Front, port: number): TestStore {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const token = secret('gcs-token');
  const key = { client_email: 'exporter', private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  front.fault = (method, url, headers, body) => {
    if (url === '/token') {
      const [head = '', claims = '', signature = ''] = (new URLSearchParams(body).get('assertion') ?? '').split('.');
      const holds = createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(publicKey, signature, 'base64url');
      if (!holds) return { status: 400, body: '{"error":"invalid_grant","error_description":"Invalid signature."}' };
      return { status: 200, body: JSON.stringify({ access_token: token, expires_in: 3599 }) };
    }
    if (headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: '{"error":{"message":"Invalid Credentials"}}' };
    return method === 'DELETE' ? { status: 499 } : null;
  };
  const api = `http://127.0.0.1:${port}`;
  return {
    reach: {
      config: { path: `gs://${BUCKET}/exports` },
      credentials: { service_account_json: Buffer.from(JSON.stringify(key)).toString('base64') },
      baseUrl: front.url,
    },
    async names() {
      const listed = await (await fetch(`${api}/storage/v1/b/${BUCKET}/o?prefix=exports/`)).json();
      const items = (listed as { readonly items?: readonly { readonly name: string }[] }).items ?? [];
      return items.map(({ name }) => name.slice('exports/'.length)).sort();
    },
    async read(name) {
      const path = encodeURIComponent(`exports/${name}`);
      const got = await fetch(`${api}/download/storage/v1/b/${BUCKET}/o/${path}?alt=media`);
      return Buffer.from(await got.arrayBuffer());
    },
  };
}

function sftpStore(root: string, port: number, hostKey: string): TestStore {
  const folder = join(root, 'exports');
  return {
    reach: {
      config: { path: `sftp://127.0.0.1:${port}/exports`, host_key: hostKey },
      credentials: { username: 'exporter', password: PASSWORD },
      baseUrl: null,
    },
    names: async () => {
      if (!existsSync(folder)) return [];
      const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return entries.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
    },
    read: async (name) => readFileSync(join(folder, name)),
  };
}
