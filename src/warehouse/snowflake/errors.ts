import { DinmoError } from '../../errors.ts';

/** What the server or the driver says: `code` is Snowflake's own number, six digits. */
interface SnowflakeFailure {
  readonly message: string;
  readonly code: string;
  readonly sqlState: string;
}

function failureOf(thrown: unknown): SnowflakeFailure {
  const { message, code, sqlState, cause } = (thrown ?? {}) as Record<string, unknown>;
  // The driver hides what the network said behind a text of its own.
  const said = typeof message === 'string' ? message : String(thrown);
  const why = cause instanceof Error && !said.includes(cause.message) ? ` ${cause.message}` : '';
  return {
    message: `${said}${why}`.replaceAll(/\s*\n\s*/g, ' '),
    code: code === undefined || code === null ? '' : String(code).padStart(6, '0'),
    sqlState: typeof sqlState === 'string' ? sqlState : '',
  };
}

/** A session that could not be opened. */
export function connectionError(place: string, thrown: unknown): DinmoError {
  const { message, code } = failureOf(thrown);
  // 390100 and its neighbours are said by the login; 394xxx by single sign-on and MFA.
  if (/^39[0-5]\d{3}$/.test(code)) {
    return new DinmoError({
      kind: 'warehouse',
      code: 'snowflake-login-refused',
      message: `Snowflake ${place} refused the login: ${message} (${code})`,
      fix: 'See `user`, `role` and the credentials of the target in profiles.yml; `dbt debug` uses the same.',
      cause: thrown,
    });
  }
  const told = code === '' ? message : `${message} (${code})`;
  return new DinmoError({
    kind: 'warehouse',
    code: 'snowflake-unreachable',
    message: `Snowflake ${place} could not be reached: ${told}`,
    fix: 'See `account`, `host` and `port` of the target in profiles.yml, and the network.',
    cause: thrown,
  });
}

interface Kind {
  readonly code: string;
  readonly fix?: string;
}

/** A statement that failed, in our words, with the server's text. */
export function statementError(thrown: unknown, sql: string): DinmoError {
  const failure = failureOf(thrown);
  const { code, fix } = kindOf(failure);
  return new DinmoError({
    kind: 'warehouse',
    code,
    message: `Snowflake: ${withoutValues(failure)}${failure.code === '' ? '' : ` (${failure.code})`}`,
    ...(fix === undefined ? {} : { fix }),
    cause: Object.assign(new Error(sql), { original: thrown }),
  });
}

/** By Snowflake's error numbers (docs.snowflake.com, as of 2026) and, where texts come without one, by SQLSTATE. */
function kindOf({ code, sqlState, message }: SnowflakeFailure): Kind {
  switch (code) {
    case '002003':
    case '002043':
      return {
        code: 'relation-missing',
        fix: 'Run `dbt build` (after `dinmo generate`), with the same target, and try again. If it is there, the role may not see it: `dinmo doctor --grants` prints what it needs.',
      };
    case '003001':
      return {
        code: 'grant-missing',
        fix: `${grantFor(message)} \`dinmo doctor --grants\` prints all that is needed.`,
      };
    case '000606':
      return {
        code: 'snowflake-warehouse-missing',
        fix: 'Name one with `warehouse:` of the target in profiles.yml; its role needs usage on it.',
      };
    case '090105':
    case '090106':
      return {
        code: 'relation-missing',
        fix: '`database` and `schema` of the target in profiles.yml must exist: run `dbt build` with the same target.',
      };
    case '000604':
      return { code: 'statement-cancelled' };
    case '000630':
      return {
        code: 'statement-timed-out',
        fix: 'Raise STATEMENT_TIMEOUT_IN_SECONDS of the user or the warehouse, or use a larger warehouse.',
      };
    case '000625':
    case '000640':
      return { code: 'changed-meanwhile', fix: 'Another session holds or changed the same rows. Run it again.' };
    case '390110':
    case '390111':
    case '390112':
    case '390114':
      return { code: 'snowflake-session-lost', fix: 'The session ended on the server. Run it again.' };
    default:
      return { code: sqlState === '42S02' ? 'relation-missing' : 'statement-failed' };
  }
}

/** Errors about data (SQLSTATE classes 22 and 23, numbers 1000xx) quote the value at fault, which may be a person's. */
function withoutValues({ message, code, sqlState }: SnowflakeFailure): string {
  return /^2[23]/.test(sqlState) || /^1000\d\d$/.test(code) ? message.replaceAll(/"[^"]*"|'.*'/g, '…') : message;
}

/** `Insufficient privileges to operate on schema 'X'.` */
function grantFor(message: string): string {
  const found = /privileges to operate on (\w+(?: \w+)?) '([^']+)'/i.exec(message);
  if (found === null) return 'An administrator has to grant it.';
  const [, kind = '', name = ''] = found;
  const rights: Readonly<Record<string, string>> = {
    database: 'usage',
    schema: 'usage, create table',
    warehouse: 'usage',
    view: 'select',
    table: 'select',
  };
  return `An administrator runs: grant ${rights[kind.toLowerCase()] ?? 'usage'} on ${kind.toLowerCase()} ${name} to role <role>;`;
}

/** An answer that does not say how many rows it has: it may have lost some, and none of it is believed. */
export function uncountedAnswer(what: string, sql: string): DinmoError {
  return new DinmoError({
    kind: 'warehouse',
    code: 'answer-incomplete',
    message: `Snowflake answered without saying ${what}: nothing of the answer is used.`,
    fix: 'Run it again. If it stays so, something between here and Snowflake changes its answers.',
    cause: new Error(sql),
  });
}
