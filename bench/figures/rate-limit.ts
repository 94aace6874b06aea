import { SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, Pair, Round } from '../figure.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { states } from '../project/prepared.ts';
import { writeDatabase, writeProject } from '../project/project.ts';
import { startSandbox } from '../project/sandbox.ts';
import { must } from '../run/must.ts';
import { RateWitness } from '../sink/rate-witness.ts';

const ROWS = 30_000;
/** HubSpot's smallest plans: 100 requests in any 10 seconds, 100 rows in each. */
const LIMIT = { requestsMax: 100, windowMs: 10_000 };
const PER_SECOND = LIMIT.requestsMax / (LIMIT.windowMs / 1000);
const LATENCY_MS = 150;

async function run(round: Round, rows: number): Promise<Pair> {
  const { path } = await states(round, rows, SYNC_SHIFT);
  const folder = round.places.scratch('rate-limit');
  await writeProject(folder, {
    destination: {
      platform: 'hubspot',
      service: 'objects',
      credentials: { access_token: "{{ env_var('BENCH_TOKEN') }}" },
    },
    activation: { mapping: { email: 'email', firstname: 'first_name' } },
  });
  await writeDatabase(folder, path, 'select * from states.first');
  const sandbox = await startSandbox();
  const witness = await RateWitness.start(sandbox.url, {
    latencyMs: LATENCY_MS,
    throttleAt: [60, 170],
    retryAfterS: 2,
  });
  try {
    const { report, usage } = await dinmo(folder, ['sync', '--sandbox', witness.url], {
      env: { BENCH_TOKEN: 'sandbox' },
    });
    mustBe(report, { insert: rows, update: 0, delete: 0 });
    const seen = witness.report(LIMIT);
    must(seen.above === 0, `${seen.above} requests above the limit`);
    must(seen.tooEarly === 0, `${seen.tooEarly} requests before Retry-After had passed`);
    // The first batch stands at the start of the time in which the others came.
    const perSecond = (seen.batches - 1) / seen.activeS;
    return { ours: perSecond, against: PER_SECOND, usage: { ours: usage, against: null }, seen: { ...seen } };
  } finally {
    witness.end();
    await sandbox.end();
  }
}

export const rateLimit: Experiment = {
  name: 'rate-limit',
  figures: [
    {
      figure: 'rate-limit',
      title: `latency-bound sync under a published limit, ${LATENCY_MS} ms of latency, two 429s`,
      target: { atLeast: 0.95 },
      unit: 'requests/s',
      ours: 'requests a second, less the pauses that were asked for; none above the limit in any 10 s',
      against: "token-bucket arithmetic: HubSpot's 100 requests in any 10 s",
      ratio: 'quotient',
    },
  ],
  rounds: 2,
  run: async (round) => ({ 'rate-limit': await run(round, round.size(ROWS)) }),
};
