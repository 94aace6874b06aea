import { join } from 'node:path';
import type { Changes } from '../data/people.ts';
import { type Ended, runNode, type Surroundings } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { ROOT } from '../run/places.ts';

/** The built command, as it is installed. */
export const EXECUTABLE = join(ROOT, 'dist/cli/main.js');

/** What plan and sync say of one activation. */
export interface Report {
  readonly status: string;
  readonly planned: Changes | null;
  readonly accepted: Changes | null;
  readonly rejected: number | null;
  readonly unchanged: number | null;
  readonly reason: string | null;
}

/** Runs the command line in a process of its own and measures it. */
export async function dinmo(
  folder: string,
  args: readonly string[],
  more: Omit<Surroundings, 'cwd'> = {},
): Promise<Ended & { readonly report: Report }> {
  const ended = await runNode([EXECUTABLE, ...args, '--output', 'json'], { cwd: folder, ...more });
  const { activations } = JSON.parse(ended.stdout) as { readonly activations: readonly Report[] }; // documented output
  const [report] = activations;
  must(report !== undefined, `no activation in ${ended.stdout}`);
  return { ...ended, report };
}

/** Whether plan or sync found exactly these changes, and sync delivered them. */
export function mustBe(report: Report, changes: Changes): void {
  const found = report.accepted ?? report.planned;
  must(
    found !== null &&
      found.insert === changes.insert &&
      found.update === changes.update &&
      found.delete === changes.delete,
    `expected ${JSON.stringify(changes)}, found ${JSON.stringify(report)}`,
  );
}
