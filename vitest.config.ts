import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './scripts/summary-reporter.ts';
import { LongestFirst } from './test/longest-first.ts';

/**
 * Files that need a process of their own: they change its environment, measure its memory, count what it loads, or wait for
 * others that they started. All the others share a few processes, which read the program once.
 */
const ALONE = [
  'test/{action,cli,example,listen,privacy,recipes,telemetry}/**/*.test.ts',
  'test/warehouse/**/!(grants|profile|protocol).test.ts',
  'test/{artifacts/dbt-versions,models/dbt-build,pipeline/interruption,pipeline/clean-state}.test.ts',
  'test/{record/crash-rows-only,diff/gate-memory,fuzz/growth,fuzz/places}.test.ts',
];

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export.
export default defineConfig({
  test: {
    // Searches whatever the program lets out while tests run for secrets and personal data.
    setupFiles: ['test/privacy/setup.ts'],
    globalSetup: ['test/build.ts'],
    sequence: { sequencer: LongestFirst },
    // For what hangs, not for what is slow: a test may run dbt several times, on a machine that has other work.
    testTimeout: 240_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // One more than the smallest machine has cores: many tests wait for processes that they started.
    maxWorkers: 3,
    reporters: ['default', new SummaryReporter()],
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      {
        extends: true,
        test: { name: 'together', include: ['test/**/*.test.ts'], exclude: ALONE, isolate: false },
      },
    ],
  },
});
