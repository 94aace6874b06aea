import { describe, expect, test } from 'vitest';
import { instantsAround, parseSchedule } from '../../src/knowledge/schedule.ts';

test.each(['0 6 * * mon-fri', '*/20,5 8-10 1 JAN 7', '10/25 * * * *', '  0   6 * * *  '])('`%s` is one', (text) => {
  expect(parseSchedule(text)).toMatchObject({ kind: 'cron', expression: text.trim().split(/\s+/).join(' ') });
});

test.each([
  ['', 'it has 0 of'],
  ['daily', 'it has 1 of'],
  ['@daily', 'it has 1 of'],
  ['* * * *', 'it has 4 of'],
  ['0 * * * * *', 'it has 6 of'],
  ['60 * * * *', '`60` is no minute (0 to 59)'],
  ['* 24 * * *', '`24` is no hour'],
  ['* * 0 * *', '`0` is no day of month'],
  ['5-1 * * * *', '`5-1` is no minute'],
  ['*/0 * * * *', '`*/0` is no minute'],
  ['1,,2 * * * *', '`1,,2` is no minute'],
  ['* * * foo *', '`foo` is no month'],
  ['* * * * 8', '`8` is no day of week'],
  ['* * L * *', '`L` is no day of month'],
  ['0 0 30 2 *', 'there is no such day'],
])('`%s` is no schedule, and it is said why', (text, why) => {
  expect(parseSchedule(text)).toContain(why);
});

describe('the newest instant, and the next', () => {
  test.each([
    // An instant counts from its first second on.
    ['0 6 * * *', 'UTC', '2026-11-22T05:59:59.999Z', '2026-11-21T06:00:00.000Z', '2026-11-22T06:00:00.000Z'],
    ['0 6 * * *', 'UTC', '2026-11-22T06:00:00.000Z', '2026-11-22T06:00:00.000Z', '2026-11-23T06:00:00.000Z'],
    ['0 6 * * *', 'Europe/Paris', '2026-11-22T06:00:00.500Z', '2026-11-22T05:00:00.000Z', '2026-11-23T05:00:00.000Z'],
    // Clocks go from 2:00 to 3:00: half past two comes at three, once.
    ['30 2 * * *', 'Europe/Paris', '2026-03-29T00:59:59Z', '2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z'],
    ['30 2 * * *', 'Europe/Paris', '2026-03-29T12:00:00Z', '2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'],
    // Clocks go back from 3:00 to 2:00: half past two counts once, every half an hour counts both.
    ['30 2 * * *', 'Europe/Paris', '2026-10-25T00:45:00Z', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ['30 2 * * *', 'Europe/Paris', '2026-10-25T01:45:00Z', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ['*/30 * * * *', 'Europe/Paris', '2026-10-25T01:10:00Z', '2026-10-25T01:00:00.000Z', '2026-10-25T01:30:00.000Z'],
    // Where both fields name days, either is enough.
    ['0 0 1 * 1', 'UTC', '2026-11-29T00:00:00Z', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2026-11-29T00:00:00Z', '2024-02-29T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
  ])('%s in %s at %s', (expression, timezone, now, ...expected) => {
    const [newestAt, nextAt] = expected;
    expect(instantsAround(expression, timezone, Date.parse(now))).toEqual({ newestAt, nextAt });
  });
});
