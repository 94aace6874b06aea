import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { createEvents } from './events.ts';
import { metaFacts } from './facts.ts';

function createService(facts: ServiceFacts): Service {
  return facts.service === 'events' ? createEvents(facts) : createAudiences(facts);
}

/** Meta: custom audiences and the Conversions API, Graph API v26.0. */
export const meta: Platform = { name: 'meta', title: 'Meta Ads', services: metaFacts.map(createService) };
