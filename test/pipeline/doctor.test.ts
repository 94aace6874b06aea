import { expect, test } from 'vitest';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { apiVerdict } from '../../src/pipeline/doctor.ts';

test('doctor names the version of a platform’s API, and warns before it ends', () => {
  const facts = serviceLookup().facts('klaviyo', 'audiences');
  if (facts === null) throw new Error('no Klaviyo');
  const sunset = Date.parse(facts.api?.sunset ?? '');
  const until = `API ${facts.api?.version} until ${facts.api?.sunset}`;
  const days = (count: number): number => sunset - count * 86_400_000;
  expect(apiVerdict('answers', facts, days(91))).toEqual({ status: 'ok', detail: `answers, ${until}` });
  expect(apiVerdict('answers', facts, days(89))).toMatchObject({ status: 'warn', detail: `answers, ${until}` });
  expect(apiVerdict('answers', facts, days(-1))).toMatchObject({ status: 'warn' });
  expect(apiVerdict('answers', { ...facts, api: null }, days(-1))).toEqual({ status: 'ok', detail: 'answers' });
});
