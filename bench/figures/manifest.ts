import { join } from 'node:path';
import { writeManifestProject } from '../data/manifest.ts';
import type { Experiment, FigureFacts, Pair, Round } from '../figure.ts';
import { EXECUTABLE } from '../project/dinmo.ts';
import { runNode } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { makeOnce, ROOT } from '../run/places.ts';

/** Models that are annotated: few, whatever the size of the project. */
const ENTITIES = 20;
const SIZES = { '56mb': 5000, '220mb': 20_000 } as const;

async function project(round: Round, models: number): Promise<string> {
  return await makeOnce(join(round.places.kept, `manifest-${models}`), async (unfinished) => {
    writeManifestProject(unfinished, { models, entities: ENTITIES });
  });
}

async function run(round: Round, models: number): Promise<Pair> {
  const folder = await project(round, models);
  const floor = await runNode([join(ROOT, 'bench/floors/parse-json.mjs'), join(folder, 'target/manifest.json')], {
    cwd: folder,
  });
  must(Number(floor.stdout) >= models, `the manifest has ${floor.stdout} nodes`);
  // Findings are in order, errors are not.
  const ours = await runNode([EXECUTABLE, 'check'], { cwd: folder, codes: [0, 1] });
  return { ours: ours.usage.wallS, against: floor.usage.wallS, usage: { ours: ours.usage, against: floor.usage } };
}

function facts(size: keyof typeof SIZES): FigureFacts {
  return {
    figure: `manifest-${size}`,
    title: `check of a manifest of ${size.replace('mb', ' MB')}`,
    target: { atMost: 1.3 },
    unit: 'wall s',
    ours: 'the whole command',
    against: 'a process that reads the file and JSON.parse',
    ratio: 'quotient',
  };
}

export const manifest: Experiment = {
  name: 'manifest',
  figures: [facts('56mb'), facts('220mb')],
  rounds: 7,
  prepare: async (round) => {
    for (const models of Object.values(SIZES)) await project(round, round.size(models));
  },
  run: async (round) => ({
    'manifest-56mb': await run(round, round.size(SIZES['56mb'])),
    'manifest-220mb': await run(round, round.size(SIZES['220mb'])),
  }),
};
