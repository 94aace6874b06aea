import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { explainScheduleProblem } from '../knowledge/schedule.ts';
import { type Check, placeOf, settingPlace, statedBlock, targets } from './check.ts';

const INVALID: FindingDoc = {
  code: 'invalid-schedule',
  severity: 'error',
  title: 'A schedule that is no schedule',
  why: '`sync --due` could never tell when the activation is due.',
  fix: 'Write `after_dbt`, or five fields of cron: minute, hour, day of month, month, day of week.',
  bad: 'schedule: "0 25 * * *"',
  good: 'schedule: "0 6 * * 1-5"   # at 6 on weekdays',
};

export const schedule: Check = {
  name: 'schedule',
  docs: [INVALID],
  run: (context) => [
    ...targets(context).flatMap(({ activation }): readonly Finding[] => {
      const stated = statedBlock(context, activation)?.schedule ?? null;
      const problem = stated === null ? null : explainScheduleProblem(stated);
      if (problem === null) return [];
      const message = `The schedule of \`${activation.id}\` is not valid: ${problem}.`;
      return [findingOf(INVALID, { message, location: placeOf(activation, 'schedule') })];
    }),
    ...[...context.store.destinations.values()].flatMap((destination): readonly Finding[] => {
      const stated = context.project.settings.destinations.get(destination.name)?.defaults.schedule ?? null;
      const problem = stated === null ? null : explainScheduleProblem(stated);
      if (problem === null) return [];
      const message = `The default schedule of destination \`${destination.name}\` is not valid: ${problem}.`;
      return [findingOf(INVALID, { message, location: settingPlace(destination, 'defaults', 'schedule') })];
    }),
  ],
};
