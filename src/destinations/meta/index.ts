import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { createCatalog } from './catalog.ts';
import { createEvents } from './events.ts';
import { metaFacts } from './facts.ts';

const SERVICES: Readonly<Record<ServiceFacts['service'], (facts: ServiceFacts) => Service>> = {
  audiences: createAudiences,
  events: createEvents,
  objects: createCatalog,
};

function createService(facts: ServiceFacts): Service {
  return SERVICES[facts.service](facts);
}

/** Meta: custom audiences, the Conversions API and catalogs, Graph API v26.0. */
export const meta: Platform = { name: 'meta', title: 'Meta Ads', services: metaFacts.map(createService) };
