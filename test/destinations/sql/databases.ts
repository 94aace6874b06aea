import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { testServer } from '../../warehouse/postgres/server.ts';

/** A database of a test's own, and a connection of its own to look into it. */
export interface TestDatabase {
  readonly config: ServiceContext['config'];
  readonly credentials: Readonly<Record<string, string>>;
  /** The schema that tables stand in unless said otherwise. */
  readonly schema: string;
  /** Runs a statement, with no session open. Numbers, texts and null only. */
  ask(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

let databases = 0;

/** Databases by name: a real server, and a real file. */
export const DATABASES: Readonly<Record<'postgres' | 'duckdb', () => Promise<TestDatabase>>> = {
  async postgres() {
    const { host, port, user } = (await testServer()).at('postgres');
    const name = `target_${process.pid}_${++databases}`;
    const connect = async (database: string): Promise<pg.Client> => {
      const client = new pg.Client({ host, port, user, database });
      await client.connect();
      return client;
    };
    const admin = await connect('postgres');
    await admin.query(`create database ${name}`);
    const client = await connect(name);
    return {
      config: { database_type: 'postgres', host, port, database: name, sslmode: 'prefer' },
      credentials: { user, password: 's3cr3t-of-nobody' },
      schema: 'public',
      ask: async (sql) => (await client.query(sql)).rows,
      async close() {
        await client.end();
        await admin.query(`drop database ${name} with (force)`);
        await admin.end();
      },
    };
  },
  async duckdb() {
    // Each session opens and closes the file: in memory that takes no time.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'dinmo-sql-'));
    const path = join(folder, 'target.duckdb');
    return {
      config: { database_type: 'duckdb', path },
      credentials: {},
      schema: 'main',
      async ask(sql) {
        const instance = await DuckDBInstance.create(path);
        try {
          const connection = await instance.connect();
          const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS();
          connection.closeSync();
          return rows.map((row) =>
            Object.fromEntries(
              Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
            ),
          );
        } finally {
          instance.closeSync();
        }
      },
      async close() {
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
