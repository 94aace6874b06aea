import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Profile } from '../../artifacts/profile.ts';
import { ProfileFields } from '../profile-fields.ts';

/** How a PostgreSQL server is reached: what dbt-postgres makes of a profile, for the driver. */
export interface PostgresServer {
  /** Where this stands, for messages: target, profile and file. */
  readonly from: string;
  /** A name, an address, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  /** Taken on after connecting. */
  readonly role: string | null;
  readonly searchPath: string | null;
  readonly ssl: SslMode;
  readonly certificates: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly connectTimeoutMs: number;
  /** What the server's lists of sessions call this one; null: `dinmo`. */
  readonly applicationName: string | null;
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/**
 * The server of a dbt-postgres profile (dbt-postgres 1.8 to 1.11). Throws DinmoError `profile-invalid` naming the field, or the
 * certificate that cannot be read.
 */
export function postgresServer(profile: Profile): PostgresServer {
  const read = new ProfileFields(profile);
  const sslmode = read.text('sslmode') ?? 'prefer';
  const ssl = SSL_MODES.find((mode) => mode === sslmode);
  if (ssl === undefined) throw read.invalid('sslmode', `is ${sslmode}`, `One of ${SSL_MODES.join(', ')}.`);
  const host = read.required('host');
  if (host.includes(',')) throw read.invalid('host', `names several (${host})`, 'Name one: lists are not supported.');
  const ca = read.file('sslrootcert') ?? defaultCertificate(ssl);
  const cert = read.file('sslcert');
  const key = read.file('sslkey');
  return {
    from: `the ${read.place}`,
    host,
    port: read.number('port') ?? 5432,
    user: read.required('user'),
    password: read.text('password') ?? read.text('pass'),
    database: read.required('dbname', { or: 'database' }),
    role: read.text('role'),
    searchPath: read.text('search_path'),
    ssl,
    certificates: { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) },
    connectTimeoutMs: (read.number('connect_timeout') ?? 10) * 1000,
    applicationName: read.text('application_name'),
  };
}

/** libpq's own: where this file is, it is what servers are checked against. */
function defaultCertificate(ssl: SslMode): string | null {
  if (!ssl.startsWith('verify')) return null;
  try {
    return readFileSync(join(homedir(), '.postgresql', 'root.crt'), 'utf8');
  } catch {
    return null;
  }
}
