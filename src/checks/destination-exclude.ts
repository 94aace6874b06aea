import { type Finding, nearest } from '../finding.ts';
import { type FindingDoc, findingOf, listed, meant } from '../knowledge/finding-doc.ts';
import type { Segment } from '../knowledge/store.ts';
import { type Check, type CheckContext, placeOf, settingPlace, type Target, targets } from './check.ts';
import { ruleDoc } from './rule-docs.ts';

const NO_ACTIVATION: FindingDoc = {
  code: 'exclude-without-activation',
  severity: 'error',
  title: 'An excluded segment applies to nothing',
  why: 'An exclusion goes by primary key, so it protects activations of its own entity only; the destination has none.',
  fix: 'Exclude a segment of the entity that is sent.',
  bad: 'exclude: [cancelled_orders]   # only customers are sent there',
  good: 'exclude: [unsubscribed]',
};

const UNPROTECTED: FindingDoc = {
  code: 'exclude-does-not-protect',
  severity: 'info',
  title: 'Activations that an exclusion does not protect',
  why: 'Their rows are of another entity, whose key says nothing about the excluded ones.',
  fix: 'Exclude a segment of that entity too, if these rows can concern the same people.',
  bad: '',
  good: 'exclude: [unsubscribed, orders_of_unsubscribed]',
};

const STAYS: FindingDoc = {
  code: 'exclude-without-delete',
  severity: 'warning',
  title: 'An exclusion, and no way to remove',
  why: 'Whoever was sent before being excluded stays there.',
  fix: 'Add `delete` to the operations.',
  bad: 'exclude: [unsubscribed] and operations: [insert, update]',
  good: 'exclude: [unsubscribed] and operations: [insert, update, delete]',
};

function checkExclusion(context: CheckContext, name: string, own: readonly Target[]): readonly Finding[] {
  const [first] = own;
  if (first === undefined) return [];
  const { destination } = first;
  const location = settingPlace(destination, 'exclude', destination.exclude.indexOf(name));
  const segment = context.store.segments.get(name);
  if (segment === undefined) return [];
  const protectedOnes = own.filter((target) => target.activation.entity === segment.entity);
  if (protectedOnes.length === 0) {
    const message = `Destination \`${destination.name}\` excludes \`${name}\` of entity \`${segment.entity}\`, but no activation there sends that entity.`;
    return [findingOf(NO_ACTIVATION, { message, location })];
  }
  return [
    ...describeUnprotected(own, segment, { context, location }),
    ...protectedOnes.flatMap((target) => checkDelete(target, name)),
  ];
}

/** Activations for which neither this nor another exclusion of the destination speaks. */
function describeUnprotected(
  own: readonly Target[],
  segment: Segment,
  where: { readonly context: CheckContext; readonly location: Finding['location'] },
): readonly Finding[] {
  const covered = new Set(
    own[0]?.destination.exclude.map((other) => where.context.store.segments.get(other)?.entity) ?? [],
  );
  const others = own.filter((target) => !covered.has(target.activation.entity));
  if (others.length === 0) return [];
  const message = `Excluding \`${segment.name}\` goes by the key of \`${segment.entity}\` and does not protect ${listed(others.map((target) => target.activation.id))}.`;
  return [findingOf(UNPROTECTED, { message, location: where.location })];
}

function checkDelete({ activation, facts }: Target, name: string): readonly Finding[] {
  if (activation.operations.includes('delete') || !facts.operations.includes('delete')) return [];
  const message = `\`${activation.id}\` never removes: members of \`${name}\` that it has sent before stay at ${facts.title}.`;
  return [findingOf(STAYS, { message, location: placeOf(activation, 'operations') })];
}

export const destinationExclude: Check = {
  name: 'destination-exclude',
  docs: [NO_ACTIVATION, UNPROTECTED, STAYS],
  run: (context) => {
    const all = targets(context);
    return [...context.store.destinations.values()].flatMap((destination) => [
      ...destination.exclude.flatMap((name, index): readonly Finding[] => {
        if (context.store.segments.has(name)) return [];
        const near = nearest(name, context.store.segments.keys());
        const message = `Destination \`${destination.name}\` excludes the segment \`${name}\`, which does not exist${meant(near)}`;
        return [
          findingOf(ruleDoc('unknown-segment'), { message, location: settingPlace(destination, 'exclude', index) }),
        ];
      }),
      ...destination.exclude.flatMap((name) =>
        checkExclusion(
          context,
          name,
          all.filter((target) => target.destination === destination),
        ),
      ),
    ]);
  },
};
