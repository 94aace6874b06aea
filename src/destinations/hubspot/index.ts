import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { hubspotFacts } from './facts.ts';
import { createObjects } from './objects.ts';

function createService(facts: ServiceFacts): Service {
  return facts.service === 'audiences' ? createAudiences(facts) : createObjects(facts);
}

/** HubSpot: CRM objects and lists of contacts, date version 2026-09. */
export const hubspot: Platform = { name: 'hubspot', title: 'HubSpot', services: hubspotFacts.map(createService) };
