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
      interrupt: 'the emulator runs a job before it answers: protocol.test.ts',
    },
  });
else it.skip(NOT_INSTALLED, () => {});
