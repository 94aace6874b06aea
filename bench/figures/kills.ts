import { killRounds } from '../../test/e2e/kills/kill-rounds.ts';
import type { Experiment } from '../figure.ts';
import { must } from '../run/must.ts';

/** A thousand take about half an hour. */
const KILLS = Number(process.env['BENCH_KILLS'] ?? 1000);

export const kills: Experiment = {
  name: 'kills',
  figures: [
    {
      figure: 'kills-resent',
      title: `rows sent again after a SIGKILL at a random moment, ${KILLS} times: the most after one death`,
      target: { atMost: 1 },
      unit: 'rows',
      ours: 'most rows of the webhook that had been applied and came again',
      against: 'rows that may be under way: connections × batch size',
      ratio: 'quotient',
    },
    {
      figure: 'kills-lost',
      title: `rows lost in ${KILLS} deaths`,
      target: { atMost: 0 },
      unit: 'rows',
      ours: 'missing, left over or out of date at a platform when a sync had run to its end',
      against: null,
      ratio: 'value',
    },
  ],
  rounds: 1,
  run: async (round) => {
    const wanted = round.size(1_000_000) < 1_000_000 ? 3 : KILLS;
    let told = 0;
    const report = await killRounds({
      kills: wanted,
      seed: round.number,
      say: (line) => {
        told += 1;
        if (told % 100 === 0) round.say(`  ${line}`);
      },
    });
    must(report.unusableFiles === 0, `${report.unusableFiles} unusable files`);
    const seen = { kills: report.kills, resent_in_all: report.resentTotal, ...report.stages };
    return {
      'kills-resent': { ours: report.resentRowsMax, against: report.boundRows, seen },
      'kills-lost': { ours: report.lost, against: null },
    };
  },
};
