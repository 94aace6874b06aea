// What the engine promises, on PostgreSQL. DINMO_TEST_WAREHOUSE=postgres runs any other test of the bench there.
import './on-postgres.ts';

import '../../pipeline/engine.test.ts';
import '../../diff/key-hashes.test.ts';
