import { describe, expect, test } from 'vitest';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { type KeyContext, shownKey } from '../../src/pipeline/shown-key.ts';

/** One activation `vip.out` of an entity with these key columns; `identifiers` are those that recognise somebody. */
function world(
  service: readonly [platform: string, service: string],
  key: readonly string[],
  identifiers: readonly string[],
): KeyContext {
  const properties = new Map(key.map((name) => [name, { identifier: identifiers.includes(name) ? {} : null }]));
  const store = {
    activations: new Map([['vip.out', { entity: 'customer', destination: 'out' }]]),
    entities: new Map([['customer', { primaryKey: key, properties }]]),
    destinations: new Map([['out', { platform: service[0], service: service[1] }]]),
  };
  return { store: store as unknown as KeyContext['store'], services: serviceLookup() }; // only what is looked at
}

describe('a key is shown', () => {
  test('as it is where it says nothing outside', () => {
    expect(shownKey(world(['webhook', 'audiences'], ['customer_id'], []), 'vip.out', 'c-1001')).toBe('c-1001');
  });

  test.each([
    ['anna@example.com', 'a…@example.com'],
    ['+33612345678', '+3…78'],
    ['4711', '…'],
  ])('masked where it is an identifier: %s', (key, masked) => {
    expect(shownKey(world(['webhook', 'audiences'], ['contact'], ['contact']), 'vip.out', key)).toBe(masked);
  });

  test('masked whole where one of its parts is an identifier', () => {
    const keys = world(['files', 'audiences'], ['email', 'phone'], ['email']);
    expect(shownKey(keys, 'vip.out', '{"email":"anna@example.com","phone":"+33612345678"}')).toBe('{…}');
  });

  test('masked where the platform knows rows by a field', () => {
    expect(shownKey(world(['hubspot', 'objects'], ['customer_id'], []), 'vip.out', 'anna@example.com')).toBe(
      'a…@example.com',
    );
  });

  test('masked where nobody knows any more what it was', () => {
    expect(shownKey(world(['webhook', 'audiences'], ['customer_id'], []), 'gone.out', 'anna@example.com')).toBe(
      'a…@example.com',
    );
  });
});
