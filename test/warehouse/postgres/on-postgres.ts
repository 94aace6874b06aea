// Imported before tests of the engine, it lets them run on PostgreSQL.
process.env['DINMO_TEST_WAREHOUSE'] = 'postgres';
