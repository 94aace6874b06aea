import type { Reporter, TestCase, TestModule } from 'vitest/node';

type ErrorList = readonly { readonly message?: string }[];

/** Ends the output of a test run with one line that a person or a machine can read. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: ErrorList): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'pending') counts[isLeftOut(test) ? 'skipped' : 'failed'] += 1;
        else counts[state] += 1;
      }
      // A file that cannot be loaded, or whose set-up fails, has no failed test to count.
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    }
    counts.failed += unhandled.length;
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  }
}

/** A test of a group that is skipped with the one around it never gets a state of its own. */
function isLeftOut(test: TestCase): boolean {
  for (let around = test.parent; around.type === 'suite'; around = around.parent)
    if (around.options.mode === 'skip') return true;
  return false;
}
