import type { Platform } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { zendeskFacts } from './facts.ts';
import { createObjects } from './objects.ts';

/** Zendesk: users, organizations and tags of users, Ticketing API v2. */
export const zendesk: Platform = {
  name: 'zendesk',
  title: 'Zendesk',
  services: zendeskFacts.map((facts) =>
    facts.service === 'audiences' ? createAudiences(facts) : createObjects(facts),
  ),
};
