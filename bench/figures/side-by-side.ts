import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, Pair, Round } from '../figure.ts';
import { dinmo } from '../project/dinmo.ts';
import { states } from '../project/prepared.ts';
import { webhookAt, writeDatabase, writeProject } from '../project/project.ts';
import { must } from '../run/must.ts';

const ROWS = 20_000;
const LATENCY_MS = 10;
/** Rows of a request: the first of the five takes longest. One request at a time each. */
const BATCHES = [100, 125, 150, 200, 250];

/** Five accounts of one address, and an activation of the same rows to each of those that are wanted. */
export async function severalPlatforms(
  round: Round,
  { rows, wanted }: { readonly rows: number; readonly wanted: number },
): Promise<string> {
  const { path } = await states(round, rows, SYNC_SHIFT);
  const folder = round.places.scratch(`to-${wanted}-platforms`);
  await writeProject(folder, { destination: webhookAt(round.sink.url) });
  await writeDatabase(folder, path, 'select * from states.first');
  const settings = JSON.parse(readFileSync(join(folder, 'dinmo.yml'), 'utf8')) as Record<string, unknown>; // as written there
  const places = BATCHES.slice(0, wanted).map((batch, index) => {
    const { url } = webhookAt(round.sink.url)['config'] as { url: string };
    const config = { url: `${url}/${index}`, batch_size: batch, connections: 1 };
    return [`out${index}`, { platform: 'webhook', service: 'audiences', config }] as const;
  });
  writeFileSync(join(folder, 'dinmo.yml'), JSON.stringify({ ...settings, destinations: Object.fromEntries(places) }));
  rewriteActivations(
    folder,
    places.map(([name]) => name),
  );
  return folder;
}

/** One activation for each destination, in the manifest that commands read. */
function rewriteActivations(folder: string, names: readonly string[]): void {
  for (const file of ['models/sources.yml', 'target/manifest.json']) {
    const text = readFileSync(join(folder, file), 'utf8');
    const one = /"activations":\{"out":(\{"to":"out".*?\}\})\}/;
    const [, body = ''] = one.exec(text) ?? [];
    must(body !== '', `${file} has no activation`);
    const all = names.map((name) => `"${name}":${body.replace('"to":"out"', `"to":"${name}"`)}`);
    writeFileSync(join(folder, file), text.replace(one, `"activations":{${all.join(',')}}`));
  }
}

async function wall(round: Round, { rows, wanted }: { readonly rows: number; readonly wanted: number }) {
  const folder = await severalPlatforms(round, { rows, wanted });
  await round.sink.set({ latencyMs: LATENCY_MS });
  const { usage, report } = await dinmo(folder, ['sync', '--threads', '5']);
  must(report.status === 'succeeded', JSON.stringify(report));
  const { rows: taken } = await round.sink.counts();
  must(taken === rows * wanted, `${taken} rows arrived, not ${rows * wanted}`);
  return usage;
}

async function run(round: Round): Promise<Pair> {
  const rows = round.size(ROWS);
  const alone = await wall(round, { rows, wanted: 1 });
  const together = await wall(round, { rows, wanted: BATCHES.length });
  return { ours: together.wallS, against: alone.wallS, usage: { ours: together, against: alone } };
}

export const sideBySide: Experiment = {
  name: 'side-by-side',
  figures: [
    {
      figure: 'side-by-side',
      title: `one segment of 20 k rows to five platforms, ${LATENCY_MS} ms of latency, one request at a time each`,
      target: { atMost: 1.3 },
      unit: 'wall s',
      ours: 'all five in one command',
      against: 'the slowest of them alone',
      ratio: 'quotient',
    },
  ],
  rounds: 3,
  run: async (round) => ({ 'side-by-side': await run(round) }),
};
