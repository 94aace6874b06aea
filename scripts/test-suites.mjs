// Which tests hold a warehouse to what the engine promises, and how they are run on one of them.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each suite runs on a warehouse of this name. */
export const SUITES = {
  contract: (name) => [`test/warehouse/${name}/contract.test.ts`],
  engine: () => ['engine', 'objects', 'rows'].map((file) => `test/pipeline/${file}.test.ts`),
  rules: () => ['test/rules/'],
  simulation: () => ['lists', 'records'].map((file) => `test/simulation/${file}.test.ts`),
  segments: (name) => [name === 'duckdb' ? 'test/segment/property.test.ts' : `test/warehouse/${name}/segments.test.ts`],
};

/** One suite on one warehouse. `hear` gets the process, so that it can be stopped. */
export async function runSuite(suite, name, { env = {}, args = [], hear = () => {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-suite-'));
  const told = join(folder, 'results.json');
  const started = performance.now();
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${told}`];
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const child = spawn(process.execPath, [vitest, 'run', ...SUITES[suite](name), ...reporters, ...args], {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, DINMO_TEST_WAREHOUSE: name, ...env },
    });
    hear(child);
    const code = await new Promise((resolve) => {
      child.on('close', (ended) => resolve(ended ?? 1));
    });
    return { suite, name, code, seconds: (performance.now() - started) / 1000, ...countsOf(told) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countsOf(file) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

/** One line for a suite and a warehouse. */
export function lineOf({ suite, name, code, seconds, passed, failed, skipped }) {
  const verdict = code === 0 ? 'ok    ' : 'FAILED';
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  return `${verdict} ${name.padEnd(10)} ${suite.padEnd(10)} ${counts.padEnd(36)} ${seconds.toFixed(0)} s`;
}
