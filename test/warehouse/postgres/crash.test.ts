// Killed at any moment, on PostgreSQL.
import './on-postgres.ts';

import '../../record/crash.test.ts';
