import type { Experiment } from '../figure.ts';
import { faults } from './faults.ts';
import { firstSyncCpu, firstSyncFloors } from './first-sync.ts';
import { firstSyncDrt } from './first-sync-drt.ts';
import { growth } from './growth.ts';
import { kills } from './kills.ts';
import { manifest } from './manifest.ts';
import { memory } from './memory.ts';
import { nothingChanged } from './nothing-changed.ts';
import { plan1m, plan10m, plan50m } from './plan.ts';
import { bytesWritten, planAndPromote } from './plan-and-promote.ts';
import { poison } from './poison.ts';
import { rateLimit } from './rate-limit.ts';
import { readOnce } from './read-once.ts';
import { secondSync1m, secondSync100k } from './second-sync.ts';
import { sideBySide } from './side-by-side.ts';
import { startUp } from './start-up.ts';
import { statements } from './statements.ts';
import { upgrade } from './upgrade.ts';

/** Every experiment, in the order of the published table. */
export const experiments: readonly Experiment[] = [
  plan1m,
  plan10m,
  plan50m,
  planAndPromote,
  bytesWritten,
  nothingChanged,
  firstSyncFloors,
  firstSyncDrt,
  firstSyncCpu,
  secondSync100k,
  secondSync1m,
  rateLimit,
  sideBySide,
  readOnce,
  memory,
  poison,
  kills,
  faults,
  manifest,
  startUp,
  growth,
  statements,
  upgrade,
];
