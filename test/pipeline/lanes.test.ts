import { expect, test } from 'vitest';
import type { Activation } from '../../src/knowledge/store.ts';
import type { Context } from '../../src/pipeline/context.ts';
import { lanesOf } from '../../src/pipeline/lanes.ts';

const PLACE = { host: 'shop.slgnt.eu', organization: 'Shop' };
const API = { api_key: "{{ env_var('KEY') }}", api_secret: "{{ env_var('KEY') }}" };
const OTHERS = { baseUrl: null, defaultCountry: undefined, origin: { locate: () => null } };
const DESTINATIONS = [
  { name: 'records', service: 'objects', config: { ...PLACE, list: 'CUSTOMERS' } },
  { name: 'elsewhere', service: 'objects', config: { ...PLACE, list: 'PRODUCTS' } },
  { name: 'segments', service: 'audiences', config: { ...PLACE, list: 'CUSTOMERS', match_by: 'email' } },
  { name: 'broken', service: 'audiences', config: {} },
].map((one) => ({ ...OTHERS, ...one, platform: 'selligent', credentials: API }));

test('services that a platform takes one at a time share a lane, whatever else their settings say', async () => {
  const destinations = new Map(DESTINATIONS.map((one) => [one.name, one]));
  const context = { store: { destinations }, options: {}, project: { env: { KEY: 'k' }, targetPath: '/p/target' } };
  const names = ['records', 'elsewhere', 'segments', 'broken', 'records'];
  const activations = names.map((destination) => ({ destination }));
  // Only what is looked at.
  const lanes = await lanesOf(context as unknown as Context, activations as unknown as readonly Activation[]);
  expect(lanes.map((lane) => lane.map(({ place }) => names[place]))).toEqual([
    ['records', 'segments', 'records'],
    ['elsewhere'],
    ['broken'],
  ]);
});

test('what one account holds is written by one activation after another: a list makes contacts, too', async () => {
  const hubspot = (name: string, service: string, key: string) => ({
    ...{ ...OTHERS, name, platform: 'hubspot', service },
    config: service === 'objects' ? { object_type: 'contacts', id_property: 'email' } : {},
    credentials: { access_token: `{{ env_var('${key}') }}` },
  });
  const all = [
    hubspot('contacts', 'objects', 'KEY'),
    hubspot('elsewhere', 'audiences', 'OTHER_KEY'),
    hubspot('lists', 'audiences', 'KEY'),
  ];
  const destinations = new Map(all.map((one) => [one.name, one]));
  const context = { store: { destinations }, options: {}, project: { env: {}, targetPath: '/p/target' } };
  const activations = all.map(({ name }) => ({ destination: name }));
  const lanes = await lanesOf(context as unknown as Context, activations as unknown as readonly Activation[]);
  expect(lanes.map((lane) => lane.map(({ place }) => all[place]?.name))).toEqual([
    ['contacts', 'lists'],
    ['elsewhere'],
  ]);
});
