import { resolve } from 'node:path';
import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service, ServiceContext, Session } from '../destination.ts';
import { eventId } from '../event-id.ts';
import { hideRowValues } from '../row-values.ts';
import type { SqlDatabase, TableColumn, TableName } from './database.ts';
import { openDuckdb } from './duckdb.ts';
import { sqlFacts } from './facts.ts';
import { openPostgres } from './postgres.ts';
import type { RowWriting } from './rows.ts';
import { openSession } from './session.ts';
import { audienceTable, requireName, requireTable, stagingName } from './table.ts';

function createService(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    // In a full replace nothing is there before the tables are exchanged.
    ...(facts.replacesWhole ? { acknowledges: 'full-finish' as const } : {}),
    validate: null,
    open: (context) => open(facts, context),
    verify: (context) =>
      verify({ ...context, baseUrl: context.baseUrl ?? null, projectDir: context.projectDir ?? '.' }),
  };
}

async function open(facts: ServiceFacts, context: ServiceContext): Promise<Session> {
  const database = await openDatabase(context);
  try {
    return hideRowValues(await openTable(facts, context, database));
  } catch (thrown) {
    await database.close();
    throw thrown instanceof DinmoError ? thrown : openingError(database, thrown);
  }
}

async function openTable(facts: ServiceFacts, context: ServiceContext, database: SqlDatabase): Promise<Session> {
  const { config } = context;
  const schema = requireName('config.schema', String(config['schema'] ?? database.dialect.defaultSchema));
  const isAudience = facts.service === 'audiences';
  const audience = context.audienceId ?? audienceTable(context.audienceName ?? context.activation);
  const name: TableName = {
    schema,
    name: isAudience ? audience : requireName('config.table', String(config['table'] ?? '')),
  };
  const { columns, writing } = OWN[facts.service](context, name);
  const isRehearsal = context.baseUrl !== null;
  const creates = isRehearsal || config['create_table'] === true;
  // A full replace brings every row along.
  const wasThere = isAudience && context.audienceId !== null && context.mode !== 'full' && !isRehearsal;
  const table = await requireTable(database, name, {
    shape: { keyColumn: writing.keyColumn, own: columns, columns: context.columns },
    create: creates && wasThere ? 'never-again' : creates,
  });
  const staging = facts.replacesWhole && context.mode === 'full' ? stagingName(name, context.activation) : null;
  return await openSession({ database, table, writing, staging, audienceId: isAudience ? audience : null });
}

interface Own {
  readonly columns: readonly TableColumn[];
  readonly writing: RowWriting;
}

const OWN: Readonly<Record<ServiceFacts['service'], (context: ServiceContext, table: TableName) => Own>> = {
  objects: ({ config }) => ({
    columns: [],
    writing: { keyColumn: String(config['key_column'] ?? ''), keyJson: (row) => row.keyJson, own: () => ({}) },
  }),
  audiences: () => ({
    columns: [{ name: '_key', type: 'text' }],
    writing: { keyColumn: '_key', keyJson: (row) => JSON.stringify(row.key), own: () => ({}) },
  }),
  events: ({ activation }, table) => ({
    columns: [
      { name: '_event_id', type: 'text' },
      { name: '_event_time', type: 'timestamptz' },
    ],
    writing: {
      keyColumn: '_event_id',
      keyJson: (row) => JSON.stringify(eventId(activation, table.name, row.key)),
      own: (row) => ({ _event_time: JSON.stringify(row.eventTime) }),
    },
  }),
};

/**
 * The database of the destination. A rehearsal reaches none: it writes to the DuckDB file that takes the place of `config.path`,
 * whatever the type.
 */
async function openDatabase(
  context: Pick<ServiceContext, 'config' | 'credentials' | 'projectDir' | 'baseUrl'>,
): Promise<SqlDatabase> {
  const { config, projectDir, baseUrl } = context;
  const path = resolve(projectDir, String(config['path'] ?? 'dinmo_sql.duckdb'));
  if (baseUrl !== null && !path.split(/[\\/]/).includes('dinmo_sandbox'))
    throw new DinmoError({
      kind: 'configuration',
      code: 'invalid-setting',
      message: 'A SQL destination has no base_url',
      fix: 'Remove base_url; name host, port and database under config.',
    });
  if (baseUrl !== null || config['database_type'] === 'duckdb') return await openDuckdb(path);
  return openPostgres({ config, credentials: context.credentials, projectDir });
}

function openingError(database: SqlDatabase, thrown: unknown): DinmoError {
  const outcome = database.outcomeOf(thrown);
  const [code, message] = 'code' in outcome ? [outcome.code, outcome.message] : ['unexpected-answer', 'no answer'];
  const fix =
    outcome.kind === 'refused' ? outcome.fix : 'Run the sync again later; `dinmo doctor` tests the destination.';
  return new DinmoError({ kind: 'destination', code, message, fix });
}

async function verify(
  context: Pick<ServiceContext, 'config' | 'credentials' | 'projectDir' | 'baseUrl'>,
): Promise<{ ok: boolean; detail: string }> {
  let database: SqlDatabase | null = null;
  try {
    database = await openDatabase(context);
    await database.query('select 1 as one');
    return { ok: true, detail: `${database.dialect.title} answers` };
  } catch (thrown) {
    if (thrown instanceof DinmoError) return { ok: false, detail: thrown.message };
    const outcome = database?.outcomeOf(thrown);
    return { ok: false, detail: outcome !== undefined && 'message' in outcome ? outcome.message : 'no answer' };
  } finally {
    await database?.close();
  }
}

/** Tables of PostgreSQL and DuckDB: rows by key, audiences, events. */
export const sql: Platform = { name: 'sql', title: 'SQL table', services: sqlFacts.map(createService) };
