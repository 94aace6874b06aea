import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { type Check, placeOf } from './check.ts';

const STILL_THERE: FindingDoc = {
  code: 'was-still-there',
  severity: 'error',
  title: '`was:` names an activation that still exists',
  why: 'Its state belongs to it and cannot be moved away.',
  fix: 'Remove `was:`, or the old activation.',
  bad: 'new: {was: vip.new}',
  good: 'new: {was: vip.old}',
};

const TWICE: FindingDoc = {
  code: 'was-taken-twice',
  severity: 'error',
  title: 'Two activations take the state of one',
  why: 'The state can be moved once.',
  fix: 'Keep `was:` in one of them.',
  bad: 'a: {was: vip.old}, b: {was: vip.old}',
  good: 'a: {was: vip.old}, b: {}',
};

export const renamedActivation: Check = {
  name: 'renamed-activation',
  docs: [STILL_THERE, TWICE],
  run: ({ store }) => {
    const takers = new Map<string, string>();
    return [...store.activations.values()].flatMap((activation): readonly Finding[] => {
      const { id, was } = activation;
      if (was === null) return [];
      const location = placeOf(activation, 'was');
      if (store.activations.has(was)) {
        return [findingOf(STILL_THERE, { message: `\`${id}\` was \`${was}\`, which still exists.`, location })];
      }
      const other = takers.get(was);
      takers.set(was, other ?? id);
      if (other === undefined) return [];
      return [findingOf(TWICE, { message: `\`${other}\` and \`${id}\` both take the state of \`${was}\`.`, location })];
    });
  },
};
