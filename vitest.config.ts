import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './scripts/summary-reporter.ts';
import { LongestFirst } from './test/longest-first.ts';

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
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
  },
});
