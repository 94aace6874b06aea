import { constants, existsSync } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DinmoError, messageOf } from '../../errors.ts';
import type { OwnNames, Store, WrittenFile } from './store.ts';
import { writeError } from './store-failure.ts';

/** A local folder. Working files stand beside what they become, with a dot before their names, so that a rename publishes them. */
export class FolderStore implements Store {
  readonly title: string;
  readonly #root: string;

  constructor(root: string) {
    this.title = root;
    this.#root = root;
  }

  async prepare(own: OwnNames): Promise<void> {
    const changes = join(this.#root, own.changes);
    try {
      await mkdir(own.whole ? this.#root : changes, { recursive: true });
      await removeWorkingFiles(this.#root, (name) => name.startsWith(`.${own.changes}.`));
      await removeWorkingFiles(changes, (name) => /^\..*\.(tmp|spool)$/.test(name));
    } catch (thrown) {
      throw writeError(this.#root, thrown);
    }
  }

  workingPath(name: string, kind: 'spool' | 'tmp'): string {
    const target = join(this.#root, name);
    return join(dirname(target), `.${basename(target)}.${kind}`);
  }

  async put(name: string, file: WrittenFile): Promise<void> {
    const target = join(this.#root, name);
    try {
      await sync(file.path);
      await rename(file.path, target);
      await sync(dirname(target)).catch(() => {
        // Not every system lets a folder be synced; the rename itself is done.
      });
    } catch (thrown) {
      throw writeError(target, thrown);
    }
  }

  /** Whether the folder, or the nearest one above it that exists, can be written. */
  async verify(): Promise<string> {
    let folder = this.#root;
    while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
    const refuse = (what: string): DinmoError =>
      new DinmoError({
        kind: 'destination',
        code: 'file-not-written',
        message: what,
        fix: 'Name another folder in config.path, or give its rights.',
      });
    try {
      await access(folder, constants.W_OK);
    } catch (thrown) {
      throw refuse(messageOf(thrown));
    }
    if (!(await stat(folder)).isDirectory()) throw refuse(`${folder} is not a folder`);
    return `${folder} can be written`;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function removeWorkingFiles(folder: string, isWorking: (name: string) => boolean): Promise<void> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  for (const name of names.filter(isWorking)) await rm(join(folder, name), { force: true });
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
