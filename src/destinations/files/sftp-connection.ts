import { createHash } from 'node:crypto';
import type { Client, ConnectConfig, SFTPWrapper } from 'ssh2';
import { DinmoError } from '../../errors.ts';
import { registerSecret } from '../../log.ts';
import { type Place, placeText } from './place.ts';
import { readPrivateKey } from './sftp-key.ts';
import type { StoreContext } from './store.ts';
import {
  accessDenied,
  credentialsRefused,
  hostKeyRefused,
  placeMissing,
  settingsRefused,
  storeUnavailable,
} from './store-failure.ts';

export type SftpPlace = Extract<Place, { kind: 'sftp' }>;

/** A session with the server. */
export interface Connection {
  readonly sftp: SFTPWrapper;
  end(): void;
}

const CONNECT_MS_MAX = 20_000;
const KEEPALIVE_MS = 15_000;

/** What a connection is made with. Throws DinmoError `invalid-setting` for what is missing. */
export function sftpOptions(place: SftpPlace, { config, credentials }: StoreContext): SftpOptions {
  const title = placeText(place);
  const { username, password, private_key: privateKey, passphrase } = credentials;
  const fingerprints = String(config['host_key'] ?? '')
    .split(/[\s,]+/)
    .filter((text) => text !== '')
    .map((text) => text.replace(/=+$/, ''));
  if (fingerprints.length === 0 || fingerprints.some((text) => !/^SHA256:[A-Za-z\d+/]{43}$/.test(text)))
    throw settingsRefused(
      title,
      'config.host_key is not the fingerprint of the server’s key, and an unknown server is never trusted',
      'Ask who runs the server, or compare with what they publish: ssh-keyscan <host> | ssh-keygen -lf - prints SHA256:… for each key.',
    );
  if (username === undefined || (password === undefined && privateKey === undefined))
    throw settingsRefused(
      title,
      'username, and password or private_key, are needed',
      'Add them under credentials, as "{{ env_var(\'…\') }}".',
    );
  const key = privateKey === undefined ? undefined : readPrivateKey(privateKey, { title, passphrase });
  if (key !== undefined) registerSecret(key);
  return {
    title,
    fingerprints,
    connect: {
      host: place.host,
      port: place.port,
      username,
      ...(password === undefined ? {} : { password, tryKeyboard: true }),
      ...(key === undefined ? {} : { privateKey: key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      readyTimeout: CONNECT_MS_MAX,
      keepaliveInterval: KEEPALIVE_MS,
    },
  };
}

export interface SftpOptions {
  readonly title: string;
  readonly fingerprints: readonly string[];
  readonly connect: ConnectConfig;
}

/** Host keys by kind. A server shows one key, of the kind that both prefer; the pinned one may be of another. */
const HOST_KEY_KINDS = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
] as const;

/**
 * Connects, after one of the server's keys was compared with the pinned ones. Throws DinmoError: files-host-key, files-credentials,
 * files-unavailable.
 */
export async function connectSftp(options: SftpOptions): Promise<Connection> {
  const shown: string[] = [];
  for (const kinds of [null, ...HOST_KEY_KINDS]) {
    const result = await connectOnce(options, kinds);
    if ('sftp' in result) return result;
    if (result.shown !== null && !shown.includes(result.shown)) shown.push(result.shown);
  }
  throw hostKeyRefused(options.title, shown.join(' and '));
}

/** `shown`: the fingerprint that is not pinned; null: the server has no key of these kinds. */
async function connectOnce(
  options: SftpOptions,
  kinds: (typeof HOST_KEY_KINDS)[number] | null,
): Promise<Connection | { readonly shown: string | null }> {
  // It is CommonJS: names of its own are found on the default export alone.
  const { default: ssh2 } = await import('ssh2');
  const client: Client = new ssh2.Client();
  let refusedKey: string | null = null;
  const hostVerifier = (key: Buffer): boolean => {
    const shown = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
    if (options.fingerprints.includes(shown)) return true;
    refusedKey = shown;
    return false;
  };
  const algorithms = kinds === null ? {} : { algorithms: { serverHostKey: [...kinds] } };
  answerPrompt(client, options.connect.password);
  try {
    const sftp = await new Promise<SFTPWrapper>((done, failed) => {
      client.on('ready', () => client.sftp((error, made) => (error ? failed(error) : done(made))));
      // Later failures reach whoever waits for an answer; without a listener they would end the process.
      client.on('error', failed);
      client.on('close', () => failed(new Error('the connection was closed')));
      client.connect({ ...options.connect, ...algorithms, hostVerifier });
      // It writes a packet in two pieces: without this each one waits for the server's delayed acknowledgement, 40 ms.
      client.setNoDelay(true);
    });
    return { sftp, end: () => client.end() };
  } catch (thrown) {
    client.destroy();
    const hasNone = kinds !== null && thrown instanceof Error && /no matching host key/i.test(thrown.message);
    if (refusedKey !== null || hasNone) return { shown: refusedKey };
    throw connectError(options.title, thrown);
  }
}

/** Many servers ask for the password as a question (RFC 4256). It is the answer to one that stands alone and hides what is typed, once. */
function answerPrompt(client: Client, password: string | undefined): void {
  let answered = false;
  client.on('keyboard-interactive', (...asked) => {
    const [, , , prompts, finish] = asked;
    const isPassword = prompts.length === 1 && prompts[0]?.echo !== true && !answered;
    if (isPassword) answered = true;
    finish(isPassword && password !== undefined ? [password] : []);
  });
}

function connectError(title: string, thrown: unknown): DinmoError {
  const level = levelOf(thrown);
  const said = thrown instanceof Error ? thrown.message : 'the connection failed';
  if (level === 'client-authentication')
    return credentialsRefused({ title, said: 'the server took neither the key nor the password of the user' });
  // What the library says of a key names its form, not what is in it.
  if (/Cannot parse privateKey|Encrypted private|passphrase/i.test(said)) return credentialsRefused({ title, said });
  return storeUnavailable({ title, said });
}

function levelOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'level' in thrown && typeof thrown.level === 'string' ? thrown.level : null;
}

/** Status codes of SFTP, version 3 (draft-ietf-secsh-filexfer-02, section 7). */
export const NO_SUCH_FILE = 2;
export const PERMISSION_DENIED = 3;
const FAILURE = 4;
const NO_CONNECTION = 6;

/** The server's own status of a failure; null where the connection failed. */
export function sftpStatus(thrown: unknown): number | null {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
  return typeof code === 'number' && code !== NO_CONNECTION && code !== NO_CONNECTION + 1 ? code : null;
}

/** What a step threw, as an error of the destination. */
export function sftpError(title: string, thrown: unknown): DinmoError {
  if (thrown instanceof DinmoError) return thrown;
  const said = thrown instanceof Error ? thrown.message : 'it failed';
  const status = sftpStatus(thrown);
  if (status === PERMISSION_DENIED) return accessDenied({ title, said });
  if (status === NO_SUCH_FILE) return placeMissing({ title, said });
  // Version 3 has no status for a disk that is full.
  if (status === FAILURE) return storeUnavailable({ title, said: `${said} (often a disk or quota that is full)` });
  return storeUnavailable({ title, said });
}
