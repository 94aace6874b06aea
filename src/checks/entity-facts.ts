import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import { indexTests, isBuiltIn, type TestIndex } from '../knowledge/keys.ts';
import type { Entity } from '../knowledge/store.ts';
import type { Check } from './check.ts';

const NO_EVENT_TIME: FindingDoc = {
  code: 'fact-without-event-time',
  severity: 'warning',
  title: 'A fact without an event time',
  why: 'Windows (`during`), `first` and `last`, and events need to know when it happened.',
  fix: 'Add `event_time:` with the column that says when.',
  bad: 'entity: {name: order, type: fact}',
  good: 'entity: {name: order, type: fact, event_time: ordered_at}',
};

const WEAK_TEST: FindingDoc = {
  code: 'key-test-not-counted',
  severity: 'info',
  title: 'A test on the key does not hold it',
  why: 'A test that is disabled, looks at some rows only, or only warns lets duplicate keys through; such rows are not sent.',
  fix: 'Enable the test, without `where`, with severity error.',
  bad: 'unique: {config: {where: "created_at > current_date - 7"}}',
  good: 'unique',
};

function weakTests(tests: TestIndex, entity: Entity): readonly Finding[] {
  const key = new Set(entity.primaryKey.map((column) => column.toLowerCase()));
  return (tests.get(entity.node.uniqueId) ?? []).flatMap((test): readonly Finding[] => {
    if (!isBuiltIn(test)) return [];
    if (test.testName !== 'unique' && test.testName !== 'not_null') return [];
    if (test.columnName === null || !key.has(test.columnName.toLowerCase())) return [];
    const reason = !test.enabled
      ? 'is disabled'
      : test.where !== null
        ? 'has a `where`'
        : test.severity === 'warn'
          ? 'only warns'
          : null;
    if (reason === null) return [];
    const message = `The ${test.testName} test on \`${test.columnName}\`, the key of entity \`${entity.name}\`, ${reason}.`;
    return [findingOf(WEAK_TEST, { message, location: entity.origin.locate([]), node: test.uniqueId })];
  });
}

export const entityFacts: Check = {
  name: 'entity-facts',
  docs: [NO_EVENT_TIME, WEAK_TEST],
  run: (context) => {
    const tests = indexTests(context.project.manifest);
    return [...context.store.entities.values()].flatMap((entity) => {
      const missing =
        entity.type === 'fact' && entity.eventTime === null
          ? [
              findingOf(NO_EVENT_TIME, {
                message: `Entity \`${entity.name}\` is a fact, and nothing says when it happened.`,
                location: entity.origin.locate(['type']),
                node: entity.node.uniqueId,
              }),
            ]
          : [];
      return [...missing, ...weakTests(tests, entity)];
    });
  },
};
