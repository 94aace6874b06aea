// @ts-check
// docs/statements.md, from the statements that tests record (test/golden/statements).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const WAREHOUSES = /** @type {const} */ (['duckdb', 'postgres', 'snowflake', 'bigquery']);
const TITLES = { duckdb: 'DuckDB', postgres: 'PostgreSQL', snowflake: 'Snowflake', bigquery: 'BigQuery' };
const MOMENTS = ['plan', 'first-sync', 'second-sync', 'nothing-changed', 'recovery', 'clear'];

/** What is sent, each with what it is for. @param {string} root @param {string} warehouse @param {string} moment */
function read(root, warehouse, moment) {
  const text = readFileSync(join(root, 'test/golden/statements', warehouse, `${moment}.sql`), 'utf8');
  return text
    .split(/^-- \d+\.\n/m)
    .slice(1)
    .map((sent) => ({
      // Listing tables and a dry run are requests to BigQuery, and no jobs.
      isJob: !/^-- (GET |dry run)/m.test(sent),
      purposes: [...sent.matchAll(/^-- (.+)\n/gm)]
        .map(([, line = '']) => line)
        .filter(
          (line) =>
            !/^(GET |dry run|describe only|append to|In doubt|Nothing says)|statistics for the planner|given back/.test(
              line,
            ),
        ),
    }));
}

/** What is sent, by purpose: neighbours of one purpose are one line. @param {ReturnType<typeof read>} sent */
function steps(sent) {
  /** @type {{ text: string, size: number }[]} */
  const lines = [];
  for (const { purposes } of sent) {
    const text = [...new Set(purposes)].join('; ');
    const last = lines.at(-1);
    if (text === '') continue;
    if (last?.text === text) last.size++;
    else lines.push({ text, size: 1 });
  }
  return lines.map(({ text, size }, index) => `${index + 1}. ${text}${size > 1 ? ` (${size} times)` : ''}`);
}

/** @param {string} root @param {string} note @param {(header: readonly string[], rows: readonly (readonly string[])[]) => string} table */
export function statementsPage(root, note, table) {
  const counts = WAREHOUSES.map((warehouse) => [
    TITLES[warehouse],
    ...MOMENTS.map((moment) => String(read(root, warehouse, moment).filter(({ isJob }) => isJob).length)),
  ]);
  const lists = WAREHOUSES.map(
    (warehouse) => `### ${TITLES[warehouse]}\n\n${steps(read(root, warehouse, 'second-sync')).join('\n')}`,
  );
  return [
    '# Statements',
    note,
    TEXT,
    table(['', ...MOMENTS.map((moment) => moment.replaceAll('-', ' '))], counts),
    AFTER_COUNTS,
    '## A second sync, statement by statement',
    'Three changes of one list: a member joined, one left, one has another identifier. What stands in one line goes out together. The SQL itself is in `test/golden/statements` of the repository.',
    ...lists,
    MORE,
  ].join('\n\n');
}

const TEXT = `Which statements a command sends to your warehouse. They are recorded by running the commands on a list of people (four members,
one Meta audience), through each vendor's own driver, with DuckDB giving the answers; each is read by a parser of its dialect.

What is sent as one (a script of BigQuery, a few statements of PostgreSQL) counts as one; \`begin\` and \`commit\` count.`;

const AFTER_COUNTS = `The number does not depend on the number of rows, but for these: a page of 20,000 rows whose identifiers are normalised adds one and what
writes its result, a page of 10,000 changes one, and what goes out and what was answered one write each for a batch (DuckDB, PostgreSQL)
or each 30 seconds (Snowflake, BigQuery). On BigQuery, listing tables is a request and no job, and a dry run costs nothing.

A session of PostgreSQL or Snowflake begins with one statement more, which is not counted: it sets what texts and conditions hang on (time
zone, formats, commits), so that no default of an account, a database or a role changes what is sent.`;

const MORE = `## What it costs

- Of a model, only key, identifiers and mapped columns are read, once to see whether anything differs and, where something does, once more.
  On Snowflake and BigQuery the second look copies these columns into a temporary table, since several statements look at them.
- \`plan\` on BigQuery says the bytes of one such look, by a dry run. A job reads 10 MB at least of each table that it names.
- Each job of BigQuery carries the labels \`tool\`, \`activation\` and \`run\`; each statement of Snowflake a query tag with the same as JSON
  (and the profile's own \`query_tag\` as \`tag\`); PostgreSQL has them as a comment before each statement, which \`pg_stat_activity\` and the
  server's log show. \`run\` is the \`run_id\` of the table \`runs\`.

## How results are read

| | how | why |
|---|---|---|
| DuckDB | chunks of the engine's own vectors | in this process |
| PostgreSQL | a cursor, 5,000 rows at a time, for what is large | flat memory |
| Snowflake | \`streamRows\`: the result's parts straight from storage, compressed | the driver's fast path; rows that are missing from a part are an error |
| BigQuery | pages of the job's result, 4,000 rows at a time for what is large | what is read are counts, and changes as one JSON text a row: below a million changes the Storage Read API saves nothing that its gRPC client does not cost at the start |

An answer is used only if it says how many rows it has and they are all there; a job that failed is asked for its error and not for its
rows. A segment is empty when the warehouse counted 0 rows, and never because no row came.

## Quotas of BigQuery

- Tables take any number of DML statements, but of those that change or remove rows two run at once for a table and twenty wait; of
  insertions, 1,500 a day for a table run at once and the rest in a queue. So answers are written every 30 seconds (2,880 a day for a sync
  that never ends), and what a transaction changes goes out as one script.
- A transaction that meets another one on the same table is made again, up to six times; the lease keeps two syncs of one activation apart.
- Statements that nobody waits for (tables that are made) wait for the next one that has an answer, and go out with it as one script: each
  job takes a second and more, whatever it does. A script whose rows would be added twice is not made again after a fault of the service.
- Changes are numbered in stripes of a million rows, since one window over all rows is the work of one worker and its memory.
- Temporary tables are those of a session, which ends with the command, or a day after it died.

## Where a right is missing

The command stops before anything is sent, with exit code 4 and the code \`grant-missing\`, names what was refused in the warehouse's own
words, and the statement with which an administrator grants it. \`dinmo doctor --grants\` prints all that is needed. Where a role may not even
see a relation, Snowflake and BigQuery say that it does not exist: then the code is \`relation-missing\`.

## Stopping

The first SIGINT or SIGTERM cancels the statement that runs while a plan is computed: \`interrupt\` of DuckDB, \`pg_cancel_backend\`,
Snowflake's abort of the request, \`jobs.cancel\`. Its transaction is taken back, the lock is given back, and the exit code is 1. Once the
first request may have gone out, requests under way are finished and the run is settled.

## What is the same on all four, and what is not

A destination key that is compared in lower case (an e-mail address at HubSpot) is put there by the warehouse's \`lower\`. For letters of
ASCII all four agree. Beyond them PostgreSQL follows the locale of the database: with \`C\` no other letter changes, with a Turkish locale
even \`I\` becomes \`ı\`. Use a database with a locale of Unicode that is not Turkish or Azeri if such addresses occur.

## What emulators cannot show

States and cancellation of jobs, labels and tags, bytes, quotas, error codes of grants, DDL that commits (Snowflake) and results in parts:
these are tested against scripted servers that answer as the vendors document it (\`test/warehouse/*/protocol.test.ts\`). The parser lets pass
what vendors do not: reserved words as names, a \`delete\` without condition on BigQuery; both are looked for apart.`;
