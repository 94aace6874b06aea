import type { ServiceContext } from '../destination.ts';

/** Names of one activation: what an earlier run of it may have left half-way. */
export interface OwnNames {
  /** The folder of its change files, and what the names of its full replaces begin with. */
  readonly changes: string;
  readonly whole: boolean;
}

/** A file on this machine that is to be published. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
}

/** Where files are published: a folder, a bucket, a server. Names are relative to it, with `/` between their parts. */
export interface Store {
  /** The place as users write it. */
  readonly title: string;
  /**
   * Before the first row: makes folders, removes what earlier runs of this activation left half-way, and finds out whether
   * files can be written, as far as that makes nothing. Throws DinmoError.
   */
  prepare(own: OwnNames): Promise<void>;
  /** Where a file that will be published under this name is written first. */
  workingPath(name: string, kind: 'spool' | 'tmp'): string;
  /**
   * Publishes a file under a name, in place of the one that is there: readers see one of the two, whole, at any moment. May be
   * repeated. The working file may be gone after. Throws DinmoError, and then leaves nothing half-way that it can remove.
   */
  put(name: string, file: WrittenFile): Promise<void>;
  /** What the least proof of the credentials and the place says, for `doctor`. Makes nothing. Throws DinmoError. */
  verify(): Promise<string>;
  /** Ends connections and removes working files. May be called twice. */
  close(): Promise<void>;
}

/** What a store needs of the context. */
export type StoreContext = Pick<
  ServiceContext,
  'config' | 'credentials' | 'baseUrl' | 'projectDir' | 'http' | 'logger' | 'clock'
>;
