import type { Finding } from '../finding.ts';
import type { Path } from './position.ts';
import type { ShapeProblem } from './rule.ts';
import { ShapeProblems } from './shape.ts';
import type { BlockOrigin } from './yaml-file.ts';

/** Runs a parser of a block and turns what it finds wrong into findings, each with its place. `ignored` leaves out what lies under these paths. */
export function parseBlock<Block>(
  parse: (problems: ShapeProblems) => Block,
  place: { readonly origin: BlockOrigin; readonly node?: string; readonly ignored?: readonly Path[] },
): { readonly block: Block; readonly findings: readonly Finding[] } {
  const problems = new ShapeProblems();
  const block = parse(problems);
  const counted = problems.list.filter((problem) => !place.ignored?.some((path) => startsWith(problem.path, path)));
  return { block, findings: counted.map((problem) => shapeFinding(problem, place)) };
}

function shapeFinding(
  problem: ShapeProblem,
  { origin, node }: { readonly origin: BlockOrigin; readonly node?: string },
): Finding {
  const atKey = problem.code === 'unknown-key' || problem.code === 'invalid-key';
  return {
    code: problem.code,
    severity: 'error',
    message: problem.message,
    fix: problem.fix,
    location: atKey ? origin.locateKey(problem.path) : origin.locate(problem.path),
    ...(node === undefined ? {} : { node }),
  };
}

function startsWith(path: Path, beginning: Path): boolean {
  return beginning.every((step, index) => String(path[index]) === String(step));
}
