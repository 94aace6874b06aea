import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DinmoError } from '../../errors.ts';
import { writeError } from './store-failure.ts';

/**
 * Where the rows of one activation wait on this machine until they are uploaded. One folder for each activation and place in the
 * system's folder for temporary files (TMPDIR), readable by its owner only; it is emptied when it is opened, so that a run
 * which died leaves rows no longer than until the next one. Each run has a folder of its own inside: one that was thought
 * dead neither publishes nor removes another's rows.
 */
export class WorkingFolder {
  #parent = '';
  #path: string | null = null;
  readonly #place: string;

  /** `place`: what tells this project's destination from every other. */
  constructor(place: string) {
    this.#place = place;
  }

  /** Throws DinmoError `file-not-written`. */
  async open(activation: string): Promise<void> {
    const owner = process.getuid?.() ?? 0;
    const name = createHash('sha256')
      .update(JSON.stringify([this.#place, activation, owner]))
      .digest('hex');
    const path = join(tmpdir(), `dinmo-files-${name.slice(0, 20)}`);
    try {
      await rm(path, { recursive: true, force: true });
      await mkdir(path, { mode: 0o700 });
    } catch (thrown) {
      throw writeError(path, thrown);
    }
    // Everybody may write to the folder for temporary files: what stands there has to be what was just made.
    const found = await lstat(path);
    if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== owner))
      throw new DinmoError({
        kind: 'destination',
        code: 'file-not-written',
        message: `${path} belongs to somebody else`,
        fix: 'Let TMPDIR name a folder of your own.',
      });
    this.#parent = path;
    this.#path = await mkdtemp(join(path, 'run-'));
  }

  pathOf(name: string, kind: 'spool' | 'tmp'): string {
    if (this.#path === null) throw new Error('the working folder is not open');
    return join(this.#path, `${name.replaceAll('/', '-')}.${kind}`);
  }

  async close(): Promise<void> {
    if (this.#path === null) return;
    await rm(this.#path, { recursive: true, force: true });
    this.#path = null;
    await rmdir(this.#parent).catch(() => {
      // Another run's rows are in it.
    });
  }
}
