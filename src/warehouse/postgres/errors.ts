import { DinmoError } from '../../errors.ts';
import type { PostgresServer } from './profile.ts';

/** What the server or the driver says: `code` is an SQLSTATE, or what the system calls the failure. */
interface PgFailure {
  readonly message: string;
  readonly code: string;
  readonly table: string | null;
}

function failureOf(thrown: unknown): PgFailure {
  const { message, code, table } = (thrown ?? {}) as { message?: unknown; code?: unknown; table?: unknown };
  return {
    message: typeof message === 'string' ? (message.split('\n')[0] ?? message) : String(thrown),
    code: typeof code === 'string' ? code : '',
    table: typeof table === 'string' ? table : null,
  };
}

/** A session that could not be opened: which field of the profile to look at. */
export function connectionError(server: PostgresServer, thrown: unknown): DinmoError {
  const { message, code } = failureOf(thrown);
  const where = server.host.startsWith('/') ? `the socket in ${server.host}` : `${server.host}:${server.port}`;
  const at = CAUSES.find(({ text }) => text.test(message)) ?? CAUSES.find(({ codes }) => codes.test(code)) ?? OTHERWISE;
  return new DinmoError({
    kind: 'warehouse',
    code: at.refused ? 'postgres-login-refused' : 'postgres-unreachable',
    message: `PostgreSQL at ${where} ${at.refused ? `refused ${server.user}` : 'could not be reached'}: ${message}${code === '' || message.includes(code) ? '' : ` (${code})`}`,
    fix: `See ${at.fields.map((field) => `\`${field}\``).join(', ')} of ${server.from}${at.more?.(server) ?? ''}.`,
    cause: thrown,
  });
}

interface ConnectionCause {
  /** SQLSTATEs of the server, codes of the system and of TLS. */
  readonly codes: RegExp;
  readonly text: RegExp;
  readonly fields: readonly string[];
  readonly refused: boolean;
  /** What follows the fields. */
  readonly more?: (server: PostgresServer) => string;
}

const NEVER = /(?!)/;

const CAUSES: readonly ConnectionCause[] = [
  { codes: /^28P01$/, text: /password must be a string|no password/i, fields: ['password'], refused: true },
  { codes: /^3D000$/, text: NEVER, fields: ['dbname'], refused: true },
  // Taken on after connecting: there is none of that name, or the user is not a member of it.
  { codes: /^(22023|42704)$/, text: /permission denied to set role/i, fields: ['role'], refused: true },
  {
    codes: NEVER,
    text: /^permission denied for database/i,
    fields: ['user', 'dbname'],
    refused: true,
    more: ({ user, database }) =>
      `, or an administrator runs: grant connect on database ${quotedName(database)} to ${quotedName(user)}`,
  },
  // Nothing else of what is sent on connecting is written by users.
  {
    codes: /^42601$/,
    text: NEVER,
    fields: ['search_path'],
    refused: true,
    more: () => ': names as SQL has them, separated by commas',
  },
  { codes: NEVER, text: /pg_hba\.conf/i, fields: ['user', 'sslmode', 'host'], refused: true },
  { codes: /^(28|42501)/, text: NEVER, fields: ['user', 'role'], refused: true },
  {
    codes: /CERT|SIGNATURE|ALTNAME/,
    text: /\b(client|peer|signed|issuer|local issuer) certificate|altnames/i,
    fields: ['sslrootcert', 'sslmode', 'sslcert', 'sslkey'],
    refused: false,
  },
  { codes: NEVER, text: /SSL/, fields: ['sslmode'], refused: false },
  { codes: /^(ENOTFOUND|EAI_AGAIN|ENOENT)$/, text: NEVER, fields: ['host'], refused: false },
  { codes: /^ETIMEDOUT$/, text: /timeout/i, fields: ['host', 'port', 'connect_timeout'], refused: false },
];

const OTHERWISE: ConnectionCause = {
  codes: NEVER,
  text: NEVER,
  fields: ['host', 'port'],
  refused: false,
  more: () => ', and whether the server runs',
};

/** A statement that failed, in our words, with the server's text. */
export function statementError(thrown: unknown, sql: string, role: string): DinmoError {
  const { message, code } = failureOf(thrown);
  const known = KINDS.find(({ codes, text }) => codes.test(code) || (code === '' && text?.test(message)));
  const { fix } = known ?? {};
  return new DinmoError({
    kind: known?.stopped ? 'stopped' : 'warehouse',
    code: known?.is ?? 'statement-failed',
    message: `PostgreSQL: ${withoutValues(message, code)}${code === '' ? '' : ` (${code})`}`,
    ...(fix === undefined ? {} : { fix: typeof fix === 'string' ? fix : fix({ message, sql, role }) }),
    cause: Object.assign(new Error(sql), { original: thrown }),
  });
}

/** What a fix may speak of. */
interface Failed {
  readonly message: string;
  readonly sql: string;
  readonly role: string;
}

interface Kind {
  readonly is: string;
  /** SQLSTATEs, or what the system calls a failure (PostgreSQL 18, appendix A). */
  readonly codes: RegExp;
  /** Not a fault of the warehouse: another process was quicker. */
  readonly stopped?: true;
  /** What the driver says where there is no code. */
  readonly text?: RegExp;
  readonly fix?: string | ((failed: Failed) => string);
}

const KINDS: readonly Kind[] = [
  {
    is: 'relation-missing',
    codes: /^(42P01|3F000)$/,
    fix: 'Run `dbt build` (after `dinmo generate`), with the same target, and try again.',
  },
  {
    is: 'grant-missing',
    codes: /^42501$/,
    fix: (failed) => `${grantFor(failed)} \`dinmo doctor --grants\` prints all that is needed.`,
  },
  {
    is: 'statement-failed',
    codes: /^25006$/,
    fix: 'This server or role only reads: where the profile names a standby, name its primary; where default_transaction_read_only is on for the role or the database, an administrator turns it off for the role of the target.',
  },
  {
    is: 'changed-meanwhile',
    codes: /^(40001|40P01)$/,
    stopped: true,
    fix: 'Another session changed the same rows. Run it again.',
  },
  {
    is: 'statement-cancelled',
    codes: /^(57014|55P03)$/,
    fix: 'Where nobody stopped it, see the timeouts of the server and of the role (statement_timeout, lock_timeout).',
  },
  {
    is: 'connection-lost',
    codes: /^(08|57P0|25P03|ECONNRESET|EPIPE|ETIMEDOUT)/,
    text: /connection (terminated|error)|not queryable|was closed/i,
    fix: 'Run it again when the server is back: a sync goes on with what is left.',
  },
];

/**
 * Errors about data (classes 22 and 23) quote the value at fault, which may be a person's, and have quotation marks in it; which ones stand
 * around it goes by the language of the server (lc_messages).
 */
function withoutValues(message: string, code: string): string {
  return /^2[23]/.test(code) ? message.replace(/["'«»„“”‘’‚‹›「」『』].*["'«»„“”‘’‚‹›「」『』]/s, '…') : message;
}

/** Names as PostgreSQL says them are bare; the statement says which schema they stand in. */
function grantFor({ message, sql, role }: Failed): string {
  const found =
    /permission denied (?:for|to create (temporary) tables in) (schema|table|view|database|sequence) "?(.+?)"?$/.exec(
      message,
    );
  const owned = /must be owner of (table|view|relation) "?(.+?)"?$/.exec(message);
  if (owned !== null)
    return `An administrator runs: alter table ${qualified(owned[2] ?? '', 'table', sql)} owner to ${quotedName(role)};`;
  if (found === null) return 'An administrator has to grant it.';
  const [, temporary, kind = '', name = ''] = found;
  const makes = /^\s*(create|drop)\b/i.test(sql);
  const rights = { schema: makes ? 'usage, create' : 'usage', database: temporary ?? 'create', sequence: 'usage' };
  const ofRows = CHANGES_ROWS.test(sql) ? 'select, insert, update, delete' : 'select';
  const right = rights[kind as keyof typeof rights] ?? ofRows;
  return `An administrator runs: grant ${right} on ${kind === 'view' ? 'table' : kind} ${qualified(name, kind, sql)} to ${quotedName(role)};`;
}

const CHANGES_ROWS = /^\s*(insert|update|delete|merge)\b/i;

function qualified(name: string, kind: string, sql: string): string {
  const quoted = quotedName(name);
  if (kind === 'schema' || kind === 'database') return quoted;
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const written = new RegExp(`("(?:[^"]|"")+"|\\w+)\\."?${escaped}"?(?![\\w"])`).exec(sql);
  return written === null ? quoted : `${written[1]}.${quoted}`;
}

function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
