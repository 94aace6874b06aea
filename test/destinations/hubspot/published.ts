import { HUBSPOT_VERSION } from '../../../src/destinations/hubspot/facts.ts';
import { readContract } from '../published-contract.ts';

/**
 * HubSpot's requests, as it last published them under a licence that lets them be kept here: one version before ours.
 * It calls members required that are a list or a number, also where it says what comes of leaving them out (`listIds` of the
 * search for lists): the history of properties, which nobody reads here, is not asked for with an empty list.
 */
export const hubspotContract = readContract('hubspot', {
  version: HUBSPOT_VERSION,
  optional: ['BatchGetParams.propertiesWithHistory'],
});
