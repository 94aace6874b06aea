import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { SFTPWrapper } from 'ssh2';
import { nameIn, placeText } from './place.ts';
import {
  type Connection,
  connectSftp,
  NO_SUCH_FILE,
  PERMISSION_DENIED,
  type SftpOptions,
  type SftpPlace,
  sftpError,
  sftpOptions,
  sftpStatus,
} from './sftp-connection.ts';
import type { OwnNames, Store, StoreContext, WrittenFile } from './store.ts';
import { placeMissing } from './store-failure.ts';
import { WorkingFolder } from './working-folder.ts';

const ATTEMPTS_MAX = 4;
const WAIT_MS = 1_000;

/** Loads the client at the first connection. Throws DinmoError `invalid-setting`. */
export function openSftpStore(place: SftpPlace, context: StoreContext): Store {
  return new SftpStore(place, { context, options: sftpOptions(place, context) });
}

/** A server by SFTP, version 3: a file is uploaded under a name of its own and then renamed over the one that it replaces. */
class SftpStore implements Store {
  readonly title: string;
  readonly #place: SftpPlace;
  readonly #context: StoreContext;
  readonly #options: SftpOptions;
  readonly #working: WorkingFolder;
  #connection: Connection | null = null;

  constructor(
    place: SftpPlace,
    { context, options }: { readonly context: StoreContext; readonly options: SftpOptions },
  ) {
    this.title = placeText(place);
    this.#place = place;
    this.#context = context;
    this.#options = options;
    this.#working = new WorkingFolder(`${context.projectDir} ${this.title}`);
  }

  async prepare(own: OwnNames): Promise<void> {
    await this.#working.open(own.changes);
    const { folder } = this.#place;
    const changes = nameIn(folder, own.changes);
    await this.#repeat(async (sftp) => {
      await makeFolders(sftp, own.whole ? folder : changes);
      await removeFiles(sftp, folder, (name) => name.startsWith(`.${own.changes}.`) && name.endsWith('.tmp'));
      await removeFiles(sftp, changes, (name) => /^\..*\.tmp$/.test(name));
    });
    // Rows gather before the next word with the server, and many servers end a silent session.
    this.#disconnect();
  }

  workingPath(name: string, kind: 'spool' | 'tmp'): string {
    return this.#working.pathOf(name, kind);
  }

  async put(name: string, file: WrittenFile): Promise<void> {
    const target = nameIn(this.#place.folder, name);
    const at = target.lastIndexOf('/') + 1;
    // No other process ever writes to it, so that what is renamed is what was written.
    const uploaded = `${target.slice(0, at)}.${target.slice(at)}.${randomBytes(4).toString('hex')}.tmp`;
    await this.#repeat(async (sftp) => {
      try {
        await upload(sftp, file, uploaded);
        await replace(sftp, uploaded, target);
      } catch (thrown) {
        if (sftpStatus(thrown) !== null) await promisify(sftp.unlink.bind(sftp))(uploaded).catch(() => {});
        throw thrown;
      }
    });
  }

  async verify(): Promise<string> {
    const { folder } = this.#place;
    await this.#repeat(async (sftp) => {
      const found = await stat(sftp, folder);
      // What is missing is made at the first sync.
      if (found !== null && !found.isDirectory())
        throw placeMissing({ title: this.title, said: `${folder} is a file` });
    });
    return `${this.title} takes the login; whether the folder can be written shows at the first sync, since a test would make something`;
  }

  async close(): Promise<void> {
    this.#disconnect();
    await this.#working.close();
  }

  #disconnect(): void {
    this.#connection?.end();
    this.#connection = null;
  }

  /** Does a step again on a new connection where the old one broke. The step may be done twice. */
  async #repeat<T>(step: (sftp: SFTPWrapper) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#connection ??= await connectSftp(this.#options);
        return await step(this.#connection.sftp);
      } catch (thrown) {
        const error = sftpError(this.title, thrown);
        const isBroken = sftpStatus(thrown) === null && error.code === 'files-unavailable';
        if (!isBroken || attempt === ATTEMPTS_MAX) throw error;
        this.#disconnect();
        const waitMs = WAIT_MS * 2 ** (attempt - 1);
        this.#context.logger.debug('destination.retried', {
          what: this.title,
          attempt,
          code: error.code,
          after_ms: waitMs,
        });
        await this.#context.clock.sleep(waitMs);
      }
    }
  }
}

/** Uploads with several writes on their way, asks the server to keep the bytes for good where it can, and looks at their number. */
async function upload(sftp: SFTPWrapper, file: WrittenFile, target: string): Promise<void> {
  await new Promise<void>((done, failed) => {
    sftp.fastPut(file.path, target, {}, (error) => (error ? failed(error) : done()));
    // A connection that ends takes the answers along.
    sftp.once('close', () => failed(new Error('the connection was closed')));
  });
  await keep(sftp, target);
  const { size } = await promisify(sftp.stat.bind(sftp))(target);
  if (size !== file.bytes) throw new Error(`${size} of ${file.bytes} bytes arrived`);
}

/** Asks for fsync@openssh.com. Where files may be written and not read, or the server does not have it, the bytes are kept as it likes. */
async function keep(sftp: SFTPWrapper, target: string): Promise<void> {
  let handle: Buffer;
  try {
    handle = await promisify<string, 'r+', Buffer>(sftp.open.bind(sftp))(target, 'r+');
  } catch (thrown) {
    if (sftpStatus(thrown) === PERMISSION_DENIED) return;
    throw thrown;
  }
  await new Promise<void>((done) => {
    try {
      sftp.ext_openssh_fsync(handle, () => done());
    } catch {
      // The server does not have the extension.
      done();
    }
  });
  await promisify(sftp.close.bind(sftp))(handle);
}

/** posix-rename@openssh.com replaces at once. Without it, version 3 refuses a name that is taken: the old file goes first. */
async function replace(sftp: SFTPWrapper, from: string, to: string): Promise<void> {
  const hasExtension = await new Promise<boolean>((done, failed) => {
    try {
      sftp.ext_openssh_rename(from, to, (error) => (error ? failed(error) : done(true)));
    } catch {
      done(false);
    }
  });
  if (hasExtension) return;
  const rename = promisify(sftp.rename.bind(sftp));
  try {
    await rename(from, to);
  } catch (thrown) {
    if ((await stat(sftp, to)) === null) throw thrown;
    await promisify(sftp.unlink.bind(sftp))(to);
    await rename(from, to);
  }
}

async function makeFolders(sftp: SFTPWrapper, folder: string): Promise<void> {
  if ((await stat(sftp, folder)) !== null) return;
  const parent = folder.slice(0, folder.lastIndexOf('/'));
  if (parent !== '' && parent !== '.') await makeFolders(sftp, parent);
  try {
    await promisify<string, void>(sftp.mkdir.bind(sftp))(folder);
  } catch (thrown) {
    // Made by somebody else in between.
    if ((await stat(sftp, folder)) === null) throw thrown;
  }
}

async function removeFiles(sftp: SFTPWrapper, folder: string, isOurs: (name: string) => boolean): Promise<void> {
  if ((await stat(sftp, folder)) === null) return;
  for (const name of (await listFiles(sftp, folder)).filter(isOurs))
    await promisify(sftp.unlink.bind(sftp))(nameIn(folder, name));
}

/** Empty where the user may write and not list: what a dead run left is its owner's to remove. */
async function listFiles(sftp: SFTPWrapper, folder: string): Promise<readonly string[]> {
  try {
    return (await promisify(sftp.readdir.bind(sftp))(folder)).map((entry) => entry.filename);
  } catch (thrown) {
    if (sftpStatus(thrown) === PERMISSION_DENIED) return [];
    throw thrown;
  }
}

/** null: there is nothing of this name. */
async function stat(sftp: SFTPWrapper, path: string): Promise<{ isDirectory(): boolean } | null> {
  try {
    return await promisify(sftp.stat.bind(sftp))(path);
  } catch (thrown) {
    if (sftpStatus(thrown) === NO_SUCH_FILE) return null;
    throw thrown;
  }
}
