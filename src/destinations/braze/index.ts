import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { createEvents } from './events.ts';
import { brazeFacts } from './facts.ts';
import { createObjects } from './objects.ts';

function createService(facts: ServiceFacts): Service {
  if (facts.service === 'events') return createEvents(facts);
  return facts.service === 'audiences' ? createAudiences(facts) : createObjects(facts);
}

/** Braze: user attributes, custom events and purchases, audiences by a true or false attribute or a subscription group. */
export const braze: Platform = { name: 'braze', title: 'Braze', services: brazeFacts.map(createService) };
