import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Profile } from '../../artifacts/profile.ts';
import { DinmoError } from '../../errors.ts';

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
  const read = new Fields(profile);
  const sslmode = read.text('sslmode') ?? 'prefer';
  const ssl = SSL_MODES.find((mode) => mode === sslmode);
  if (ssl === undefined) throw read.invalid('sslmode', `is ${sslmode}`, `One of ${SSL_MODES.join(', ')}.`);
  // libpq's own default: where this file is, it is what servers are checked against.
  const ca = read.file('sslrootcert') ?? read.defaultCertificate(ssl);
  const cert = read.file('sslcert');
  const key = read.file('sslkey');
  return {
    from: read.place,
    host: read.required('host'),
    port: read.number('port') ?? 5432,
    user: read.required('user'),
    password: read.text('password') ?? read.text('pass'),
    database: read.text('dbname') ?? read.required('database'),
    role: read.text('role'),
    searchPath: read.text('search_path'),
    ssl,
    certificates: { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) },
    connectTimeoutMs: (read.number('connect_timeout') ?? 10) * 1000,
    applicationName: read.text('application_name'),
  };
}

class Fields {
  readonly #profile: Profile;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  text(name: string): string | null {
    const value = this.#profile.fields[name];
    return value === undefined || value === null || value === '' ? null : String(value);
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === null) throw this.invalid(name, 'is missing', `Add \`${name}:\`.`);
    return value;
  }

  number(name: string): number | null {
    const text = this.text(name);
    if (text === null) return null;
    if (!/^\d+$/.test(text)) throw this.invalid(name, 'is not a whole number', 'Correct it.');
    return Number(text);
  }

  file(name: string): string | null {
    const path = this.text(name);
    if (path === null) return null;
    try {
      return readFileSync(path.replace(/^~(?=\/)/, homedir()), 'utf8');
    } catch {
      throw this.invalid(name, `names ${path}, which cannot be read`, 'Correct the path, or its permissions.');
    }
  }

  defaultCertificate(ssl: SslMode): string | null {
    if (!ssl.startsWith('verify')) return null;
    try {
      return readFileSync(join(homedir(), '.postgresql', 'root.crt'), 'utf8');
    } catch {
      return null;
    }
  }

  get place(): string {
    const { targetName, profileName, file } = this.#profile;
    return `the target ${targetName} of profile ${profileName} in ${file}`;
  }

  invalid(name: string, what: string, fix: string): DinmoError {
    return new DinmoError({
      kind: 'configuration',
      code: 'profile-invalid',
      message: `\`${name}\` of ${this.place} ${what}.`,
      fix,
    });
  }
}
