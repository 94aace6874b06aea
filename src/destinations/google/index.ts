import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { createEvents } from './events.ts';
import { googleFacts } from './facts.ts';

function createService(facts: ServiceFacts): Service {
  return facts.service === 'events' ? createEvents(facts) : createAudiences(facts);
}

/** Google: Customer Match lists and conversions, Data Manager API v1. */
export const google: Platform = { name: 'google', title: 'Google', services: googleFacts.map(createService) };
