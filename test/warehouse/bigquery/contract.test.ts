import { it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { warehouseContract } from '../contract.ts';
import { openTestDatabase } from './database.ts';
import { isInstalled, NOT_INSTALLED } from './emulator.ts';
import { bigqueryMember } from './member.ts';

if (isInstalled())
  warehouseContract({
    ...bigqueryMember,
    open: () => openTestDatabase(systemClock),
    lacks: {
      ...bigqueryMember.lacks,
      isolation: 'the emulator has one connection, and a transaction reads nothing of its own',
      interrupt: 'the emulator runs a job before it answers: protocol.test.ts',
    },
  });
else it.skip(NOT_INSTALLED, () => {});
