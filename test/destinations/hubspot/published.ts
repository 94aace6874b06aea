import { HUBSPOT_VERSION } from '../../../src/destinations/hubspot/facts.ts';
import { readContract } from '../published-contract.ts';

/**
 * HubSpot's requests, as it last published them under a licence that lets them be kept here: one version before ours.
 * It calls every list of texts required there; HubSpot's guides go without the one that nobody needs.
 */
export const hubspotContract = readContract('hubspot', {
  version: HUBSPOT_VERSION,
  optional: ['BatchGetParams.propertiesWithHistory'],
});
