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

/** A session that could not be opened. */
export function connectionError(server: PostgresServer, thrown: unknown): DinmoError {
  const { message, code } = failureOf(thrown);
  const where = server.host.startsWith('/') ? `the socket in ${server.host}` : `${server.host}:${server.port}`;
  // Class 28: invalid authorization; 3D000: no such database; 42501: no right to it.
  if (/^28|^3D000|^42501/.test(code) || /password/i.test(message)) {
    return new DinmoError({
      kind: 'warehouse',
      code: 'postgres-login-refused',
      message: `PostgreSQL at ${where} refused ${server.user}: ${message}`,
      fix: 'See `user`, `password`, `dbname` and `role` of the target in profiles.yml; `dbt debug` uses the same.',
      cause: thrown,
    });
  }
  return new DinmoError({
    kind: 'warehouse',
    code: 'postgres-unreachable',
    message: `PostgreSQL at ${where} could not be reached: ${message}`,
    fix: 'See `host`, `port` and `sslmode` of the target in profiles.yml, and whether the server runs.',
    cause: thrown,
  });
}

/** A statement that failed, in our words, with the server's text. */
export function statementError(thrown: unknown, sql: string): DinmoError {
  const { message, code } = failureOf(thrown);
  const known = KINDS.find(({ codes, text }) => codes.test(code) || (code === '' && text?.test(message)));
  const { fix } = known ?? {};
  return new DinmoError({
    kind: 'warehouse',
    code: known?.is ?? 'statement-failed',
    message: `PostgreSQL: ${withoutValues(message, code)}${code === '' ? '' : ` (${code})`}`,
    ...(fix === undefined ? {} : { fix: typeof fix === 'string' ? fix : fix(message) }),
    cause: Object.assign(new Error(sql), { original: thrown }),
  });
}

interface Kind {
  readonly is: string;
  /** SQLSTATEs, or what the system calls a failure (PostgreSQL 18, appendix A). */
  readonly codes: RegExp;
  /** What the driver says where there is no code. */
  readonly text?: RegExp;
  readonly fix?: string | ((message: string) => string);
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
    fix: (message) => `${grantFor(message)} \`dinmo doctor --grants\` prints all that is needed.`,
  },
  {
    is: 'changed-meanwhile',
    codes: /^(40001|40P01)$/,
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

/** Errors about data (classes 22 and 23) quote the value at fault, which may be a person's. */
function withoutValues(message: string, code: string): string {
  return /^2[23]/.test(code) ? message.replaceAll(/"[^"]*"|'[^']*'/g, '…') : message;
}

function grantFor(message: string): string {
  const found = /permission denied for (schema|table|view|database|sequence) (\S+)/.exec(message);
  if (found === null) return 'An administrator has to grant it.';
  const [, kind = '', name = ''] = found;
  const right = kind === 'schema' ? 'usage, create' : kind === 'database' ? 'create' : 'select';
  return `An administrator runs: grant ${right} on ${kind === 'view' ? 'table' : kind} ${name} to <role>;`;
}
