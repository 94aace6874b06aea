import { expect, test } from 'vitest';
import { failureText } from '../../src/report/failure.ts';

const location = { file: 'dinmo.yml', line: 3, column: 5 };

test.each([
  [{ message: 'It broke', location: null, fix: 'Mend it.' }, 'It broke. Mend it.'],
  [{ message: 'It broke.', location: null, fix: 'Mend it.' }, 'It broke. Mend it.'],
  [{ message: 'It broke.', location, fix: null }, 'It broke (dinmo.yml:3:5).'],
  [{ message: 'Is it\nbroken?', location, fix: 'Look.' }, 'Is it\nbroken (dinmo.yml:3:5)? Look.'],
])('a failure in sentences: %j', (failure, text) => {
  expect(failureText(failure)).toBe(text);
});
