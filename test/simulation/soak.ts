import { parseArgs } from 'node:util';
import { generateWorld } from './generate.ts';
import { KINDS, type Kind, type World } from './history.ts';
import { Laboratory } from './laboratory.ts';
import { play } from './play.ts';
import { readWorld, shrink, tell } from './shrink.ts';
import { Tally } from './tally.ts';

/** Histories that share one world. */
export const HISTORIES_PER_WORLD = 20;
const SHRINK_MS_MAX = 120_000;

/** A world that did not end as it should. */
export interface Failure {
  readonly seed: number;
  readonly problems: readonly string[];
}

/** The n-th world of a soak, with its kind in turn. */
export function worldOf(seed: number, kinds: readonly Kind[] = KINDS): World {
  const kind = kinds[seed % kinds.length];
  if (kind === undefined) throw new Error('no kind of world to choose from');
  return generateWorld(seed, kind, HISTORIES_PER_WORLD);
}

/** Plays a world; whatever it throws is a problem too. */
export async function problemsOf(world: World, laboratory: Laboratory, tally = new Tally()) {
  try {
    return await play(world, laboratory, tally);
  } catch (thrown) {
    return { problems: [thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)], world };
  }
}

/** The smallest world that fails likewise, for a reader, and the command that plays exactly it. */
export async function explain(
  failing: World,
  laboratory: Laboratory,
  millisecondsMax = SHRINK_MS_MAX,
): Promise<string> {
  const first = await problemsOf(failing, laboratory);
  const fails = async (candidate: World): Promise<boolean> => {
    const { problems } = await problemsOf(candidate, laboratory);
    return problems.some((problem) => first.problems.some((one) => kindOf(one) === kindOf(problem)));
  };
  const start = (await fails(first.world)) ? first.world : failing;
  const smallest = await shrink(start, fails, millisecondsMax);
  const { problems } = await problemsOf(smallest, laboratory);
  return [
    tell(smallest),
    ...problems.map((problem) => `→ ${problem}`),
    '',
    `npm run soak -- --world '${JSON.stringify(smallest).replaceAll("'", '’')}'`,
  ].join('\n');
}

/** What is wrong, without who it is wrong with. */
function kindOf(problem: string): string {
  return problem.replaceAll(/\([^)]*\)|\S*\d\S*/g, '').slice(0, 60);
}

/** Plays worlds one after another, and tells how far it is as JSON lines: one process of `npm run soak`. */
async function soak(): Promise<void> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: '1' },
      step: { type: 'string', default: '1' },
      worlds: { type: 'string', default: '10' },
      world: { type: 'string' },
    },
  });
  const laboratory = new Laboratory();
  const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  if (values.world !== undefined) {
    const { problems } = await problemsOf(readWorld(values.world), laboratory);
    tell({ problems });
  } else {
    const tally = new Tally();
    let seed = Number(values.from);
    for (let played = 0; played < Number(values.worlds); played++, seed += Number(values.step)) {
      const world = worldOf(seed);
      const { problems } = await problemsOf(world, laboratory, tally);
      if (problems.length > 0) tell({ seed, problems, explained: await explain(world, laboratory) });
      else tell({ histories: tally.histories });
    }
    tell({ tally: tally.toJson() });
  }
  await laboratory.close();
}

if (process.argv[1] === import.meta.filename) await soak();
