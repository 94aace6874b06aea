import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, afterEach, expect } from 'vitest';
import { report, takeDatabases, takeFindings } from './observer.ts';
import { observeErrors } from './watch.ts';

/**
 * Runs before every file of tests: whatever the program lets out in it is searched for secrets of the tests and for raw
 * identifiers of people, and the test in which something was found fails.
 */
function requireNothing(): void {
  observeErrors();
  const found = [...new Set(takeFindings())];
  if (found.length === 0) return;
  const { testPath = '', currentTestName = 'outside of a test' } = expect.getState();
  const list = found.slice(0, 10).map((finding) => `  ${finding}`);
  throw new Error(`${testPath} (${currentTestName}) let out what must not leave:\n${list.join('\n')}`);
}

afterEach(requireNothing);

afterAll(async () => {
  const databases = takeDatabases();
  if (databases.length > 0) {
    const { findInFile } = await import('./state.ts');
    for (const path of databases) {
      for (const finding of await findInFile(path)) report(finding);
      rmSync(dirname(path), { recursive: true, force: true });
    }
  }
  requireNothing();
});
