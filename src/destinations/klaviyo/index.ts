import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { createEvents } from './events.ts';
import { klaviyoFacts } from './facts.ts';
import { createObjects } from './objects.ts';

function createService(facts: ServiceFacts): Service {
  if (facts.service === 'events') return createEvents(facts);
  return facts.service === 'audiences' ? createAudiences(facts) : createObjects(facts);
}

/** Klaviyo: profiles, lists and events, revision 2026-07-15. */
export const klaviyo: Platform = { name: 'klaviyo', title: 'Klaviyo', services: klaviyoFacts.map(createService) };
