import { expect, it } from 'vitest';
import { HUBSPOT_VERSION } from '../../src/destinations/hubspot/facts.ts';
import { KLAVIYO_REVISION } from '../../src/destinations/klaviyo/facts.ts';
import { hubspotContract } from './hubspot/published.ts';
import { readContract } from './published-contract.ts';

const klaviyo = readContract('klaviyo');
const ask = (method: 'GET' | 'POST' | 'PUT', url: string, body?: unknown) => ({
  ...{ method, url },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});
const list = (type: string, attributes: object) => ({ data: { type, attributes } });

it('is of the revision that is sent, where the vendor published that one', () => {
  expect(klaviyo.version).toBe(KLAVIYO_REVISION);
  expect(hubspotContract.version < HUBSPOT_VERSION).toBe(true);
});

it.each([
  ['another path', ask('POST', 'https://a.klaviyo.com/api/list', list('list', { name: 'VIP' })), /no operation/],
  ['another method', ask('PUT', 'https://a.klaviyo.com/api/lists', list('list', { name: 'VIP' })), /no operation/],
  ['a parameter', ask('GET', 'https://a.klaviyo.com/api/lists?filters=x'), /unknown parameter filters/],
  ['no body', ask('POST', 'https://a.klaviyo.com/api/lists'), /no body/],
  ['a body of a read', ask('GET', 'https://a.klaviyo.com/api/lists', {}), /where none belongs/],
  ['another type', ask('POST', 'https://a.klaviyo.com/api/lists', list('lists', { name: 'VIP' })), /allowed values/],
  [
    'an unknown name',
    ask('POST', 'https://a.klaviyo.com/api/lists', list('list', { name: 'V', title: 'V' })),
    /additional/,
  ],
  ['a missing name', ask('POST', 'https://a.klaviyo.com/api/lists', list('list', {})), /required property 'name'/],
  ['a number for a text', ask('POST', 'https://a.klaviyo.com/api/lists', list('list', { name: 1 })), /must be string/],
])('knows %s for a breach', (_what, request, says) => {
  expect(klaviyo.faultsOf(request)).toEqual([expect.stringMatching(says)]);
});

it('knows a number for a record id of HubSpot for a breach, and takes the request as it should be', () => {
  const url = `https://api.hubapi.com/crm/lists/${HUBSPOT_VERSION}/12/memberships/add`;
  expect(hubspotContract.faultsOf(ask('PUT', url, [12]))).toEqual([expect.stringMatching(/must be string/)]);
  expect(hubspotContract.faultsOf(ask('PUT', url, ['12']))).toEqual([]);
});
