import { describe, it } from 'vitest';
import { warehouseContract } from '../contract.ts';
import { openTestDatabase } from './database.ts';
import { isInstalled, NOT_INSTALLED } from './emulator.ts';
import { snowflakeMember } from './member.ts';

describe.runIf(isInstalled())('with the emulator', () =>
  warehouseContract({
    ...snowflakeMember,
    open: openTestDatabase,
    // What the emulator lacks is told by protocol.test.ts over a server that answers as Snowflake does.
    lacks: {
      pieces: 'the emulator answers with all rows in one piece',
      interrupt: 'the emulator takes one statement at a time',
      'error codes': 'the emulator has texts of its own',
    },
  }),
);

it.runIf(!isInstalled())(NOT_INSTALLED, ({ skip }) => skip());
