import { expect, test } from 'vitest';
import { parseSchedule } from '../../src/knowledge/schedule.ts';

test.each([
  ['0 6 * * mon-fri', { hours: [6], daysOfWeek: [1, 2, 3, 4, 5], anyDayOfMonth: true, anyDayOfWeek: false }],
  [
    '*/20,5 8-10 1 JAN 7',
    { minutes: [0, 5, 20, 40], hours: [8, 9, 10], daysOfMonth: [1], months: [1], daysOfWeek: [0] },
  ],
  ['10/25 * * * *', { minutes: [10, 35] }],
])('%s', (text, expected) => {
  const parsed = parseSchedule(text);
  for (const [name, values] of Object.entries(expected)) {
    const actual = Object.entries(parsed).find(([key]) => key === name)?.[1];
    expect(actual instanceof Set ? [...actual].sort((a, b) => a - b) : actual, name).toEqual(values);
  }
});

test.each([
  '',
  'daily',
  '* * * *',
  '60 * * * *',
  '* * 0 * *',
  '5-1 * * * *',
  '*/0 * * * *',
  '1,,2 * * * *',
  '* * * foo *',
])('`%s` is no schedule, and it is said why', (text) => {
  expect(typeof parseSchedule(text)).toBe('string');
});
