// The same deaths where a transaction holds rows only: tables are made before it, and what was made stays, whatever happens then.
process.env['DINMO_TEST_WAREHOUSE'] = 'rows-only';
process.env['DINMO_CRASH_STRIDE'] ??= '29';
await import('./crash.test.ts');
