import { resolve } from 'node:path';
import { DinmoError } from '../../errors.ts';
import type { ServiceContext } from '../destination.ts';

/** Where `config.path` leads. A prefix has no slash at either end and may be empty. */
export type Place =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3' | 'gcs'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'sftp'; readonly host: string; readonly port: number; readonly folder: string };

const SFTP_PORT = 22;

/**
 * Reads `config.path`: a folder, `s3://bucket/prefix`, `gs://bucket/prefix`, `sftp://host[:port]/folder` (`/~/folder` stands in
 * the user's home, as curl means it). Throws DinmoError `invalid-setting`.
 */
export function readPlace(context: Pick<ServiceContext, 'config' | 'projectDir'>): Place {
  const path = String(context.config['path']);
  const found = /^([a-z][a-z\d+.-]*):\/\/([^/]*)(?:\/(.*))?$/i.exec(path);
  if (found === null) return { kind: 'folder', folder: resolve(context.projectDir, path) };
  const [, scheme = '', host = '', rest = ''] = found;
  switch (scheme.toLowerCase()) {
    case 's3':
      return { kind: 's3', ...readBucket(host, rest) };
    case 'gs':
      return { kind: 'gcs', ...readBucket(host, rest) };
    case 'sftp':
      return readServer(path, rest);
    default:
      throw pathError(`${scheme}:// is no place that files can go to`);
  }
}

/** The place in a message, as users write it. */
export function placeText(place: Place): string {
  if (place.kind === 'folder') return place.folder;
  if (place.kind === 'sftp') {
    const port = place.port === SFTP_PORT ? '' : `:${place.port}`;
    return `sftp://${place.host}${port}/${place.folder.replace(/^\.\//, '~/').replace(/^\//, '')}`;
  }
  return [`${place.kind === 's3' ? 's3' : 'gs'}://${place.bucket}`, place.prefix]
    .filter((part) => part !== '')
    .join('/');
}

/** The whole name of a file: prefix or folder, then its name. */
export function nameIn(prefix: string, name: string): string {
  return prefix === '' || prefix.endsWith('/') ? `${prefix}${name}` : `${prefix}/${name}`;
}

/** Names of buckets: letters, digits, dots, hyphens, and with Google underscores. */
function readBucket(bucket: string, rest: string): { readonly bucket: string; readonly prefix: string } {
  if (!/^[a-z\d][\w.-]{1,220}[a-z\d]$/.test(bucket)) throw pathError(`${bucket || 'nothing'} is no name of a bucket`);
  const prefix = rest.replace(/^\/+|\/+$/g, '');
  // As the names of objects they would be taken as they are, and by many readers for folders.
  if (prefix.split('/').some((part) => part === '.' || part === '..' || (part === '' && prefix !== '')))
    throw pathError('the prefix has a part that is empty, . or ..');
  return { bucket, prefix };
}

function readServer(path: string, rest: string): Place {
  const url = URL.canParse(path) ? new URL(path) : null;
  if (url === null || url.hostname === '') throw pathError('it names no server');
  if (url.username !== '' || url.password !== '')
    throw pathError('a user or password stands in it; they belong under credentials, as username and password');
  const folder = rest.replace(/\/+$/, '');
  return {
    kind: 'sftp',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? SFTP_PORT : Number(url.port),
    folder: folder === '~' || folder.startsWith('~/') ? `.${folder.slice(1)}` : `/${folder}`,
  };
}

function pathError(what: string): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: `Files: config.path cannot be used: ${what}`,
    fix: 'Give a folder, s3://bucket/prefix, gs://bucket/prefix or sftp://host:port/folder.',
  });
}
