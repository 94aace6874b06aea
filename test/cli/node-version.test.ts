import { expect, test } from 'vitest';
import { isNewEnough, oldNodeText } from '../../src/cli/node-version.ts';

test.each([
  ['22.18.0', true],
  ['22.19.1', true],
  ['24.0.0', true],
  ['22.9.0', false],
  ['20.20.2', false],
  ['18.99.0', false],
])('Node %s, where 22.18 is wanted: %s', (version, expected) => {
  expect(isNewEnough(version, '>=22.18')).toBe(expected);
});

test('an old Node is told both versions and a way out', () => {
  expect(oldNodeText('20.20.2', '>=22.18')).toMatch(/Node 22\.18 or newer; this is Node 20\.20\.2\.\n.*npm install/);
});
