import { DuckDBConnection, DuckDBMaterializedResult, DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';

/** What went to and fro between the process and DuckDB. */
export interface Traffic {
  statements: number;
  /** Rows that came into the process. */
  rows: number;
}

/** Counts from now on, by standing in front of the driver. */
export function countTraffic(): Traffic {
  const traffic: Traffic = { statements: 0, rows: 0 };
  before(DuckDBConnection.prototype, 'run', ([, values]) => {
    // With values it runs a prepared statement, which counts itself.
    if (values === undefined) traffic.statements += 1;
  });
  before(DuckDBConnection.prototype, 'createAppender', () => {
    traffic.statements += 1;
  });
  for (const name of ['run', 'stream', 'start', 'startStream'] as const)
    before(DuckDBPreparedStatement.prototype, name, () => {
      traffic.statements += 1;
    });
  const { fetchChunk } = DuckDBResult.prototype;
  DuckDBResult.prototype.fetchChunk = async function counted() {
    const chunk = await fetchChunk.call(this);
    traffic.rows += chunk?.rowCount ?? 0;
    return chunk;
  };
  const { getChunk } = DuckDBMaterializedResult.prototype;
  DuckDBMaterializedResult.prototype.getChunk = function counted(index) {
    const chunk = getChunk.call(this, index);
    traffic.rows += chunk.rowCount;
    return chunk;
  };
  return traffic;
}

function before<Name extends string>(
  owner: Record<Name, (...args: never[]) => unknown>,
  name: Name,
  look: (args: readonly unknown[]) => void,
): void {
  const original = owner[name];
  owner[name] = function looked(this: unknown, ...args: never[]) {
    look(args);
    return original.apply(this, args);
  };
}
