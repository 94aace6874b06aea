import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ClientConfig, Client as PgClient } from 'pg';
import { DinmoError, messageOf } from '../../errors.ts';
import type { ServiceContext } from '../destination.ts';
import { columnType } from './column-type.ts';
import { type Dialect, literal, quote, type SqlDatabase, type SqlRow } from './database.ts';
import { type Failure, postgresOutcome } from './failure.ts';

/** A statement ends before the lease of the run could. */
const STATEMENT_MS = 50_000;

/** Not as parameters of the start, which poolers refuse (PgBouncer: "unsupported startup parameter"). */
const SESSION = `set timezone to 'UTC'; set datestyle to 'ISO, MDY'; set client_min_messages to warning;
  set statement_timeout to ${STATEMENT_MS}; set lock_timeout to 30000`;

/** PostgreSQL 14 and newer. */
export const postgres: Dialect = {
  title: 'PostgreSQL',
  defaultSchema: 'public',
  rows: 'json_array_elements(cast($1 as json)) as r(j)',
  value: pathValue,
  typeFor: (dataType) => columnType(dataType, { json: 'jsonb' }),
  describe: `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped order by a.attnum`,
  comment: `select obj_description(c.oid, 'pg_class') as comment
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
  makeLike: (target, source) => `create table ${target} (like ${source} including all)`,
  definition: null,
  grants: `select format('grant %s on %%s to %s%s', x.privilege_type,
      case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end,
      case when x.is_grantable then ' with grant option' else '' end) as statement
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace, lateral aclexplode(c.relacl) as x
    where n.nspname = $1 and c.relname = $2 and x.grantee <> c.relowner`,
  // A table that is made like another one has none of these.
  holdsMore: `select 1 as held from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = $2 and (c.relkind <> 'r' or c.relispartition or c.relhassubclass
      or c.relhastriggers or c.relhasrules or c.relrowsecurity or c.relreplident <> 'd'
      or pg_get_userbyid(c.relowner) <> current_user
      or exists (select 1 from pg_inherits as i where i.inhrelid = c.oid)
      or exists (select 1 from pg_attribute as a where a.attrelid = c.oid and a.attacl is not null)
      or exists (select 1 from pg_publication_rel as p where p.prrelid = c.oid))`,
  nameBytesMax: 63,
  savepoints: true,
};

function pathValue(path: readonly string[], type: string): string {
  const at = path.map((name) => literal(name));
  const json = ['r.j', ...at].join(' -> ');
  const text = `${['r.j', ...at.slice(0, -1)].join(' -> ')} ->> ${at.at(-1)}`;
  if (type.endsWith('[]')) {
    const isJson = /^jsonb?\[\]$/.test(type);
    const elements = isJson ? 'json_array_elements' : 'json_array_elements_text';
    const element = isJson ? "nullif(cast(e.v as text), 'null')" : 'e.v';
    // What is no array is not one either for the cast, which says so.
    return `case when json_typeof(${json}) = 'array' then cast(array(select ${element} from ${elements}(${json}) with ordinality as e(v, n) order by e.n) as ${type}) else cast(${text} as ${type}) end`;
  }
  if (/^jsonb?$/.test(type)) return `cast(nullif(cast(${json} as text), 'null') as ${type})`;
  return `cast(${text} as ${type})`;
}

type Settings = Pick<ServiceContext, 'config' | 'credentials'> & { readonly projectDir: string };

/** Connects on first use, and again after a connection was lost. Throws DinmoError `missing-setting`. */
export function openPostgres(settings: Settings): SqlDatabase {
  const options = readOptions(settings);
  let client: PgClient | null = null;
  const connected = async (): Promise<PgClient> => {
    client ??= await connect(options);
    return client;
  };
  return {
    dialect: postgres,
    async query(sql, parameters = []) {
      const open = await connected();
      try {
        const result = await open.query(sql, [...parameters]);
        // The rows are objects by the names of their columns, which is what the driver's type leaves open.
        return result.rows as SqlRow[];
      } catch (thrown) {
        if (!('severity' in (thrown as object)) || /^(08|57P)/.test(failureOf(thrown).code)) {
          client = null;
          open.end().catch(() => {});
        }
        throw thrown;
      }
    },
    outcomeOf: (thrown) => postgresOutcome(failureOf(thrown)),
    isBound: (thrown) => /^(2BP01|42501|0A000|42809|55006)$/.test(failureOf(thrown).code),
    async close() {
      const open = client;
      client = null;
      await open?.end().catch(() => {});
    },
  };
}

interface Options {
  readonly client: ClientConfig;
  readonly sslmode: string;
  readonly ca: string | null;
}

function readOptions({ config, credentials, projectDir }: Settings): Options {
  const required = (part: string, name: string, value: unknown): string => {
    if (typeof value === 'string') return value;
    throw new DinmoError({
      kind: 'configuration',
      code: 'missing-setting',
      message: `${part}.${name} is missing: a table in PostgreSQL needs it`,
      fix: `Add ${name} under ${part} of the destination.`,
    });
  };
  const ca = config['sslrootcert'];
  const { password } = credentials;
  return {
    client: {
      host: required('config', 'host', config['host']),
      port: Number(config['port'] ?? 5432),
      database: required('config', 'database', config['database']),
      user: required('credentials', 'user', credentials['user']),
      // Without one the driver looks for a password in files of the user's.
      password: password ?? '',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      application_name: 'dinmo',
    },
    sslmode: String(config['sslmode'] ?? 'prefer'),
    ca: typeof ca === 'string' ? readCertificates(resolve(projectDir, ca)) : null,
  };
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'invalid-setting',
      message: `config.sslrootcert: ${path} cannot be read (${messageOf(thrown)})`,
      fix: 'Name a file with certificates in PEM.',
    });
  }
}

async function connect({ client: options, sslmode, ca }: Options): Promise<PgClient> {
  const { Client } = (await import('pg')).default;
  const open = async (ssl: ClientConfig['ssl']): Promise<PgClient> => {
    const client = new Client({ ...options, ssl });
    // A connection that breaks while nothing runs would end the process; the next statement tells.
    client.on('error', () => {});
    await client.connect();
    await client.query(SESSION);
    return client;
  };
  if (sslmode === 'disable') return await open(false);
  if (sslmode === 'verify-full') return await open({ rejectUnauthorized: true, ...(ca === null ? {} : { ca }) });
  try {
    return await open({ rejectUnauthorized: false });
  } catch (thrown) {
    const isAboutSsl = thrown instanceof Error && /SSL/i.test(thrown.message);
    if (sslmode === 'prefer' && isAboutSsl) return await open(false);
    throw thrown;
  }
}

function failureOf(thrown: unknown): Failure {
  const { message, code, constraint, column } = (thrown ?? {}) as Partial<Record<string, unknown>>;
  const about = [constraint, column].filter((name) => typeof name === 'string').map((name) => quote(String(name)));
  return {
    message: typeof message === 'string' ? (message.split('\n')[0] ?? message) : 'the statement failed',
    code: typeof code === 'string' ? code : '',
    about: about.length === 0 ? null : about.join(', '),
  };
}
