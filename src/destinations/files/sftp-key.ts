import { createPrivateKey, type KeyObject } from 'node:crypto';
import { credentialsRefused } from './store-failure.ts';

/** What opens a private key, and how the place is called that it is for. */
interface KeyUse {
  readonly title: string;
  readonly passphrase: string | undefined;
}

/**
 * A private key in a form that the client reads: OpenSSH's, PuTTY's, or PEM. It is given as it stands in a file, with `\n` or spaces for
 * its line breaks, or as base64. PEM of PKCS #8 (what `openssl genpkey` writes) is turned into what the client knows. Throws
 * DinmoError `files-credentials`.
 */
export function readPrivateKey(text: string, use: KeyUse): string {
  const isWhole = /-----BEGIN |^PuTTY-User-Key-File-/.test(text);
  const given = (isWhole ? text : Buffer.from(text, 'base64').toString('utf8')).replaceAll('\\n', '\n').trim();
  const pem = /\n/.test(given)
    ? given
    : given.replace(/(?<=-----)[^-]+(?=-----END)/, (body) => body.replace(/ +/g, '\n'));
  if (!/-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(pem)) return `${pem}\n`;
  return fromPkcs8(pem, use);
}

function fromPkcs8(pem: string, { title, passphrase }: KeyUse): string {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    const said = pem.includes('ENCRYPTED')
      ? 'the private key does not open with the passphrase'
      : 'the private key is damaged';
    throw credentialsRefused({ title, said });
  }
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
  if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  if (key.asymmetricKeyType === 'ed25519') return openSshKey(key);
  throw credentialsRefused({
    title,
    said: `no login is possible with a private key of the kind ${key.asymmetricKeyType}`,
  });
}

/** Ed25519 as OpenSSH keeps it (PROTOCOL.key): there is no other form that the client reads. */
function openSshKey(key: KeyObject): string {
  const { x = '', d = '' } = key.export({ format: 'jwk' });
  const [publicPart, secret] = [Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url')];
  const name = field('ssh-ed25519');
  const own = Buffer.concat([
    Buffer.alloc(8),
    name,
    field(publicPart),
    field(Buffer.concat([secret, publicPart])),
    field(''),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (own.length % 8)) % 8 }, (_, at) => at + 1));
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[field('none'), field('none'), field(''), Buffer.from([0, 0, 0, 1])],
    field(Buffer.concat([name, field(publicPart)])),
    field(Buffer.concat([own, padding])),
  ]);
  const lines = whole.toString('base64').replace(/.{1,70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}-----END OPENSSH PRIVATE KEY-----\n`;
}

/** Bytes after their number. */
function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
