import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf, listed } from '../knowledge/finding-doc.ts';
import { destinationKeyField } from '../knowledge/mapping.ts';
import { accountKey } from './account.ts';
import { type Check, placeOf, type Target, targets } from './check.ts';

const AUDIENCE: FindingDoc = {
  code: 'audience-shared',
  severity: 'error',
  title: 'Two activations fill one audience',
  why: 'Each would remove the other’s members as leavers of its own.',
  fix: 'Give one of them another `audience:`, or make one segment of both.',
  bad: 'vip: {activations: {meta: {audience: VIP}}}, top: {activations: {meta: {audience: VIP}}}',
  good: 'vip: {activations: {meta: {audience: VIP}}}, top: {activations: {meta: {audience: Top}}}',
};

const FIELD: FindingDoc = {
  code: 'field-shared',
  severity: 'warning',
  title: 'Two activations write the same field of the same objects',
  why: 'For a row that both hold, the value would be that of whichever ran last.',
  fix: 'Map the field in one of them only.',
  bad: 'vip: {mapping: {tier: {value: gold}}}, all: {mapping: {tier: {value: none}}}',
  good: 'all: {mapping: {is_vip: {segment: vip}}}',
};

/** Pairs of targets that are one destination, each pair once. */
function pairs(all: readonly Target[]): readonly (readonly [Target, Target])[] {
  return all.flatMap((first, index) =>
    all
      .slice(index + 1)
      .filter((second) => accountKey(first.destination, first.facts) === accountKey(second.destination, second.facts))
      .map((second) => [first, second] as const),
  );
}

function checkAudience([first, second]: readonly [Target, Target]): readonly Finding[] {
  const { audience } = second.activation;
  if (audience === null || audience !== first.activation.audience) return [];
  const message = `\`${first.activation.id}\` and \`${second.activation.id}\` both fill the audience “${audience}” of one ${second.facts.platform} account.`;
  return [findingOf(AUDIENCE, { message, location: placeOf(second.activation, 'audience') })];
}

function checkFields([first, second]: readonly [Target, Target]): readonly Finding[] {
  const key = destinationKeyField(second.facts, second.destination.config);
  if (key === null) return [];
  const fields = new Set(first.activation.mapping.map((field) => field.field));
  const both = second.activation.mapping
    .map((field) => field.field)
    .filter((field) => fields.has(field) && field !== key);
  if (both.length === 0) return [];
  const message = `\`${first.activation.id}\` and \`${second.activation.id}\` both write ${listed(both)} of the same objects.`;
  return [findingOf(FIELD, { message, location: placeOf(second.activation, 'mapping') })];
}

export const activationOverlap: Check = {
  name: 'activation-overlap',
  docs: [AUDIENCE, FIELD],
  run: (context) => pairs(targets(context)).flatMap((pair) => [...checkAudience(pair), ...checkFields(pair)]),
};
