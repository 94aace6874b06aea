import { describe, expect, test } from 'vitest';
import { addActivationBlock } from '../../src/models/activation-block.ts';

/** The place of the first occurrence of a text. */
function placeOf(text: string, part: string) {
  const before = text.slice(0, text.indexOf(part)).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function add(text: string, at: string) {
  return addActivationBlock(text, placeOf(text, at), { name: 'crm', to: 'hubspot' });
}

describe('an activation is added', () => {
  test.each([
    [
      'to a block, after its comments, before the next one',
      'segments:\n  vip:\n    entity: customer   # ours\n    where: {attribute: a, eq: 1} # filter\n\n  # another\n  rest: {entity: customer}\n',
      'vip:',
      'segments:\n  vip:\n    entity: customer   # ours\n    where: {attribute: a, eq: 1} # filter\n    activations:\n      crm:\n        to: hubspot\n\n  # another\n  rest: {entity: customer}\n',
    ],
    [
      'beside others',
      'segments:\n  vip:\n    activations:\n      meta: {}\n    entity: customer\n',
      'vip:',
      'segments:\n  vip:\n    activations:\n      meta: {}\n      crm:\n        to: hubspot\n    entity: customer\n',
    ],
    [
      'in braces',
      'segments:\n  vip: {entity: customer, where: {attribute: a, eq: 1}}\n',
      '{entity',
      'segments:\n  vip: {entity: customer, where: {attribute: a, eq: 1}, activations: {crm: {to: hubspot}}}\n',
    ],
    [
      'to others in braces, with a comma at the end',
      'segments:\n  vip:\n    activations: {meta: {}, }\n',
      'vip:',
      'segments:\n  vip:\n    activations: {meta: {}, crm: {to: hubspot} }\n',
    ],
    [
      'to empty braces',
      'segments:\n  vip:\n    activations: {}\n',
      'vip:',
      'segments:\n  vip:\n    activations: {crm: {to: hubspot}}\n',
    ],
    [
      'to a key without a value, in a file without a last newline and with CRLF',
      'segments:\r\n  vip:\r\n    entity: customer\r\n    activations:',
      'vip:',
      'segments:\r\n  vip:\r\n    entity: customer\r\n    activations:\r\n      crm:\r\n        to: hubspot',
    ],
    [
      'after a text of several lines',
      'models:\n- name: customers\n  config:\n    meta:\n      dinmo:\n        entity:\n          description: |\n            Two\n            lines.\n\n  columns: []\n',
      'entity:',
      'models:\n- name: customers\n  config:\n    meta:\n      dinmo:\n        entity:\n          description: |\n            Two\n            lines.\n          activations:\n            crm:\n              to: hubspot\n\n  columns: []\n',
    ],
  ])('%s', (_what, text, at, expected) => {
    const added = add(text, at);
    expect(added.kind === 'added' ? added.text : added).toBe(expected);
  });
});

test('one that is there is left alone', () => {
  expect(add('segments:\n  vip:\n    activations: {crm: {to: x}}\n', 'vip:')).toEqual({ kind: 'present' });
});

test.each([
  ['a value from elsewhere', 'base: &b {entity: customer}\nsegments:\n  vip: *b\n', 'vip:'],
  ['activations that are no map', 'segments:\n  vip:\n    activations: [crm]\n', 'vip:'],
  ['a text that is no YAML', 'segments:\n  vip: {entity\n', 'vip:'],
  ['a place where nothing stands', 'segments:\n  vip: {}\n', 's:'],
])('nothing is touched for %s', (_what, text, at) => {
  expect(add(text, at)).toEqual({ kind: 'impossible' });
});

test('says where the block begins', () => {
  expect(add('segments:\n  vip:\n    entity: customer\n', 'vip:')).toMatchObject({
    line: 4,
    block: 'activations:\n  crm:\n    to: hubspot',
  });
});
