import type { ServiceKind } from '../../artifacts/annotation.ts';
import type { ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

const setting = (
  name: string,
  description: string,
  more: Partial<Omit<SettingFact, 'name' | 'description'>> = {},
): SettingFact => ({ name, type: 'string', required: false, core: false, description, ...more });

const CONNECTION: readonly SettingFact[] = [
  setting('database_type', 'Which database the table is in', {
    core: true,
    default: 'postgres',
    choices: ['postgres', 'duckdb'],
  }),
  setting('host', 'PostgreSQL: host name or address of the server', { core: true }),
  setting('port', 'PostgreSQL: port of the server', { type: 'integer', core: true, default: 5432 }),
  setting('database', 'PostgreSQL: name of the database', { core: true }),
  setting('sslmode', 'PostgreSQL: encryption, as libpq means it', {
    default: 'prefer',
    choices: ['disable', 'prefer', 'require', 'verify-full'],
  }),
  setting('sslrootcert', 'PostgreSQL: file with the certificates that verify-full trusts, relative to the dbt project'),
  setting('path', 'DuckDB: the database file, relative to the dbt project. Not the file that the project is built in', {
    core: true,
    default: 'dinmo_sql.duckdb',
  }),
  setting('schema', 'Schema of the table. Default: public (PostgreSQL), main (DuckDB)', { core: true }),
];

const CREATE_TABLE = setting(
  'create_table',
  'Whether schema, table and columns are made where they are missing, with the types of the mapped columns',
  { type: 'boolean', default: false },
);

const OWN: Readonly<Record<ServiceKind, readonly SettingFact[]>> = {
  objects: [
    setting('table', 'Table that rows go to', { required: true, core: true }),
    setting(
      'key_column',
      'Column by which a row is known, with a primary key or unique constraint; a mapping has to feed it',
      {
        required: true,
        core: true,
      },
    ),
    setting('delete_existing', 'Whether rows that were in the table before may be deleted too', {
      type: 'boolean',
      default: false,
    }),
  ],
  audiences: [],
  events: [setting('table', 'Table that events go to', { required: true, core: true })],
};

const CREDENTIALS: readonly SettingFact[] = [
  setting('user', 'PostgreSQL: user to log in as'),
  setting('password', 'PostgreSQL: password of the user'),
];

const TITLES: Readonly<Record<ServiceKind, string>> = {
  objects: 'Rows of a table (PostgreSQL, DuckDB)',
  audiences: 'A table for each audience (PostgreSQL, DuckDB)',
  events: 'Events in a table (PostgreSQL, DuckDB)',
};

const DEFAULT_OPERATIONS: Readonly<Record<ServiceKind, ServiceFacts['defaultOperations']>> = {
  events: ['insert'],
  audiences: ['insert', 'update', 'delete'],
  objects: ['insert', 'update'],
};

function factsOf(service: ServiceKind): ServiceFacts {
  const isEvents = service === 'events';
  return {
    platform: 'sql',
    service,
    title: TITLES[service],
    api: null,
    config: [...CONNECTION, ...OWN[service], CREATE_TABLE],
    credentials: CREDENTIALS,
    modes: isEvents ? ['incremental'] : ['delta', 'full', 'incremental'],
    defaultMode: isEvents ? 'incremental' : 'delta',
    operations: isEvents ? ['insert'] : ['insert', 'update', 'delete'],
    defaultOperations: DEFAULT_OPERATIONS[service],
    identifiers: null,
    destinationKey: service === 'objects' ? { setting: 'key_column', identifier: null, normalise: 'exact' } : null,
    recordIds: false,
    fields: { known: [], open: true },
    defaultMapping: 'all',
    // The table has the audience's name.
    audience: service === 'audiences' ? { renamable: false } : null,
    eventAgeDaysMax: null,
    deduplicates: true,
    replacesWhole: !isEvents,
    nulls: 'null',
    // Bounds of our own: a batch is a transaction, which should not hold its locks for long.
    limits: { rowsPerRequestMax: 1_000, requestBytesMax: 8_000_000, requestsPerSecondMax: null, connectionsMax: 1 },
  };
}

export const sqlFacts: readonly ServiceFacts[] = [factsOf('objects'), factsOf('audiences'), factsOf('events')];
