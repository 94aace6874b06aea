// Imported before tests of the engine, it lets them run on PostgreSQL.
process.env['DINMO_TEST_WAREHOUSE'] = 'postgres';
// Fewer moments than on DuckDB: each of its transactions takes longer.
process.env['DINMO_CRASH_STRIDE'] ??= '40';
