import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, and are short: begun last, one of them would keep a single core busy when all else is done. */
const LONG = [
  /^test\/e2e\/kills/,
  /^test\/e2e\//,
  /^test\/(artifacts\/dbt-versions|models\/dbt-build)/,
  // Emulators are processes of their own, which work while others wait.
  /^test\/warehouse\/(bigquery|snowflake|statements|postgres)\//,
  /^test\/(rules|simulation|fuzz)\//,
];

/** Long files first, larger ones before smaller ones. */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const path = relative(this.ctx.config.root, moduleId);
      const found = LONG.findIndex((pattern) => pattern.test(path));
      return found < 0 ? LONG.length : found;
    };
    const size = ({ moduleId }: TestSpecification): number => statSync(moduleId).size;
    return Promise.resolve([...files].sort((a, b) => rank(a) - rank(b) || size(b) - size(a)));
  }
}
