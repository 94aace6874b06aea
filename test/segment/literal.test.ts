import { expect, test } from 'vitest';
import { numberText, parseDate, parseTime, parseTimestamp } from '../../src/segment/literal.ts';

test.each([
  ['2024-02-29', '2024-02-29'],
  ['2023-02-29', null],
  ['2024-13-01', null],
  ['0099-12-31', '0099-12-31'],
  ['0000-01-01', null],
  ['2024-1-1', null],
  ['2024-01-01T00:00', null],
])('the date %s is %s', (text, expected) => {
  expect(parseDate(text)).toBe(expected);
});

test.each([
  ['2024-03-31', null],
  ['2024-03-31T10:00', '2024-03-31 10:00:00'],
  ['2024-03-31 10:00:05', '2024-03-31 10:00:05'],
  ['2024-03-31t10:00:05.120z', '2024-03-31 10:00:05.12'],
  ['2024-03-01T00:30:00.000001+01:00', '2024-02-29 23:30:00.000001'],
  ['2024-12-31 23:30:00-0230', '2025-01-01 02:00:00'],
  ['2024-12-31 23:30:00+05', '2024-12-31 18:30:00'],
  ['0099-01-01T00:00:00Z', '0099-01-01 00:00:00'],
  ['0001-01-01T00:00:00+05:00', null],
  ['2024-03-31T24:00:00', null],
  ['2024-03-31T10:00:00+20:00', null],
  ['2024-03-31T10:00:00.1234567', null],
  ['2024-02-30T10:00:00', null],
])('the timestamp %s is %s in UTC', (text, expected) => {
  expect(parseTimestamp(text)).toBe(expected);
});

test.each([
  ['10:05', '10:05:00'],
  ['23:59:59.500', '23:59:59.5'],
  ['24:00:00', null],
  ['9:00', null],
])('the time %s is %s', (text, expected) => {
  expect(parseTime(text)).toBe(expected);
});

test.each<[number | bigint, string]>([
  [1e-7, '0.0000001'],
  [1.25e-9, '0.00000000125'],
  [-1e21, '-1000000000000000000000'],
  [1.5e22, '15000000000000000000000'],
  [-0, '0'],
  [0.1, '0.1'],
  [12345678901234567890n, '12345678901234567890'],
])('the number %s keeps its digits', (value, expected) => {
  expect(numberText(value)).toBe(expected);
});
