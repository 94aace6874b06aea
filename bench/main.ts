import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Experiment, Pair, Round } from './figure.ts';
import { experiments } from './figures/registry.ts';
import { writePage } from './render/page.ts';
import { printTable } from './render/table.ts';
import { type FigureResult, mergeResults, readResults, summarise, writeResults } from './results.ts';
import { Skipped } from './run/must.ts';
import { createPlaces, ROOT } from './run/places.ts';
import { Sink } from './sink/client.ts';

const USAGE = `npm run bench -- [options]
  --only a,b     experiments or figures of these names; their figures take the place of the old ones
  --rounds N     rounds of each experiment, instead of its own number
  --quick        a hundredth of the rows, one round, nothing written: whether the bench itself works
  --list         what there is
  --render       docs/performance.md and its plots from bench/results.json, nothing measured
  --no-build     measure dist/ as it is`;

const QUICK = 100;
/** Of the published figures. */
const ORDER = experiments.flatMap(({ figures }) => figures.map(({ figure }) => figure));

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function chosen(only: string | undefined): readonly Experiment[] {
  if (only === undefined) return experiments;
  const names = only.split(',');
  const known = experiments.flatMap(({ name, figures }) => [name, ...figures.map(({ figure }) => figure)]);
  for (const name of names) if (!known.includes(name)) throw new Error(`There is no figure ${name}: see --list.`);
  return experiments.filter(
    ({ name, figures }) => names.includes(name) || figures.some(({ figure }) => names.includes(figure)),
  );
}

async function measure(
  experiment: Experiment,
  round: Omit<Round, 'number' | 'compares'>,
  rounds: number,
): Promise<readonly FigureResult[]> {
  const first: Round = { ...round, number: 1, compares: true };
  await experiment.prepare?.(first);
  const pairs: Readonly<Record<string, Pair>>[] = [];
  for (let number = 1; number <= rounds; number++) {
    pairs.push(await experiment.run({ ...first, number, compares: number === 1 }));
    say(`  round ${number} of ${rounds}`);
  }
  return experiment.figures.flatMap((facts) => {
    const measured = pairs.flatMap((pair) => pair[facts.figure] ?? []);
    return measured.length === 0 ? [] : [summarise(facts, measured)];
  });
}

async function run(options: {
  readonly only?: string;
  readonly rounds?: string;
  readonly quick: boolean;
}): Promise<boolean> {
  const places = createPlaces();
  const sink = await Sink.start();
  const quick = options.quick;
  const round = {
    places,
    sink,
    say,
    size: (rows: number) => (quick ? Math.max(1000, Math.round(rows / QUICK)) : rows),
  };
  const measured: FigureResult[] = [];
  let failed = false;
  try {
    for (const experiment of chosen(options.only)) {
      const started = Date.now();
      say(experiment.name);
      try {
        const rounds = options.rounds === undefined ? (quick ? 1 : experiment.rounds) : Number(options.rounds);
        measured.push(...(await measure(experiment, round, rounds)));
      } catch (thrown) {
        if (thrown instanceof Skipped) say(`  left out: ${thrown.message}`);
        else {
          failed = true;
          say(`  failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
        }
      } finally {
        places.clean();
      }
      say(`  ${Math.round((Date.now() - started) / 1000)} s`);
      // After each, so that an evening's work is not lost with the last one.
      if (!quick && measured.length > 0) writeResults(mergeResults(readResults(), measured, ORDER));
    }
  } finally {
    sink.end();
    places.clean();
  }
  printTable(measured);
  return !failed;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    build: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

if (values.help) process.stdout.write(`${USAGE}\n`);
else if (values.list) {
  for (const { name, figures, rounds } of experiments)
    process.stdout.write(
      `${name} (${rounds} rounds)\n${figures.map(({ figure, title }) => `  ${figure}: ${title}\n`).join('')}`,
    );
} else if (values.render) writePage(readResults());
else {
  // What cannot be installed is left out, and says so.
  spawnSync(process.execPath, [join(ROOT, 'bench/setup-peers.mjs')], { stdio: 'inherit', cwd: ROOT });
  if (values.build) {
    const built = spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { stdio: 'inherit', cwd: ROOT });
    if (built.status !== 0) process.exit(1);
  }
  const { only, rounds, quick } = values;
  const fine = await run({
    quick,
    ...(only === undefined ? {} : { only }),
    ...(rounds === undefined ? {} : { rounds }),
  });
  process.exitCode = fine ? 0 : 1;
}
