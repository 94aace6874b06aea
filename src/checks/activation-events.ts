import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { eventAgeDaysMax } from '../knowledge/service-facts.ts';
import { type Check, type CheckContext, placeOf, statedBlock, type Target, targets } from './check.ts';

const NEED_FACT: FindingDoc = {
  code: 'events-need-fact',
  severity: 'error',
  title: 'Events from an entity without an event time',
  why: 'An event is something that happened at a time; the platform is told when.',
  fix: 'Write `type: fact` and `event_time:` on the entity.',
  bad: 'entity: {name: order, type: fact}',
  good: 'entity: {name: order, type: fact, event_time: ordered_at}',
};

const NOT_EVENTS: FindingDoc = {
  code: 'since-not-supported',
  severity: 'error',
  title: '`since` or `lookback` on a service without events',
  why: 'They choose events by their time; members of audiences and objects have none.',
  fix: 'Remove the key, or put the condition into the segment.',
  bad: 'meta_customers: {since: first_sync}',
  good: 'meta_conversions: {since: first_sync}',
};

const TOO_OLD: FindingDoc = {
  code: 'lookback-beyond-limit',
  severity: 'warning',
  title: 'A lookback longer than the platform accepts',
  why: 'Events older than the platform’s own limit are invalid and are not sent.',
  fix: 'Shorten the lookback.',
  bad: 'meta_conversions: {lookback: {last: 30, unit: day}}   # the limit is 7 days',
  good: 'meta_conversions: {lookback: {last: 7, unit: day}}',
};

/** Days of a unit, the longest that it can be. */
const UNIT_DAYS: Readonly<Record<string, number>> = {
  minute: 1 / 1440,
  hour: 1 / 24,
  day: 1,
  week: 7,
  month: 31,
  year: 366,
};

function checkEvents(context: CheckContext, { activation, destination, facts }: Target): readonly Finding[] {
  const entity = context.store.entities.get(activation.entity);
  const findings: Finding[] = [];
  if (entity !== undefined && (entity.type !== 'fact' || entity.eventTime === null)) {
    const what = entity.type === 'fact' ? 'has no event_time' : 'is a dimension';
    const message = `The activation \`${activation.id}\` sends events, but \`${entity.name}\` ${what}.`;
    findings.push(findingOf(NEED_FACT, { message, location: placeOf(activation) }));
  }
  const { lookback } = activation;
  const days = lookback === null ? 0 : lookback.last * (UNIT_DAYS[lookback.unit] ?? 0);
  const daysMax = eventAgeDaysMax(facts, destination.config);
  if (daysMax !== null && days > daysMax) {
    const message = `The lookback of \`${activation.id}\` is longer than the ${daysMax} days that ${facts.title} accepts.`;
    findings.push(findingOf(TOO_OLD, { message, location: placeOf(activation, 'lookback') }));
  }
  return findings;
}

export const activationEvents: Check = {
  name: 'activation-events',
  docs: [NEED_FACT, NOT_EVENTS, TOO_OLD],
  run: (context) =>
    targets(context).flatMap((target): readonly Finding[] => {
      if (target.facts.service === 'events') return checkEvents(context, target);
      const { activation, facts } = target;
      const block = statedBlock(context, activation);
      return (['since', 'lookback'] as const)
        .filter((key) => block !== null && block[key] !== null)
        .map((key) => {
          const message = `The activation \`${activation.id}\` states \`${key}\`, but ${facts.title} takes no events.`;
          return findingOf(NOT_EVENTS, { message, location: placeOf(activation, key) });
        });
    }),
};
