import { scrub } from '../../log.ts';
import { narrow, refused, retry } from '../answer.ts';
import type { BatchOutcome } from '../destination.ts';

/** What a driver said of a failure. */
export interface Failure {
  /** SQLSTATE, or what the system calls it; empty: none. */
  readonly code: string;
  readonly message: string;
  /** Names of the constraint or column that the failure is about, never a value. */
  readonly about: string | null;
}

/** Failures of the connection before a statement could be sent. */
const NEVER_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|53300|57P03)$/;
const CONNECTION_LOST = /^(08|57P0[12]|ECONNRESET|EPIPE|ETIMEDOUT)/;

/**
 * What a failure of PostgreSQL (18, appendix A) means: data and constraints (classes 21 to 23, 44), and what a trigger raises, are a row's fault, resources and
 * conflicts pass, all else stops the activation.
 */
export function postgresOutcome({ code, message, about }: Failure): BatchOutcome {
  const named = code === '' ? 'postgres' : code.toLowerCase();
  // What is said of data quotes the value; names of constraints stand in `about`.
  const isOfRow = /^(2[123]|44|P0001)/.test(code);
  const said = isOfRow ? message.replaceAll(/"[^"]*"|'[^']*'/g, '…') : message;
  const text = scrub(`PostgreSQL: ${said}${about === null ? '' : ` (${about})`}`);
  if (NEVER_SENT.test(code)) return retry({ applied: 'no', code: named, message: text });
  if (CONNECTION_LOST.test(code) || (code === '' && /connection|terminated|not queryable/i.test(message)))
    return retry({ applied: 'maybe', code: named === 'postgres' ? 'connection-lost' : named, message: text });
  // An identity or a column that the table does not let be written is no row's fault, nor is a missing constraint.
  if (isOfRow) return narrow(named, text);
  if (/^(40|53|55)/.test(code)) return retry({ applied: 'no', code: named, message: text });
  if (/^(54|57014)/.test(code)) return { kind: 'too_large', code: named, message: text };
  return refused(
    named,
    text,
    POSTGRES_FIXES.find(([codes]) => codes.test(code))?.[1] ?? 'Look at the table, and at the rights of the user.',
  );
}

const POSTGRES_FIXES: readonly (readonly [RegExp, string])[] = [
  [/^42P10$/, 'Give the key column of the table a primary key or a unique constraint.'],
  [
    /^42501$/,
    'Grant the user select, insert, update and delete on the table (and create on the schema for create_table or mode full).',
  ],
  [/^(42P01|3F000)$/, 'Create the table, or set `create_table: true`.'],
  [/^42703$/, 'Add the column to the table, or take the field out of the mapping.'],
  [/^(28|3D)/, 'Check credentials.user, credentials.password and config.database.'],
];

/** What a failure of DuckDB (1.5) means, by the kind that its message begins with. Its texts quote values and statements: only the kind is kept. */
export function duckdbOutcome(message: string): BatchOutcome {
  const kind = /^([A-Z]\w*(?: [A-Z]\w*)? Error)/.exec(message)?.[1] ?? 'Error';
  const code = kind.toLowerCase().replaceAll(' ', '-');
  const column = /(?:column|constraint failed:|Constraint Error: .*?key) "?([A-Za-z_]\w*)"?/.exec(message)?.[1];
  const text = `DuckDB: ${kind}${column === undefined ? '' : ` (${column})`}`;
  if (/conflict target|UNIQUE\/PRIMARY KEY CONSTRAINT/i.test(message))
    return refused(code, text, 'Give the key column of the table a primary key or a unique constraint.');
  if (/^(Conversion|Constraint|Out of Range|Invalid Input|Cast)\b/.test(message)) return narrow(code, text);
  if (/^Transaction|conflict on/i.test(message)) return retry({ applied: 'no', code, message: text });
  if (/^(Catalog|Binder)/.test(message))
    return refused(
      code,
      text,
      'Look whether the table still has the columns of the mapping, or set `create_table: true`.',
    );
  return refused(code, text, 'Look whether the file of config.path can be written, and the disk has room.');
}
