import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Platform, Service } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { salesforceFacts } from './facts.ts';
import { createObjects } from './objects.ts';

function createService(facts: ServiceFacts): Service {
  return facts.service === 'audiences' ? createAudiences(facts) : createObjects(facts);
}

/** Salesforce: objects and campaign members, REST API and Bulk API 2.0, version 67.0. */
export const salesforce: Platform = {
  name: 'salesforce',
  title: 'Salesforce',
  services: salesforceFacts.map(createService),
};
